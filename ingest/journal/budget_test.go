package journal

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// The budget refuses, never overwrites, leaves room to commit, and gives way
// as soon as something is committed.
func TestBudget(t *testing.T) {
	t.Parallel()
	const budget = 8 << 10
	book := &logbook{}
	l := mustOpen(t, Options{Dir: t.TempDir(), MaxBytes: budget, Retention: time.Hour, Log: book.logger()})
	n := 0
	fill := func() {
		t.Helper()
		for ; ; n++ {
			err := l.Append(t.Context(), payload(n))
			if errors.Is(err, ingest.ErrFull) {
				if !strings.Contains(err.Error(), "8192") {
					t.Errorf("the budget is not told: %v", err)
				}
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if s := l.Stat(); s.Bytes > budget {
				t.Fatalf("%d bytes in a budget of %d", s.Bytes, budget)
			}
		}
	}
	fill()
	if s := l.Stat(); !s.Full || n < 40 || s.Bytes < budget-500 {
		t.Errorf("full after %d records: %+v", n, s)
	}
	if err := l.Healthy(); !errors.Is(err, ingest.ErrFull) {
		t.Errorf("healthy: %v", err)
	}
	all := readAll(t, l, ingest.Position{})
	if !slices.Equal(numbersOf(all), span(0, n)) {
		t.Errorf("%d records, read %v", n, numbersOf(all))
	}
	// Half of it committed: that half gives way although Retention would keep
	// it, as much as is needed, and no more.
	half := len(all) / 2
	if err := l.Commit(t.Context(), all[half].Next); err != nil {
		t.Fatal(err)
	}
	if err := l.Healthy(); err != nil {
		t.Errorf("there is room to be made: %v", err)
	}
	if kept := readAll(t, l, ingest.Position{}); len(kept) != len(all) {
		t.Errorf("retention kept %d of %d records", len(kept), len(all))
	}
	mustAppend(t, l, payload(n))
	n++
	if !strings.Contains(book.String(), "before its retention is over") {
		t.Errorf("nobody was told: %s", book)
	}
	if kept := readAll(t, l, ingest.Position{}); kept[0].At.Segment != 2 {
		t.Errorf("segments up to %d went for one more record", kept[0].At.Segment)
	}
	fill()
	if got := numbersOf(readAll(t, l, l.Committed())); !slices.Equal(got, span(half+1, n)) {
		t.Errorf("uncommitted: %v", got)
	}
	// All of it committed, the segment being written to included.
	if err := l.Commit(t.Context(), l.Stat().End); err != nil {
		t.Fatal(err)
	}
	if err := l.Append(t.Context(), make([]byte, 5000)); err != nil {
		t.Errorf("append of what only an empty log can hold: %v", err)
	}
	if s := l.Stat(); s.Full || s.Damaged != 0 {
		t.Errorf("stat %+v", s)
	}
}

// A budget in one segment must not be stuck either.
func TestBudget_ActiveSegmentGivesWay(t *testing.T) {
	t.Parallel()
	l := mustOpen(t, Options{Dir: t.TempDir(), MaxBytes: 1400, Retention: time.Hour})
	for i := range 50 {
		mustAppend(t, l, make([]byte, 700))
		if err := l.Append(t.Context(), make([]byte, 700)); !errors.Is(err, ingest.ErrFull) {
			t.Fatalf("round %d: %v", i, err)
		}
		if err := l.Commit(t.Context(), l.Stat().End); err != nil {
			t.Fatal(err)
		}
	}
}

// A log over its budget, because somebody lowered it, opens and refuses.
func TestBudget_Lowered(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := mustOpen(t, Options{Dir: dir})
	appendMany(t, l, 100, payload)
	mustClose(t, l)
	l = mustOpen(t, Options{Dir: dir, MaxBytes: 2000})
	if err := l.Append(t.Context(), payload(1)); !errors.Is(err, ingest.ErrFull) {
		t.Errorf("append: %v", err)
	}
	all := readAll(t, l, l.Committed())
	if len(all) != 100 {
		t.Errorf("read %d records", len(all))
	}
	if err := l.Commit(t.Context(), all[99].Next); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, l, payload(1))
}

func TestRetention(t *testing.T) {
	t.Parallel()
	at, book := newClock(), &logbook{}
	opts := Options{Dir: t.TempDir(), SegmentBytes: evenSegment, Retention: 3 * time.Hour, Now: at.Now, Log: book.logger()}
	l := mustOpen(t, opts)
	for i := range 40 { // four segments, a quarter of an hour between records
		mustAppend(t, l, even(i))
		at.Add(15 * time.Minute)
	}
	all := readAll(t, l, ingest.Position{})
	check := func(want ...uint64) {
		t.Helper()
		if got := segmentsIn(t, opts.Dir); !slices.Equal(got, want) {
			t.Errorf("segments %v, want %v", got, want)
		}
		if s := l.Stat(); s.Segments != len(want) || s.Damaged != 0 {
			t.Errorf("stat %+v", s)
		}
	}
	commit := func(upTo ingest.Position) {
		t.Helper()
		if err := l.Commit(t.Context(), upTo); err != nil {
			t.Fatal(err)
		}
	}
	commit(all[18].Next) // in the second segment
	check(2, 3, 4)
	commit(all[38].Next) // 1 to 3 are wholly committed; 3 is 2.75 hours old
	check(3, 4)
	if l.Stat().Bytes != 2*evenSegment {
		t.Errorf("%d bytes", l.Stat().Bytes)
	}
	// Another process: the age is in the records, not in the files' times.
	mustClose(t, l)
	l = mustOpen(t, opts)
	check(3, 4, 5)
	commit(all[39].Next)
	check(3, 4, 5)
	at.Add(15 * time.Minute)
	commit(l.Committed())
	check(4, 5)
	at.Add(5 * time.Hour)
	commit(l.Committed())
	check(5)
	if got := l.Committed(); got.Segment != 5 {
		t.Errorf("committed %v, in a segment that is gone", got)
	}
	// Too little traffic to fill a segment: its records leave all the same.
	mustAppend(t, l, even(50))
	check(5)
	at.Add(4 * time.Hour)
	mustAppend(t, l, even(51))
	check(5, 6)
	commit(l.Stat().End)
	check(6)
}

func TestRetention_DamagedStays(t *testing.T) {
	t.Parallel()
	dir := makeEven(t)
	edit(t, segmentPath(dir, 1), flip(evenAt(1)+60)) // behind the pointer: never read
	edit(t, segmentPath(dir, 3), flip(evenAt(1)+60))
	edit(t, segmentPath(dir, 4), cutTo(evenAt(4)+50))
	opts := evenOptions(dir)
	opts.Now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	for _, want := range [][]uint64{{1, 3, 5}, {1, 3, 5}} {
		l := mustOpen(t, opts)
		if err := l.Commit(t.Context(), l.Stat().End); err != nil {
			t.Fatal(err)
		}
		if got := segmentsIn(t, dir); !slices.Equal(got, want) {
			t.Errorf("segments %v, want %v", got, want)
		}
		checkAside(t, dir, 0) // it goes with its segment
		readAll(t, l, ingest.Position{})
		if s := l.Stat(); s.Damaged != 2 { // not the gaps
			t.Errorf("stat %+v", s)
		}
		mustClose(t, l)
	}
}

// Near the end of the budget the log is not ready but takes what fits; what
// retention alone keeps counts as room.
func TestBudget_NearlyFull(t *testing.T) {
	t.Parallel()
	const budget, segment = 16 << 10, 1 << 10
	l := mustOpen(t, Options{Dir: t.TempDir(), MaxBytes: budget, SegmentBytes: segment, Retention: time.Hour})
	record := make([]byte, 180) // five to a segment
	turned := int64(0)
	for {
		ready, before := l.Ready(), l.Stat()
		room := before.MaxBytes - before.Bytes + before.Reclaimable
		if before.NearlyFull != (room < 2*segment) || before.NearlyFull != errors.Is(ready, ErrNearlyFull) {
			t.Fatalf("%d bytes of room, but %v, %+v", room, ready, before)
		}
		if ready != nil && turned == 0 {
			turned = before.Bytes
			for _, told := range []string{"16384", "2048", "journal.max_bytes", "drain", before.OldestUncommitted.Format(time.RFC3339)} {
				if !strings.Contains(ready.Error(), told) {
					t.Errorf("%q is not told: %v", told, ready)
				}
			}
		}
		if before.NearlyFull && l.Healthy() != nil {
			t.Fatalf("nearly full is not healthy: %v", l.Healthy())
		}
		if err := l.Append(t.Context(), record); err != nil {
			if !errors.Is(err, ingest.ErrFull) {
				t.Fatal(err)
			}
			break
		}
	}
	full := l.Stat()
	if turned == 0 || full.Bytes-turned < segment {
		t.Errorf("not ready from %d bytes on, full at %d", turned, full.Bytes)
	}
	if err := l.Ready(); !errors.Is(err, ingest.ErrFull) {
		t.Errorf("full, but %v", err)
	}
	// Committed, everything gives way, though retention keeps it for now.
	if err := l.Commit(t.Context(), full.End); err != nil {
		t.Fatal(err)
	}
	s := l.Stat()
	if err := l.Ready(); err != nil || s.NearlyFull || s.Reclaimable != s.Bytes-headerSize || s.Bytes < budget/2 {
		t.Errorf("all is committed, but %v, %+v", err, s)
	}
	mustAppend(t, l, record)
	if err := l.Ready(); err != nil {
		t.Error(err)
	}
}

// Of a large budget a twentieth counts, of a small one two segments.
func TestBudget_Margin(t *testing.T) {
	t.Parallel()
	for _, c := range [...]struct{ max, segment, want int64 }{
		{100 << 20, 1 << 20, 5 << 20}, {100 << 20, 8 << 20, 16 << 20}, {8 << 10, 8 << 10, 2 << 10},
	} {
		l := mustOpen(t, Options{Dir: t.TempDir(), MaxBytes: c.max, SegmentBytes: c.segment})
		if got := l.margin(); got != c.want {
			t.Errorf("of %d bytes in segments of %d: %d, want %d", c.max, c.segment, got, c.want)
		}
	}
}
