package journal

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// childDir is the environment variable that turns the test binary into the
// process that TestKill kills.
const childDir = "LEADGATE_JOURNAL_TEST_CHILD"

// runChild appends from eight goroutines and prints the number of each record
// after it was acknowledged, until somebody kills it.
func runChild(dir string) {
	first, err := strconv.Atoi(os.Getenv(childDir + "_FIRST"))
	if err != nil {
		panic(err)
	}
	l, err := Open(Options{Dir: dir, SegmentBytes: 16 << 10})
	if err != nil {
		panic(err)
	}
	const writers = 8
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := first + w; ; i += writers {
				if err := l.Append(context.Background(), payload(i)); err != nil {
					panic(err)
				}
				// One write each: a line is whole or not there.
				if _, err := fmt.Fprintf(os.Stdout, "%d\n", i); err != nil {
					return
				}
			}
		})
	}
	wg.Wait()
}

// A process is killed at any moment under load; every record that it was told
// is kept is there, in the segments of all the killed processes before it.
func TestKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	acked := make(map[int]bool)
	const rounds, stride = 6, 1_000_000
	for round := range rounds {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childDir+"="+dir, fmt.Sprintf("%s_FIRST=%d", childDir, round*stride))
		var stderr strings.Builder
		child.Stderr = &stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			if i, err := strconv.Atoi(lines.Text()); err == nil {
				acked[i] = true
			}
			if n == 0 {
				time.AfterFunc(time.Duration(rand.IntN(120))*time.Millisecond, func() { _ = child.Process.Kill() })
			}
		}
		if err := child.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Fatalf("child ended with %v: %s", err, stderr.String())
		}
		if err := Verify(dir, nil); err != nil {
			t.Logf("round %d left: %v", round, err)
		}
	}
	l := mustOpen(t, Options{Dir: dir})
	found := make(map[int]int)
	for _, r := range readAll(t, l, ingest.Position{}) {
		found[numberOf(r.Data)]++
	}
	for i := range acked {
		if found[i] != 1 {
			t.Errorf("acknowledged record %d is found %d times", i, found[i])
		}
	}
	if s := l.Stat(); s.Damaged != 0 {
		t.Errorf("killing a process is no damage: %+v", s)
	}
	t.Logf("%d records acknowledged, %d found", len(acked), len(found))
}

// Every operation on a file from a certain one on fails, a write half way: for
// each such moment of a life with repair, rotation, commits and deletion, the
// next process finds what was acknowledged and not committed.
func TestCrashAtEveryStep(t *testing.T) {
	t.Parallel()
	const frozen = 1 << 30
	for last, done := 0, false; !done; last++ {
		var steps atomic.Int64
		steps.Store(frozen)
		fail := func(string) error {
			if steps.Add(-1) < 0 {
				return errDisk
			}
			return nil
		}
		files := &faults{sync: fail, truncate: fail, open: fail}
		files.write = func(path string, data []byte) (int, error) {
			if err := fail(path); err != nil {
				return len(data) / 2, err
			}
			return len(data), nil
		}
		dir := t.TempDir()
		opts := Options{Dir: dir, SegmentBytes: evenSegment, OpenFile: files.OpenFile}
		l := mustOpen(t, opts)
		for i := range 5 {
			mustAppend(t, l, even(i))
		}
		mustClose(t, l)
		edit(t, segmentPath(dir, 1), func(text []byte) []byte { return append(text, "torn"...) })

		steps.Store(int64(last))
		next, committed := 5, 0
		func() {
			l, err := Open(opts)
			if err != nil {
				return
			}
			defer func() { _ = l.Close() }() // the disk is gone; it must only not hang
			for ; next < 30; next++ {
				if l.Append(t.Context(), even(next)) != nil {
					return
				}
				if next%7 != 0 {
					continue
				}
				got, err := l.Read(t.Context(), l.Committed(), 6, 0)
				if err != nil || l.Commit(t.Context(), got[len(got)-1].Next) != nil {
					return
				}
				committed = numberOf(got[len(got)-1].Data) + 1
			}
			done = true
		}()

		l = mustOpen(t, Options{Dir: dir})
		mustAppend(t, l, even(99))
		found := numbersOf(readAll(t, l, l.Committed()))
		for i := committed + 6; i < next; i++ { // the commit that failed may count
			if !slices.Contains(found, i) {
				t.Errorf("failed at step %d: record %d of %d (%d committed) is lost; found %v", last, i, next, committed, found)
			}
		}
		if s := l.Stat(); s.Damaged != 0 {
			t.Errorf("failed at step %d: %+v", last, s)
		}
		mustClose(t, l)
		if last > 500 {
			t.Fatal("never done")
		}
	}
}
