package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/leadgate/leadgate/ingest"
)

// Scan calls each, in order, for every record in dir that is committed and
// still kept. It changes nothing and takes no lock, so it may run beside the
// process that writes to the log; segments that are deleted meanwhile are left
// out. The data are valid until each returns. It stops at each's first error
// and returns it. Damage is stepped over and returned at the end: the
// *CorruptErrors, joined.
func Scan(dir string, each func(ingest.Record) error) error {
	m, err := readPointer(dir)
	if err != nil {
		return fmt.Errorf("scan journal %s: %w", dir, err)
	}
	found, err := survey(dir, m.key)
	for tries := 1; errors.Is(err, fs.ErrNotExist) && tries < 10; tries++ { // one was deleted meanwhile
		found, err = survey(dir, m.key)
	}
	if err != nil {
		return fmt.Errorf("scan journal %s: %w", dir, err)
	}
	var damage []error
	for _, err := range found.damage {
		var corrupt *CorruptError
		if errors.As(err, &corrupt) && corrupt.Segment <= m.position.Segment { // the newest may be in the making
			damage = append(damage, err)
		}
	}
	for _, s := range found.segments {
		limit := s.size
		if s.number == m.position.Segment {
			limit = min(limit, m.position.Offset)
		}
		if s.number > m.position.Segment || limit <= headerSize {
			continue
		}
		errs, err := scanSegment(dir, s, limit, each)
		if err != nil {
			return err
		}
		damage = append(damage, errs...)
	}
	if len(damage) > 0 {
		return fmt.Errorf("scan journal %s: %w", dir, errors.Join(damage...))
	}
	return nil
}

// Latest calls each for every record of the newest segment that holds any, in
// order: what was kept last before this process opened the log. It returns each's
// first error. Damage is stepped over in silence, since reading tells of it. The
// data are valid until each returns.
func (l *Log) Latest(each func(ingest.Record) error) error {
	l.mu.Lock()
	segments := make([]segment, len(l.segments))
	for i, s := range l.segments {
		segments[i] = segment{number: s.number, key: s.key, size: s.size}
	}
	l.mu.Unlock()
	for i := len(segments) - 1; i >= 0; i-- {
		found := false
		_, err := scanSegment(l.opts.Dir, &segments[i], segments[i].size, func(r ingest.Record) error {
			found = true
			return each(r)
		})
		if found || err != nil {
			return err
		}
	}
	return nil
}

func scanSegment(dir string, s *segment, limit int64, each func(ingest.Record) error) (damage []error, err error) {
	file, err := os.Open(segmentPath(dir, s.number))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // its time was over
	} else if err != nil {
		return nil, fmt.Errorf("scan journal: %w", err)
	}
	defer func() { _ = file.Close() }()
	scan := &scanner{file: file, segment: s.number, key: s.key, offset: headerSize, limit: limit, chunk: readChunk, recycle: true}
	for {
		f, err := scan.next()
		switch {
		case err == nil:
			err = each(ingest.Record{
				At:   ingest.Position{Segment: s.number, Offset: f.offset},
				Next: ingest.Position{Segment: s.number, Offset: f.end},
				Data: f.data,
			})
			if err != nil {
				return nil, err
			}
		case errors.Is(err, io.EOF):
			return damage, nil
		case !isCorrupt(err):
			return nil, fmt.Errorf("scan journal: %w", err)
		default:
			if len(damage) < maxReported {
				damage = append(damage, err)
			}
			if _, err := scan.resync(); err != nil {
				return nil, fmt.Errorf("scan journal: %w", err)
			}
		}
	}
}

// AppendAll is Append for several records, which are kept in their order and
// share their fsyncs. After an error any of them may or may not be kept.
func (l *Log) AppendAll(ctx context.Context, records [][]byte) error {
	var batches []*batch
	wait := func() error {
		for _, b := range batches {
			select {
			case <-b.done:
				if b.err != nil {
					return b.err
				}
			case <-ctx.Done():
				return fmt.Errorf("journal append, outcome unknown: %w", ctx.Err())
			}
		}
		return nil
	}
	for _, record := range records {
		size := frameSize + int64(len(record))
		if int64(len(record)) > l.opts.MaxRecordBytes || headerSize+size+l.headersFor(size) > l.opts.MaxBytes {
			return errors.Join(wait(), fmt.Errorf("journal record of %d bytes: %w: the bound is %d, in a budget of %d",
				len(record), ingest.ErrTooLarge, l.opts.MaxRecordBytes, l.opts.MaxBytes))
		}
		b, err := l.enqueue(ctx, record, size)
		if err != nil {
			return errors.Join(wait(), err)
		}
		if n := len(batches); n == 0 || batches[n-1] != b {
			batches = append(batches, b)
		}
	}
	return wait()
}
