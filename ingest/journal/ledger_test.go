package journal

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

func scanned(tb testing.TB, dir string) (numbers []int, err error) {
	tb.Helper()
	err = Scan(dir, func(r ingest.Record) error {
		if !r.At.Less(r.Next) {
			tb.Errorf("record at %v, next %v", r.At, r.Next)
		}
		numbers = append(numbers, numberOf(r.Data))
		return nil
	})
	return numbers, err
}

// Scan sees what is committed and no more, beside the process that writes.
func TestScan_CommittedRecordsInOrder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := scanned(t, filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no journal: %v", err)
	}
	l := mustOpen(t, Options{Dir: dir, SegmentBytes: 4 << 10, Retention: time.Hour})
	for i := range 200 {
		mustAppend(t, l, payload(i))
	}
	all := readAll(t, l, ingest.Position{})
	if got, err := scanned(t, dir); err != nil || len(got) != 0 {
		t.Errorf("nothing is committed: %d records, %v", len(got), err)
	}
	for _, n := range []int{1, 77, 150, 200} {
		if err := l.Commit(t.Context(), all[n-1].Next); err != nil {
			t.Fatal(err)
		}
		got, err := scanned(t, dir)
		if err != nil || len(got) != n || got[0] != 0 || got[n-1] != n-1 {
			t.Errorf("%d are committed: %d records, %v", n, len(got), err)
		}
	}
	stop := errors.New("enough")
	if err := Scan(dir, func(ingest.Record) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("stopped: %v", err)
	}
}

func TestScan_StepsOverDamageAndTellsIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := mustOpen(t, Options{Dir: dir, SegmentBytes: 4 << 10, Retention: time.Hour})
	for i := range 100 {
		mustAppend(t, l, payload(i))
	}
	all := readAll(t, l, ingest.Position{})
	if err := l.Commit(t.Context(), all[99].Next); err != nil {
		t.Fatal(err)
	}
	path := segmentPath(dir, all[10].At.Segment)
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt([]byte{0xff, 0xff}, all[10].At.Offset+frameSize+2); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := scanned(t, dir)
	var damage *CorruptError
	if len(got) != 99 || !errors.As(err, &damage) || damage.Offset != all[10].At.Offset {
		t.Errorf("%d records, %v", len(got), err)
	}
	// One that is gone had its time.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if got, err := scanned(t, dir); err != nil || len(got) >= 99 {
		t.Errorf("a segment is gone: %d records, %v", len(got), err)
	}
}

func TestAppendAll(t *testing.T) {
	t.Parallel()
	l := mustOpen(t, Options{Dir: t.TempDir(), SegmentBytes: 1 << 20, MaxBytes: 20 << 20})
	records := make([][]byte, 300)
	for i := range records {
		records[i] = append(payload(i), strings.Repeat("x", 40_000)...) // more than one batch
	}
	if err := l.AppendAll(t.Context(), records); err != nil {
		t.Fatal(err)
	}
	for i, r := range readAll(t, l, ingest.Position{}) {
		if numberOf(r.Data) != i {
			t.Fatalf("record %d stands at place %d", numberOf(r.Data), i)
		}
	}
	if s := l.Stat(); s.Records != 300 || s.Batches >= 100 {
		t.Errorf("%d records took %d fsyncs", s.Records, s.Batches)
	}
	if err := l.AppendAll(t.Context(), records); !errors.Is(err, ingest.ErrFull) {
		t.Errorf("over the budget: %v", err)
	}
	if err := l.AppendAll(t.Context(), [][]byte{make([]byte, 30<<20)}); !errors.Is(err, ingest.ErrTooLarge) {
		t.Errorf("a record over the budget: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.AppendAll(ended, [][]byte{{1}, {2}}); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}

// Latest sees the newest records that there are, also right after a restart,
// which begins a new segment.
func TestLog_Latest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	latest := func(l *Log) (numbers []int) {
		t.Helper()
		err := l.Latest(func(r ingest.Record) error {
			numbers = append(numbers, numberOf(r.Data))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return numbers
	}
	l := mustOpen(t, Options{Dir: dir, SegmentBytes: 4 << 10})
	if got := latest(l); len(got) != 0 {
		t.Errorf("an empty log: %v", got)
	}
	for i := range 200 {
		mustAppend(t, l, payload(i))
	}
	for range 3 {
		if got := latest(l); len(got) == 0 || len(got) == 200 || got[len(got)-1] != 199 {
			t.Errorf("the latest are %v", got)
		}
		mustClose(t, l)
		l = mustOpen(t, Options{Dir: dir, SegmentBytes: 4 << 10})
	}
	stop := errors.New("enough")
	if err := l.Latest(func(ingest.Record) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("stopped: %v", err)
	}
	mustClose(t, l)
}
