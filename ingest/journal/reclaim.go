package journal

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// find returns the segment of that number, nil if there is none. Callers hold
// mu.
func (l *Log) find(number uint64) *segment {
	i, ok := l.search(number)
	if !ok {
		return nil
	}
	return l.segments[i]
}

// search returns the index of the first segment at or after number. Callers
// hold mu.
func (l *Log) search(number uint64) (int, bool) {
	return slices.BinarySearchFunc(l.segments, number, func(s *segment, n uint64) int {
		switch {
		case s.number < n:
			return -1
		case s.number > n:
			return 1
		}
		return 0
	})
}

// wholly tells whether all of s is committed. Callers hold mu.
func (l *Log) wholly(s *segment) bool {
	return !l.committed.Less(ingest.Position{Segment: s.number, Offset: s.size})
}

// reclaimable tells whether room could be made by giving up something that is
// committed. Callers hold mu.
func (l *Log) reclaimable() bool {
	for _, s := range l.segments {
		if !l.wholly(s) {
			return false
		}
		if !s.keep && (s != l.active() || s.size > headerSize) {
			return true
		}
	}
	return false
}

// reclaimableBytes counts the bytes of what reclaimable means. The segment
// being written to leaves a header behind. Callers hold mu.
func (l *Log) reclaimableBytes() (n int64) {
	for _, s := range l.segments {
		if !l.wholly(s) {
			break
		}
		switch {
		case s.keep:
		case s == l.active():
			n += s.size - headerSize
		default:
			n += s.size + s.aside
		}
	}
	return n
}

// attempt is one try of the committer to make room. err says why there is none.
type attempt struct {
	done chan struct{}
	err  error // set before done is closed
}

// relieve makes room when the budget or the disk is spent: committed segments go
// although Retention would still keep them, the one being written to included.
func (l *Log) relieve(asked *attempt) {
	l.mu.Lock()
	before := l.bytes
	turn := l.wholly(l.current) && l.current.size > headerSize && l.poison == nil
	l.mu.Unlock()
	if turn {
		if asked.err = l.rotate(l.now()); asked.err == nil {
			before += headerSize
		}
	}
	l.reclaim(context.Background(), true)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.relief = nil
	if asked.err == nil && l.bytes >= before {
		asked.err = l.roomError()
	}
	close(asked.done)
}

// reclaim deletes what is wholly committed and older than Retention, oldest
// first; under pressure, whatever its age, as long as the log is full, and always
// as long as the disk is short. What is damaged stays.
func (l *Log) reclaim(ctx context.Context, pressure bool) {
	if err := l.leaveSealed(); err != nil {
		l.opts.Log.Error("journal keeps a committed segment for now", "dir", l.opts.Dir, "err", err)
	}
	l.reclaimMu.Lock()
	defer l.reclaimMu.Unlock()
	for proofs := 0; ctx.Err() == nil && proofs < maxProofs; {
		s := l.nextToGo()
		if s == nil {
			return
		}
		// Unless this process wrote it all and read none of it wrong, it is
		// verified: that tells its age, and nothing damaged is deleted.
		if !s.sound {
			if proofs++; !l.prove(s) {
				continue
			}
		}
		l.mu.Lock()
		age := l.opts.Now().Sub(s.lastWrite)
		full, short := l.stat.Full, l.diskIsShort()
		l.mu.Unlock()
		if young := age < l.opts.Retention; young && !short && (!pressure || !full) {
			return
		} else if young {
			l.opts.Log.Warn("journal budget spent or disk nearly full: a committed segment goes before its retention is over",
				"dir", l.opts.Dir, "segment", s.number, "age", age, "max_bytes", l.opts.MaxBytes)
		}
		l.remove(s)
	}
}

// nextToGo returns the oldest segment that may be considered for deletion.
func (l *Log) nextToGo() *segment {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.segments[:len(l.segments)-1] {
		if s.number >= l.committed.Segment {
			return nil
		}
		if !s.keep {
			return s
		}
	}
	return nil
}

// maxProofs is how many segments are read whole at one go, so that a commit
// after a long pause does not hold its caller up; the next one goes on.
const maxProofs = 4

// prove verifies every checksum of a sealed segment.
func (l *Log) prove(s *segment) bool {
	last, err := verifySegment(l.opts.Dir, s, nil)
	if err != nil {
		l.noteDamage(err, 0)
		l.mu.Lock()
		s.keep = true
		l.mu.Unlock()
		if !isCorrupt(err) {
			l.opts.Log.Error("journal segment cannot be verified; it is kept",
				"dir", l.opts.Dir, "segment", s.number, "err", err)
		}
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.lastWrite = last; last.IsZero() {
		s.lastWrite = s.created
	}
	s.sound = true
	return true
}

// remove deletes a segment's files and forgets it. A file that cannot be
// deleted is kept.
func (l *Log) remove(s *segment) {
	l.opts.Hook("journal.remove.before")
	// The torn file first: a crash in between must not leave it without its
	// segment, for then nothing would ever delete it.
	err := os.Remove(tornPath(l.opts.Dir, s.number))
	if err == nil || errors.Is(err, os.ErrNotExist) {
		l.opts.Hook("journal.remove.between")
		err = removeFiles(l.opts.Dir, segmentPath(l.opts.Dir, s.number))
	}
	l.opts.Hook("journal.remove.after")
	if err != nil {
		l.mu.Lock()
		s.keep = true
		l.mu.Unlock()
		l.opts.Log.Error("journal segment cannot be deleted; remove it by hand",
			"dir", l.opts.Dir, "segment", s.number, "err", err)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if i, ok := l.search(s.number); ok {
		// A new slice: readers do not hold mu while they use a segment.
		l.segments = slices.Concat(l.segments[:i], l.segments[i+1:])
		l.bytes -= s.size + s.aside
		l.diskUse -= s.size + s.aside
	}
	l.stat.Full = false
}

// verifySegment reads a segment from end to end. It calls each for every whole
// record and returns when the last one was written and a *CorruptError for
// every damaged place, joined.
func verifySegment(dir string, s *segment, each func(frame)) (last time.Time, err error) {
	file, err := os.Open(segmentPath(dir, s.number))
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			err = &CorruptError{Segment: s.number, Err: errMissing}
		}
		return last, err
	}
	defer func() { _ = file.Close() }()
	var errs []error
	head := make([]byte, headerSize)
	if fault, err := readPatched(file, head, 0); err != nil {
		return last, err
	} else if h, err := parseHeader(head); err != nil || h.number != s.number {
		if err == nil {
			err = errHeader
		}
		errs = append(errs, &CorruptError{Segment: s.number, Err: errors.Join(err, fault)})
	}
	scan := &scanner{file: file, segment: s.number, key: s.key, offset: headerSize, limit: s.size, chunk: 256 << 10, recycle: true}
	for {
		f, err := scan.next()
		switch {
		case err == nil:
			last = f.at
			if each != nil {
				each(f)
			}
			continue
		case errors.Is(err, io.EOF):
			return last, errors.Join(errs...)
		case !isCorrupt(err):
			return last, err
		}
		if len(errs) < maxReported {
			errs = append(errs, err)
		}
		if _, err := scan.resync(); err != nil {
			return last, err
		}
	}
}

// maxReported is how many damaged places of one segment are told one by one.
const maxReported = 100
