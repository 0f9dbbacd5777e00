package journal

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// run is the committer: the one goroutine that writes segments. It ends after
// Close, when nothing is pending any more.
func (l *Log) run() {
	defer close(l.done)
	for {
		b, relief, ok := l.take()
		if !ok {
			return
		}
		if relief != nil {
			l.relieve(relief)
		}
		if b == nil {
			continue
		}
		b.err = l.commitBatch(b)
		close(b.done)
		// Lets the writers just woken queue their next records, so that they
		// share the coming fsync: 8 writers get 1.6 times the rate.
		runtime.Gosched()
	}
}

// take waits for something to do. ok is false when the log closes and all is
// done.
func (l *Log) take() (b *batch, relief *attempt, ok bool) {
	for {
		l.mu.Lock()
		if relief = l.relief; len(l.pending.buf) > 0 {
			b = l.pending
			l.pending, l.spare = newBatch(l.spare), nil
			if b.taken != nil {
				close(b.taken)
			}
		}
		closing := l.closing
		l.mu.Unlock()
		if b != nil || relief != nil || closing {
			return b, relief, b != nil || relief != nil
		}
		<-l.wake
	}
}

// commitBatch puts a batch on disk and settles what follows from its success
// or failure.
func (l *Log) commitBatch(b *batch) error {
	l.mu.Lock()
	err := l.poison
	l.mu.Unlock()
	if err == nil {
		err = l.write(b.buf)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reserved -= int64(len(b.buf))
	if cap(b.buf) <= maxSpare {
		l.spare = b.buf
	}
	b.buf = nil
	if err != nil {
		return err
	}
	l.trouble, l.stat.Full = nil, false
	return nil
}

// write puts frames on disk, in as many segments as they take.
func (l *Log) write(frames []byte) error {
	now := l.now()
	if l.current.size > headerSize && now.Sub(l.current.created) >= max(l.opts.Retention, time.Hour) {
		// So that records leave when their retention is over although there
		// is too little traffic to fill a segment.
		if err := l.rotate(now); err != nil {
			return err
		}
	}
	for len(frames) > 0 {
		n, records := l.sealFrames(frames, l.current, now)
		if n == 0 {
			if err := l.rotate(now); err != nil {
				return err
			}
			continue
		}
		if err := l.put(frames[:n], l.current.size); err != nil {
			return err
		}
		l.publish(int64(n), records, now)
		frames = frames[n:]
	}
	return nil
}

// sealFrames completes as many frames as the segment has room for and tells
// how many bytes and records they are.
func (l *Log) sealFrames(frames []byte, s *segment, at time.Time) (n int, records uint64) {
	for n < len(frames) {
		offset, size := s.size+int64(n), frameLen(frames[n:])
		if offset > headerSize && offset+size > l.opts.SegmentBytes {
			break
		}
		sealFrame(s.key, s.number, offset, at, frames[n:n+int(size)], &l.place)
		n += int(size)
		records++
	}
	return n, records
}

// put writes and syncs. A full disk is undone; any other failure is the end.
func (l *Log) put(frames []byte, offset int64) error {
	err := writeAll(l.file, frames, offset)
	if err == nil {
		if err = l.file.Sync(); err == nil {
			return nil
		}
		return l.fail("sync", err)
	}
	undo := l.file.Truncate(offset)
	if undo == nil && noSpace(err) {
		if undo = l.file.Sync(); undo == nil {
			return l.hinder(fmt.Errorf("write: %w: %w", ingest.ErrFull, err))
		}
	}
	return l.fail("write", err)
}

// publish makes what was synced known to readers.
func (l *Log) publish(n int64, records uint64, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.current.size += n
	l.current.lastWrite = now
	l.bytes += n
	l.stat.Records += records
	l.stat.Batches++
	if l.oldest.IsZero() {
		l.oldest = now
	}
	l.wakeReaders()
}

// rotate turns to a new segment.
func (l *Log) rotate(now time.Time) error {
	next := &segment{number: l.current.number + 1, key: l.key, created: now, sound: true}
	file, err := l.create(next)
	if err != nil {
		return err
	}
	if err := l.file.Close(); err != nil {
		l.opts.Log.Warn("journal segment not closed cleanly; its records were synced before",
			"dir", l.opts.Dir, "segment", next.number-1, "err", err)
	}
	l.file, l.current = file, next
	l.mu.Lock()
	defer l.mu.Unlock()
	l.segments = append(l.segments, next)
	l.bytes += next.size
	l.wakeReaders()
	return nil
}

func (l *Log) now() time.Time { return l.opts.Now().UTC().Truncate(time.Microsecond) }

// create makes a segment's file, with its header and its name durable.
func (l *Log) create(s *segment) (File, error) {
	path := segmentPath(l.opts.Dir, s.number)
	file, err := l.opts.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, fileMode)
	if err != nil {
		// Too many open files, perhaps: nothing was written, it may pass.
		return nil, l.hinder(fmt.Errorf("create segment %d: %w", s.number, err))
	}
	doing := "write header"
	text := appendHeader(nil, header{number: s.number, created: s.created, key: s.key})
	err = writeAll(file, text, 0)
	full := err != nil && noSpace(err)
	if err == nil {
		doing = "sync header"
		err = file.Sync()
	}
	if err == nil {
		err = syncDir(l.opts.Dir)
	}
	if err == nil {
		s.size = headerSize
		return file, nil
	}
	_ = file.Close() // what matters has failed already
	if removeErr := removeFiles(l.opts.Dir, path); full && removeErr == nil {
		return nil, l.hinder(fmt.Errorf("create segment %d: %w: %w", s.number, ingest.ErrFull, err))
	}
	return nil, l.fail(doing, err)
}

// fail poisons the log.
func (l *Log) fail(doing string, err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	end := l.end()
	l.poison = fmt.Errorf("journal %s: %s segment %d: %w: %w", l.opts.Dir, doing, end.Segment, err, ErrPoisoned)
	l.opts.Log.LogAttrs(context.Background(), slog.LevelError, "journal poisoned: it takes no more records; check the disk, then restart",
		slog.String("dir", l.opts.Dir), slog.Uint64("segment", end.Segment), slog.Int64("offset", end.Offset), slog.Any("err", err))
	return l.poison
}

// hinder notes a failure that left no trace on disk and may pass.
func (l *Log) hinder(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := l.trouble == nil
	l.trouble, l.troubleAt = fmt.Errorf("journal %s: %w", l.opts.Dir, err), l.opts.Now()
	if first {
		l.opts.Log.LogAttrs(context.Background(), slog.LevelError, "journal refuses records for now",
			slog.String("dir", l.opts.Dir), slog.Any("err", err))
	}
	return l.trouble
}
