package journal

import (
	"context"
	"fmt"

	"github.com/leadgate/leadgate/ingest"
)

// maxBatch is about how many bytes gather for one write; appends beyond it
// wait for the batch after.
const maxBatch = 8 << 20

// maxSpare is the largest buffer that is kept for the next batch.
const maxSpare = 2 << 20

// batch is what one write and one fsync put on disk together.
type batch struct {
	buf   []byte // frames, sealed when they are written
	taken chan struct{}
	done  chan struct{}
	err   error // set before done is closed
}

func newBatch(buf []byte) *batch {
	return &batch{buf: buf[:0], done: make(chan struct{})}
}

// Append keeps record. It returns nil once the record is fsynced; record may
// be reused as soon as it returns, whatever it returns.
//
// When ctx ends first, Append returns its error and the record may or may not
// be kept: nobody was told that it is, and its sender will send it again.
// Other errors: ingest.ErrTooLarge, ingest.ErrFull, ingest.ErrClosed and
// ErrPoisoned, all wrapped, or one of the file system; after these, too, the
// record may be found on disk later, but usually is not.
func (l *Log) Append(ctx context.Context, record []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	size := frameSize + int64(len(record))
	if int64(len(record)) > l.opts.MaxRecordBytes || headerSize+size+l.headersFor(size) > l.opts.MaxBytes {
		return fmt.Errorf("journal record of %d bytes: %w: the bound is %d, in a budget of %d",
			len(record), ingest.ErrTooLarge, l.opts.MaxRecordBytes, l.opts.MaxBytes)
	}
	b, err := l.enqueue(ctx, record, size)
	if err != nil {
		return err
	}
	select {
	case <-b.done:
		return b.err
	case <-ctx.Done():
	}
	select {
	case <-b.done: // both at once: the true answer is the better one
		return b.err
	default:
		return fmt.Errorf("journal append, outcome unknown: %w", ctx.Err())
	}
}

// enqueue copies record into the pending batch, waiting for room in it, in the
// budget and on the disk.
func (l *Log) enqueue(ctx context.Context, record []byte, size int64) (*batch, error) {
	l.askDisk()
	l.mu.Lock()
	defer l.mu.Unlock()
	var asked *attempt
	for {
		var wait chan struct{}
		b := l.pending
		switch {
		case l.closing:
			return nil, l.closedError()
		case l.poison != nil:
			return nil, l.poison
		case !l.fits(size), !l.diskFits(size):
			if l.stat.Full = l.stat.Full || !l.fits(size); !l.reclaimable() {
				return nil, l.roomError()
			}
			if asked != nil && asked.err != nil {
				return nil, asked.err
			}
			if l.relief == nil {
				l.relief = &attempt{done: make(chan struct{})}
				l.wakeCommitter()
			}
			asked = l.relief
			wait = asked.done
		case len(b.buf) > 0 && int64(len(b.buf))+size > maxBatch:
			if b.taken == nil {
				b.taken = make(chan struct{})
			}
			wait = b.taken
		default:
			if len(b.buf) == 0 {
				l.wakeCommitter()
			}
			b.buf = appendFrame(b.buf, record)
			l.reserved += size
			l.diskUse += size
			return b, nil
		}
		l.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
		}
		l.mu.Lock()
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}

// fits tells whether a frame of that size stays within the budget, with the
// headers of the segments it may take to write it. Callers hold mu.
func (l *Log) fits(size int64) bool {
	frames := l.reserved + size
	return l.bytes+frames+l.headersFor(frames) <= l.opts.MaxBytes
}

// roomError says what an append lacks. Callers hold mu.
func (l *Log) roomError() error {
	if l.stat.Full {
		return l.fullError()
	}
	return l.diskError()
}

// headersFor is the most that segment headers can take when frames of that
// size in all are written: any two segments in a row hold more than
// SegmentBytes.
func (l *Log) headersFor(frames int64) int64 {
	return (2*frames/l.opts.SegmentBytes + 1) * headerSize
}
