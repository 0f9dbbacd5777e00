package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/leadgate/leadgate/ingest"
)

// readChunk is how much is read from a segment at a time, at most; readLimit
// is the bound of a Read whose caller set none.
const (
	readChunk = 256 << 10
	readLimit = 1 << 20
)

// Read returns records from a position on, in order, fsynced ones only. It
// waits until there is at least one. It returns at most maxRecords (no bound
// if not positive) of at most maxBytes together (1 MiB if not positive), but
// one record however large. The records' data are the caller's to keep.
//
// The position is the zero one (the start of the log), Committed, a record's
// At or Next. Damage is stepped over: see CorruptError and Stat. What was
// deleted because it was committed is stepped over silently.
//
// Errors: ctx's, ingest.ErrClosed (wrapped), or one of the file system, after
// which the same Read may be tried again.
func (l *Log) Read(ctx context.Context, from ingest.Position, maxRecords int, maxBytes int64) ([]ingest.Record, error) {
	if maxBytes <= 0 {
		maxBytes = readLimit
	}
	r := reading{log: l, at: from, maxRecords: maxRecords, maxBytes: maxBytes}
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s, grown, err := l.locate(&r.at, len(r.records) == 0)
		switch {
		case err != nil:
			return nil, err
		case s != nil:
			more, err := r.segment(s)
			if len(r.records) > 0 && (!more || err != nil) {
				return r.records, nil //nolint:nilerr // what is read is handed out first; the next Read meets the fault
			}
			if err != nil {
				return nil, err
			}
		case len(r.records) > 0:
			return r.records, nil
		default:
			select {
			case <-grown:
			case <-ctx.Done():
			}
		}
	}
}

// located is the part of a segment that may be read at one moment.
type located struct {
	number uint64
	key    key
	size   int64
}

// locate moves at to the next readable byte and returns the segment it stands
// in. At the end of the log it returns none, and, if wait is set, a channel
// that is closed when there may be more.
func (l *Log) locate(at *ingest.Position, wait bool) (*located, <-chan struct{}, error) {
	for {
		l.mu.Lock()
		if l.closing {
			defer l.mu.Unlock()
			return nil, nil, l.closedError()
		}
		if end := l.end(); !at.Less(end) {
			defer l.mu.Unlock()
			if *at != end {
				return nil, nil, fmt.Errorf("journal %s: read at %d:%d, behind the end %d:%d",
					l.opts.Dir, at.Segment, at.Offset, end.Segment, end.Offset)
			}
			if wait && l.grown == nil {
				l.grown = make(chan struct{})
			}
			return nil, l.grown, nil
		}
		i, _ := l.search(at.Segment)
		s := l.segments[i]
		// A committed segment may be gone; reclaim has moved the pointer out of
		// it first.
		lost := s.number > at.Segment && at.Segment > 0 && at.Segment >= l.committed.Segment
		found := located{number: s.number, key: s.key, size: s.size}
		active := s == l.active()
		l.mu.Unlock()
		if lost {
			l.noteDamage(&CorruptError{Segment: at.Segment, Err: errMissing}, 0)
		}
		if at.Segment < found.number {
			*at = ingest.Position{Segment: found.number}
		}
		at.Offset = max(at.Offset, headerSize)
		if at.Offset < found.size {
			return &found, nil, nil
		}
		if active {
			continue // at the end, or there is more by now
		}
		*at = ingest.Position{Segment: found.number + 1, Offset: headerSize}
	}
}

// reading is one Read under way.
type reading struct {
	log        *Log
	at         ingest.Position
	records    []ingest.Record
	maxRecords int
	maxBytes   int64
	bytes      int64
}

// segment reads on in one segment. more tells that the bounds leave room for
// further records.
func (r *reading) segment(s *located) (more bool, err error) {
	file, err := os.Open(segmentPath(r.log.opts.Dir, s.number))
	if errors.Is(err, os.ErrNotExist) {
		r.vanished(s)
		return true, nil
	} else if err != nil {
		return false, fmt.Errorf("read journal: %w", err)
	}
	defer func() { _ = file.Close() }()
	scan := &scanner{file: file, segment: s.number, key: s.key, offset: r.at.Offset, limit: s.size, chunk: r.chunk()}
	for {
		f, err := scan.next()
		switch {
		case err == nil:
			size := int64(len(f.data))
			if len(r.records) > 0 && r.bytes+size > r.maxBytes {
				return false, nil
			}
			r.at.Offset = f.end
			r.bytes += size
			r.records = append(r.records, ingest.Record{
				At:   ingest.Position{Segment: s.number, Offset: f.offset},
				Next: r.at,
				Data: f.data,
			})
			if len(r.records) == r.maxRecords || r.bytes >= r.maxBytes {
				return false, nil
			}
		case errors.Is(err, io.EOF):
			return true, nil
		case isCorrupt(err):
			damaged := scan.offset
			if _, syncErr := scan.resync(); syncErr != nil {
				return false, fmt.Errorf("read journal: %w", syncErr)
			}
			r.log.noteDamage(err, scan.offset-damaged)
			r.at.Offset = scan.offset
		default:
			return false, fmt.Errorf("read journal: %w", err)
		}
	}
}

// vanished steps over a segment whose file is not there: deleted since it was
// located, or lost.
func (r *reading) vanished(s *located) {
	r.log.mu.Lock()
	lost := r.log.find(s.number) != nil
	r.log.mu.Unlock()
	if lost {
		r.log.noteDamage(&CorruptError{Segment: s.number, Offset: r.at.Offset, Err: errMissing}, s.size-r.at.Offset)
	}
	r.at.Offset = s.size
}

// chunk is how much to read at a time: enough for the whole call if that is
// little.
func (r *reading) chunk() int64 {
	n := r.maxBytes - r.bytes + frameSize
	if r.maxRecords > 0 {
		n = min(n, int64(r.maxRecords-len(r.records))*(4<<10))
	}
	return min(max(n, 4<<10), readChunk)
}
