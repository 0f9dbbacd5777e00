package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// Commit moves the commit pointer to upTo, a record's Next: what stands before
// it need not be read again. When it returns nil the pointer is durable. A
// position at or behind the pointer changes nothing. It then deletes segments
// that are wholly committed and older than Options.Retention; a failure there
// is logged, not returned.
//
// After an error the old pointer stands, or the new one; try again.
func (l *Log) Commit(ctx context.Context, upTo ingest.Position) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := l.moveTo(upTo); err != nil {
		return err
	}
	l.reclaim(ctx, false)
	return nil
}

func (l *Log) moveTo(upTo ingest.Position) error {
	l.commitMu.Lock()
	defer l.commitMu.Unlock()
	l.mu.Lock()
	end, closing, stands := l.end(), l.closing, !l.committed.Less(upTo)
	l.mu.Unlock()
	switch {
	case closing:
		return l.closedError()
	case stands:
		return nil
	case end.Less(upTo):
		return fmt.Errorf("journal %s: commit of %d:%d, behind the end %d:%d",
			l.opts.Dir, upTo.Segment, upTo.Offset, end.Segment, end.Offset)
	}
	if err := l.pointer.set(upTo); err != nil {
		return fmt.Errorf("journal %s: %w", l.opts.Dir, err)
	}
	for {
		l.mu.Lock()
		l.committed = upTo
		written := l.stat.Records
		l.mu.Unlock()
		oldest, known := l.timeAt(upTo)
		l.mu.Lock()
		if oldest.IsZero() && written != l.stat.Records {
			l.mu.Unlock() // one came while we looked
			continue
		}
		if known {
			l.oldest = oldest
		}
		l.mu.Unlock()
		return nil
	}
}

// leaveSealed moves a commit pointer that stands at the end of a sealed segment
// to the start of the next one. Only then may the segment be deleted: a
// segment that is missing at or behind the pointer is always a loss.
func (l *Log) leaveSealed() error {
	l.commitMu.Lock()
	defer l.commitMu.Unlock()
	l.mu.Lock()
	i, found := l.search(l.committed.Segment)
	if l.closing || !found || l.segments[i] == l.active() || !l.wholly(l.segments[i]) {
		l.mu.Unlock()
		return nil
	}
	next := ingest.Position{Segment: l.segments[i+1].number, Offset: headerSize}
	l.mu.Unlock()
	if err := l.pointer.set(next); err != nil {
		return fmt.Errorf("journal %s: %w", l.opts.Dir, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.committed = next
	return nil
}

// timeAt returns when the first record at or behind a position was written,
// zero if there is none yet. It is false if that cannot be told.
func (l *Log) timeAt(at ingest.Position) (time.Time, bool) {
	for {
		s, _, err := l.locate(&at, false)
		if s == nil || err != nil {
			return time.Time{}, err == nil
		}
		file, err := os.Open(segmentPath(l.opts.Dir, s.number))
		if err != nil {
			return time.Time{}, false
		}
		scan := &scanner{file: file, segment: s.number, key: s.key, offset: at.Offset, limit: s.size, chunk: 4 << 10}
		f, err := scan.next()
		if isCorrupt(err) {
			if found, _ := scan.resync(); found {
				f, err = scan.next()
			} else {
				err = io.EOF
			}
		}
		_ = file.Close()
		if err == nil {
			return f.at, true
		}
		if !errors.Is(err, io.EOF) {
			return time.Time{}, false
		}
		at.Offset = s.size
	}
}
