package journal

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/leadgate/leadgate/ingest"
)

// Verify reads every segment in dir and checks every checksum. It changes
// nothing and takes no lock. It calls report, if not nil, once for every
// segment, in order, with the number of its whole records and nil or the
// damage: one *CorruptError or several, joined. A segment that is missing and
// not known to be committed is reported, too.
//
// While a process writes to the log, the last segment may show a record that
// is half written; a crash leaves the like, and the next Open mends it.
//
// It returns an error if anything is damaged or cannot be read.
func Verify(dir string, report func(segment uint64, records int, err error)) error {
	m, pointerErr := readPointer(dir)
	if errors.Is(pointerErr, fs.ErrNotExist) {
		pointerErr = nil
	}
	found, err := survey(dir, m.key)
	if err != nil {
		return fmt.Errorf("verify journal %s: %w", dir, err)
	}
	if report == nil {
		report = func(uint64, int, error) {}
	}
	damaged, expected := 0, m.position.Segment
	for _, s := range found.segments {
		if expected > 0 && s.number > expected {
			damaged++
			report(expected, 0, &CorruptError{Segment: expected, Err: errMissing})
		}
		expected = max(m.position.Segment, s.number+1)
		records := 0
		_, err := verifySegment(dir, s, func(frame) { records++ })
		if err != nil {
			damaged++
		}
		report(s.number, records, err)
	}
	switch {
	case pointerErr != nil:
		return fmt.Errorf("verify journal %s: %w; %d segments damaged or missing", dir, pointerErr, damaged)
	case damaged > 0:
		return fmt.Errorf("verify journal %s: %d segments damaged or missing", dir, damaged)
	}
	return nil
}

// Inspect tells the state of the log in dir from its files alone: it changes
// nothing and takes no lock. Of Stat it fills Bytes, Segments, Committed, End
// and Uncommitted. Beside a process that writes to the log the figures are
// those of a moment ago.
func Inspect(dir string) (Stat, error) {
	m, err := readPointer(dir)
	if err != nil {
		return Stat{}, fmt.Errorf("inspect journal %s: %w", dir, err)
	}
	found, err := survey(dir, m.key)
	if err != nil {
		return Stat{}, fmt.Errorf("inspect journal %s: %w", dir, err)
	}
	stat := Stat{Segments: len(found.segments), Committed: m.position, End: m.position, Uncommitted: bytesAfter(m.position, found.segments)}
	for _, s := range found.segments {
		stat.Bytes += s.size + s.aside
		stat.End = ingest.Position{Segment: s.number, Offset: s.size}
	}
	return stat, nil
}
