package journal

import (
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/leadgate/leadgate/ingest"
)

func isSegment(path string) bool { return filepath.Ext(path) == segmentSuffix }

var errDisk = errors.New("disk on fire")

// After a failed sync nothing is acknowledged any more; what was before is
// there after a restart, and the log works again.
func TestFault_Poison(t *testing.T) {
	t.Parallel()
	failSync := func(f *faults) {
		f.sync = func(path string) error {
			if isSegment(path) {
				return errDisk
			}
			return nil
		}
	}
	failWrite := func(n int) func(f *faults) {
		return func(f *faults) {
			f.write = func(path string, data []byte) (int, error) {
				if isSegment(path) {
					return min(n, len(data)), errDisk
				}
				return len(data), nil
			}
		}
	}
	for _, test := range []struct {
		name  string
		fault func(*faults)
	}{
		{"sync", failSync},
		{"write of nothing", failWrite(0)},
		{"write of a part", failWrite(13)},
		{"write of all", failWrite(1 << 20)},
		{"write that cannot be undone", func(f *faults) {
			failWrite(13)(f)
			f.truncate = func(string) error { return errDisk }
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			files, book := &faults{}, &logbook{}
			opts := Options{Dir: t.TempDir(), OpenFile: files.OpenFile, Log: book.logger()}
			l := mustOpen(t, opts)
			for i := range 10 {
				mustAppend(t, l, payload(i))
			}
			end := l.Stat().End
			files.set(test.fault)
			for i := 10; i < 15; i++ {
				if err := l.Append(t.Context(), payload(i)); !errors.Is(err, ErrPoisoned) || i == 10 && !errors.Is(err, errDisk) {
					t.Errorf("append %d: %v", i, err)
				}
			}
			files.set(func(f *faults) { f.sync, f.write, f.truncate = nil, nil, nil })
			// The disk says that all is well again; we do not believe it.
			if err := l.Append(t.Context(), payload(20)); !errors.Is(err, ErrPoisoned) {
				t.Errorf("append after the fault: %v", err)
			}
			if err := l.Healthy(); !errors.Is(err, ErrPoisoned) || !strings.Contains(err.Error(), "restart") {
				t.Errorf("healthy: %v", err)
			}
			if n := strings.Count(book.String(), "poisoned"); n < 1 || l.Stat().End != end {
				t.Errorf("%d log lines, end %v, want %v", n, l.Stat().End, end)
			}
			// Reading and committing go on.
			if got := numbersOf(readAll(t, l, ingest.Position{})); !slices.Equal(got, span(0, 10)) {
				t.Errorf("read %v", got)
			}
			if err := l.Commit(t.Context(), end); err != nil {
				t.Error(err)
			}
			mustClose(t, l)

			l = mustOpen(t, Options{Dir: opts.Dir})
			mustAppend(t, l, payload(30))
			got := numbersOf(readAll(t, l, ingest.Position{}))
			if !slices.Equal(got[:10], span(0, 10)) || got[len(got)-1] != 30 || len(got) > 12 {
				t.Errorf("after reopening read %v", got)
			}
			if s := l.Stat(); s.Damaged != 0 {
				t.Errorf("stat %+v", s)
			}
		})
	}
}

// All who wait for the sync that fails, and all who queue behind it, get the
// error.
func TestFault_PoisonReachesWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := &faults{}
		l := mustOpen(t, Options{Dir: t.TempDir(), OpenFile: files.OpenFile})
		release := make(chan struct{})
		files.set(func(f *faults) { f.sync = func(string) error { <-release; return errDisk } })
		var refused atomic.Int64
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() {
				record := payload(i)
				if i == 20 {
					record = make([]byte, maxBatch-10_000) // the rest waits for the batch after
				}
				if err := l.Append(t.Context(), record); errors.Is(err, ErrPoisoned) {
					refused.Add(1)
				}
			})
			if i == 0 || i == 20 {
				synctest.Wait()
			}
		}
		synctest.Wait()
		close(release)
		wg.Wait()
		if n := refused.Load(); n != 40 {
			t.Errorf("%d of 40 waiting appends were refused", n)
		}
	})
}

// A file that takes fewer bytes than it was given, without saying why, is
// written on to.
func TestFault_ShortWrites(t *testing.T) {
	t.Parallel()
	files := &faults{write: func(path string, data []byte) (int, error) { return min(11, len(data)), nil }}
	dir := t.TempDir()
	l := mustOpen(t, Options{Dir: dir, SegmentBytes: 500, OpenFile: files.OpenFile})
	for i := range 30 {
		mustAppend(t, l, payload(i))
	}
	if got := numbersOf(readAll(t, l, ingest.Position{})); !slices.Equal(got, span(0, 30)) {
		t.Errorf("read %v", got)
	}
	if err := l.Commit(t.Context(), l.Stat().End); err != nil {
		t.Error(err)
	}
	files.set(func(f *faults) { f.write = func(string, []byte) (int, error) { return 0, nil } })
	if err := l.Append(t.Context(), payload(30)); !errors.Is(err, io.ErrShortWrite) || !errors.Is(err, ErrPoisoned) {
		t.Errorf("append to a file that takes nothing: %v", err)
	}
	if err := Verify(dir, nil); err != nil {
		t.Error(err)
	}
}

// A full disk is undone and passes.
func TestFault_DiskFull(t *testing.T) {
	t.Parallel()
	at, files, dir := newClock(), &faults{}, t.TempDir()
	l := mustOpen(t, Options{Dir: dir, SegmentBytes: 2000, OpenFile: files.OpenFile, Now: at.Now})
	mustAppend(t, l, payload(0))
	for round, left := range []int{0, 1, 19, 25} {
		files.set(func(f *faults) {
			f.write = func(path string, data []byte) (int, error) { return min(left, len(data)), syscall.ENOSPC }
		})
		for range 3 {
			err := l.Append(t.Context(), make([]byte, 100+1900*(round%2))) // every other one needs a new segment
			if !errors.Is(err, ingest.ErrFull) || !errors.Is(err, syscall.ENOSPC) || errors.Is(err, ErrPoisoned) {
				t.Errorf("append with %d bytes left: %v", left, err)
			}
		}
		if err := l.Healthy(); !errors.Is(err, ingest.ErrFull) {
			t.Errorf("healthy on a full disk: %v", err)
		}
		at.Add(healthPause)
		if err := l.Healthy(); err != nil {
			t.Errorf("healthy must let somebody try again: %v", err)
		}
		files.set(func(f *faults) { f.write = nil })
		mustAppend(t, l, payload(round+1))
		if err := l.Healthy(); err != nil {
			t.Errorf("healthy after an append: %v", err)
		}
	}
	if got := numbersOf(readAll(t, l, ingest.Position{})); !slices.Equal(got, span(0, 5)) {
		t.Errorf("read %v", got)
	}
	if err := Verify(dir, nil); err != nil {
		t.Error(err)
	}
}

// No file handle for the next segment: it may pass, and nothing is lost.
func TestFault_CannotCreateSegment(t *testing.T) {
	t.Parallel()
	files := &faults{}
	l := mustOpen(t, Options{Dir: t.TempDir(), SegmentBytes: 100, OpenFile: files.OpenFile})
	mustAppend(t, l, payload(0))
	files.set(func(f *faults) { f.open = func(string) error { return syscall.EMFILE } })
	if err := l.Append(t.Context(), payload(99)); !errors.Is(err, syscall.EMFILE) || errors.Is(err, ErrPoisoned) {
		t.Errorf("append: %v", err)
	}
	if err := l.Healthy(); !errors.Is(err, syscall.EMFILE) {
		t.Errorf("healthy: %v", err)
	}
	files.set(func(f *faults) { f.open = nil })
	mustAppend(t, l, payload(1))
	if got := numbersOf(readAll(t, l, ingest.Position{})); !slices.Equal(got, span(0, 2)) {
		t.Errorf("read %v", got)
	}
	// A header that cannot be synced is as bad as a record.
	files.set(func(f *faults) { f.sync = func(string) error { return errDisk } })
	if err := l.Append(t.Context(), make([]byte, 100)); !errors.Is(err, ErrPoisoned) {
		t.Errorf("append: %v", err)
	}
}
