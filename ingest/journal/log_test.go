package journal

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/leadgate/leadgate/ingest"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		runChild(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

var _ ingest.Appender = (*Log)(nil)

func TestLog_AppendReadCommitReopen(t *testing.T) {
	t.Parallel()
	opts := Options{Dir: filepath.Join(t.TempDir(), "a", "journal"), SegmentBytes: 1000}
	l, err := Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		mustAppend(t, l, payload(i))
	}
	mustAppend(t, l, nil, bytes.Repeat([]byte("long"), 1000)) // longer than a segment
	all := readAll(t, l, ingest.Position{})
	if len(all) != 102 || !slices.Equal(numbersOf(all[:100]), span(0, 100)) || len(all[100].Data) != 0 || len(all[101].Data) != 4000 {
		t.Fatalf("read %d records: %v", len(all), numbersOf(all))
	}
	for i, r := range all[:100] {
		if !bytes.Equal(r.Data, payload(i)) {
			t.Errorf("record %d is %q", i, r.Data)
		}
	}
	if s := l.Stat(); s.Records != 102 || s.Segments < 10 || s.OldestUncommitted.IsZero() || s.Committed != (ingest.Position{Segment: 1, Offset: headerSize}) {
		t.Errorf("stat %+v", s)
	}
	if err := l.Commit(context.Background(), all[49].Next); err != nil {
		t.Fatal(err)
	}
	mustClose(t, l)
	mustClose(t, l) // harmless

	l = mustOpen(t, opts)
	if got := l.Committed(); got != all[49].Next {
		t.Errorf("committed %v after reopening, want %v", got, all[49].Next)
	}
	mustAppend(t, l, payload(200))
	again := readAll(t, l, l.Committed())
	if want := append(span(50, 100), -1, -1, 200); !slices.Equal(numbersOf(again), want) {
		t.Errorf("after reopening read %v", numbersOf(again))
	}
	s := l.Stat()
	if s.Damaged != 0 || s.Uncommitted <= 4000 || s.Uncommitted >= s.Bytes {
		t.Errorf("stat %+v", s)
	}
	seen, err := Inspect(opts.Dir)
	if err != nil || seen.Committed != s.Committed || seen.End != s.End || seen.Uncommitted != s.Uncommitted || seen.Bytes != s.Bytes {
		t.Errorf("from outside %+v, %v; from inside %+v", seen, err, s)
	}
	if err := l.Commit(context.Background(), again[len(again)-1].Next); err != nil {
		t.Fatal(err)
	}
	if s := l.Stat(); s.Uncommitted != 0 {
		t.Errorf("all is committed, but %d bytes are not", s.Uncommitted)
	}
	if err := Verify(opts.Dir, nil); err != nil {
		t.Error(err)
	}
}

func TestLog_ConcurrentAppendsAndReader(t *testing.T) {
	t.Parallel()
	const n = 2000
	l := mustOpen(t, Options{Dir: t.TempDir(), SegmentBytes: 8 << 10})
	seen := make(map[int]int)
	var wg sync.WaitGroup
	wg.Go(func() {
		var at ingest.Position
		for len(seen) < n {
			got, err := l.Read(context.Background(), at, 100, 10<<10)
			if err != nil {
				t.Error(err)
				return
			}
			for _, r := range got {
				seen[numberOf(r.Data)]++
			}
			at = got[len(got)-1].Next
			if err := l.Commit(context.Background(), at); err != nil {
				t.Error(err)
				return
			}
		}
	})
	appendMany(t, l, n, payload)
	wg.Wait()
	for i := range n {
		if seen[i] != 1 {
			t.Errorf("record %d was read %d times", i, seen[i])
		}
	}
	if s := l.Stat(); !s.OldestUncommitted.IsZero() || s.Committed != s.End && s.Segments > 2 {
		t.Errorf("all is committed, but stat is %+v", s)
	}
}

// Writers that arrive while a sync runs share the next one.
func TestLog_GroupCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := &faults{}
		l := mustOpen(t, Options{Dir: t.TempDir(), OpenFile: files.OpenFile})
		release := make(chan struct{})
		files.set(func(f *faults) {
			f.syncs = 0
			f.sync = func(path string) error { <-release; return nil }
		})
		var wg sync.WaitGroup
		for i := range 64 {
			wg.Go(func() {
				if err := l.Append(t.Context(), payload(i)); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait() // the first is being synced, the others wait
		}
		if s := l.Stat(); s.Records != 0 {
			t.Errorf("%d records are known before the sync has ended", s.Records)
		}
		close(release)
		wg.Wait()
		files.mu.Lock()
		syncs := files.syncs
		files.mu.Unlock()
		if s := l.Stat(); syncs != 2 || s.Records != 64 || s.Batches != 2 {
			t.Errorf("64 records took %d syncs; stat %+v", syncs, s)
		}
	})
}

func TestLog_AppendHonoursContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := &faults{}
		l := mustOpen(t, Options{Dir: t.TempDir(), OpenFile: files.OpenFile})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := l.Append(ctx, payload(0)); !errors.Is(err, context.Canceled) {
			t.Errorf("append with an ended context: %v", err)
		}
		release := make(chan struct{})
		files.set(func(f *faults) { f.sync = func(string) error { <-release; return nil } })
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		record := payload(1)
		if err := l.Append(ctx, record); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("append that waits for the disk: %v", err)
		}
		clear(record) // the log has a copy
		// One that finds no room in the pending batch waits, and gives up.
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := l.Append(t.Context(), make([]byte, maxBatch-100)); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		late, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.Append(late, payload(150)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("append without room in the batch: %v", err)
		}
		close(release)
		wg.Wait()
		if got := numbersOf(readAll(t, l, ingest.Position{})); !slices.Equal(got, []int{1, -1}) {
			t.Errorf("kept %v", got)
		}
	})
}

func TestLog_ReadWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := mustOpen(t, Options{Dir: t.TempDir()})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if got, err := l.Read(ctx, ingest.Position{}, 1, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("read of nothing: %v, %v", got, err)
		}
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				got, err := l.Read(t.Context(), l.Committed(), 0, 0)
				if err != nil || len(got) != 1 || numberOf(got[0].Data) != 7 {
					t.Errorf("waiting read: %v, %v", got, err)
				}
			})
		}
		synctest.Wait()
		mustAppend(t, l, payload(7))
		wg.Wait()
		if _, err := l.Read(t.Context(), ingest.Position{Segment: 9}, 1, 1); err == nil || !strings.Contains(err.Error(), "behind the end") {
			t.Errorf("read behind the end: %v", err)
		}
		closed := make(chan error)
		go func() {
			_, err := l.Read(t.Context(), l.Stat().End, 0, 0)
			closed <- err
		}()
		synctest.Wait()
		mustClose(t, l)
		if err := <-closed; !errors.Is(err, ingest.ErrClosed) {
			t.Errorf("read of a log that closes: %v", err)
		}
	})
}

func TestLog_ReadBounds(t *testing.T) {
	t.Parallel()
	l := mustOpen(t, Options{Dir: t.TempDir(), SegmentBytes: 2000})
	for range 10 {
		mustAppend(t, l, make([]byte, 300))
	}
	all := readAll(t, l, ingest.Position{})
	f := func(from ingest.Position, maxRecords int, maxBytes int64, want int) {
		t.Helper()
		got, err := l.Read(t.Context(), from, maxRecords, maxBytes)
		if err != nil || len(got) != want {
			t.Errorf("Read(%v, %d, %d) returned %d records, %v; want %d", from, maxRecords, maxBytes, len(got), err, want)
		}
		if len(got) > 0 && got[0].At != from && from.Segment > 0 {
			t.Errorf("Read(%v) begins at %v", from, got[0].At)
		}
	}
	f(ingest.Position{}, 0, 0, 10)
	f(ingest.Position{}, 4, 0, 4)
	f(ingest.Position{}, 100, 1, 1) // one, however large
	f(ingest.Position{}, 100, 899, 2)
	f(ingest.Position{}, 100, 900, 3)
	f(all[3].At, 2, 1<<20, 2) // at random
	f(all[8].At, 0, 1<<20, 2)
	f(all[3].At, 2, 1<<20, 2)
}

func TestLog_Commit(t *testing.T) {
	t.Parallel()
	at := newClock()
	files := &faults{}
	l := mustOpen(t, Options{Dir: t.TempDir(), Now: at.Now, Retention: time.Hour, OpenFile: files.OpenFile})
	for i := range 4 {
		mustAppend(t, l, payload(i))
		at.Add(time.Minute)
	}
	all := readAll(t, l, ingest.Position{})
	commit := func(upTo ingest.Position) error { return l.Commit(context.Background(), upTo) }
	age := func() time.Duration {
		if oldest := l.Stat().OldestUncommitted; !oldest.IsZero() {
			return at.Now().Sub(oldest)
		}
		return 0
	}
	if got := age(); got != 4*time.Minute {
		t.Errorf("oldest uncommitted is %s old", got)
	}
	if err := commit(all[1].Next); err != nil || l.Committed() != all[1].Next || age() != 2*time.Minute {
		t.Errorf("commit: %v, committed %v, age %s", err, l.Committed(), age())
	}
	if err := commit(all[0].Next); err != nil || l.Committed() != all[1].Next {
		t.Errorf("commit backwards: %v, committed %v", err, l.Committed())
	}
	behind := l.Stat().End
	behind.Offset++
	if err := commit(behind); err == nil {
		t.Error("commit behind the end was taken")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := l.Commit(ctx, all[2].Next); !errors.Is(err, context.Canceled) {
		t.Errorf("commit with an ended context: %v", err)
	}
	broken := errors.New("broken")
	files.set(func(f *faults) { f.sync = func(string) error { return broken } })
	if err := commit(all[2].Next); !errors.Is(err, broken) || l.Committed() != all[1].Next {
		t.Errorf("commit on a failing disk: %v, committed %v", err, l.Committed())
	}
	files.set(func(f *faults) { f.sync = nil })
	if err := l.Healthy(); err != nil {
		t.Errorf("a failed commit must not stop appends: %v", err)
	}
	if err := commit(all[3].Next); err != nil || age() != 0 {
		t.Errorf("commit after a failed one: %v, age %s", err, age())
	}
	mustClose(t, l)
	if err := commit(l.Stat().End); !errors.Is(err, ingest.ErrClosed) {
		t.Errorf("commit after close: %v", err)
	}
}

func TestLog_RecordBound(t *testing.T) {
	t.Parallel()
	l := mustOpen(t, Options{Dir: t.TempDir(), MaxRecordBytes: 1000, MaxBytes: 1200})
	f := func(size int, want error) {
		t.Helper()
		if err := l.Append(t.Context(), make([]byte, size)); !errors.Is(err, want) {
			t.Errorf("append of %d bytes: %v, want %v", size, err, want)
		}
	}
	f(1001, ingest.ErrTooLarge) // the record's own bound
	f(990, ingest.ErrTooLarge)  // could never fit the budget, with its headers
	f(200, nil)
	if err := l.Healthy(); err != nil {
		t.Errorf("a record that is too large must not make the log unhealthy: %v", err)
	}
}

func TestLog_Close(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := &faults{}
		opts := Options{Dir: t.TempDir(), OpenFile: files.OpenFile}
		l, err := Open(opts)
		if err != nil {
			t.Fatal(err)
		}
		release := make(chan struct{})
		files.set(func(f *faults) { f.sync = func(string) error { <-release; return nil } })
		var wg sync.WaitGroup
		for i := range 5 {
			wg.Go(func() { mustAppend(t, l, payload(i)) }) // what waits is kept
		}
		synctest.Wait()
		for range 3 {
			wg.Go(func() {
				if err := l.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if err := l.Append(t.Context(), payload(9)); !errors.Is(err, ingest.ErrClosed) {
			t.Errorf("append after close: %v", err)
		}
		if err := l.Healthy(); !errors.Is(err, ingest.ErrClosed) {
			t.Errorf("healthy after close: %v", err)
		}
		close(release)
		wg.Wait()
		l = mustOpen(t, Options{Dir: opts.Dir})
		got := numbersOf(readAll(t, l, ingest.Position{}))
		slices.Sort(got)
		if !slices.Equal(got, span(0, 5)) {
			t.Errorf("kept %v", got)
		}
	})
}
