package journal

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// payload is record i of most tests: its length and bytes depend on i, and its
// number can be read back.
func payload(i int) []byte {
	return fmt.Appendf(nil, "%06d %s", i, strings.Repeat(string(rune('a'+i%26)), i%200))
}

func numberOf(record []byte) int {
	var i int
	if _, err := fmt.Sscanf(string(record), "%d ", &i); err != nil {
		return -1
	}
	return i
}

// mustOpen opens a log that the test closes.
func mustOpen(tb testing.TB, opts Options) *Log {
	tb.Helper()
	l, err := Open(opts)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := l.Close(); err != nil {
			tb.Error(err)
		}
	})
	return l
}

func mustClose(tb testing.TB, l *Log) {
	tb.Helper()
	if err := l.Close(); err != nil {
		tb.Fatal(err)
	}
}

func mustAppend(tb testing.TB, l *Log, records ...[]byte) {
	tb.Helper()
	for _, record := range records {
		if err := l.Append(context.Background(), record); err != nil {
			tb.Fatal(err)
		}
	}
}

// appendMany appends records 0 to n-1 from several goroutines, in no order.
func appendMany(tb testing.TB, l *Log, n int, record func(int) []byte) {
	tb.Helper()
	var wg sync.WaitGroup
	const writers = 16
	for w := range writers {
		wg.Go(func() {
			for i := w; i < n; i += writers {
				if err := l.Append(context.Background(), record(i)); err != nil {
					tb.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// readAll reads everything from a position to the end of the log, a few
// records at a time. It ends although the log's last records are damaged.
func readAll(tb testing.TB, l *Log, from ingest.Position) []ingest.Record {
	tb.Helper()
	var all []ingest.Record
	for from.Less(l.Stat().End) {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		got, err := l.Read(ctx, from, 7, 0)
		cancel()
		if ctx.Err() != nil && len(got) == 0 {
			break // nothing readable is left
		}
		if err != nil {
			tb.Fatal(err)
		}
		if len(got) == 0 || len(got) > 7 {
			tb.Fatalf("Read returned %d records", len(got))
		}
		for _, r := range got {
			if r.At.Less(from) || !r.At.Less(r.Next) {
				tb.Fatalf("record at %v, next %v, read from %v", r.At, r.Next, from)
			}
			from = r.Next
		}
		all = append(all, got...)
	}
	return all
}

func numbersOf(records []ingest.Record) []int {
	numbers := make([]int, len(records))
	for i, r := range records {
		numbers[i] = numberOf(r.Data)
	}
	return numbers
}

func span(from, to int) []int {
	var numbers []int
	for i := from; i < to; i++ {
		numbers = append(numbers, i)
	}
	return numbers
}

// segmentsIn lists the numbers of the segment files in dir.
func segmentsIn(tb testing.TB, dir string) []uint64 {
	tb.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		tb.Fatal(err)
	}
	var numbers []uint64
	for _, entry := range entries {
		if number, ok := parseName(entry.Name(), segmentSuffix); ok {
			numbers = append(numbers, number)
		}
	}
	return numbers
}

// faults opens files that fail when told to.
type faults struct {
	mu       sync.Mutex
	write    func(path string, data []byte) (int, error) // how much to write
	sync     func(path string) error
	truncate func(path string) error
	open     func(path string) error
	syncs    int // of segment files
}

func (f *faults) OpenFile(path string, flag int, perm fs.FileMode) (File, error) {
	f.mu.Lock()
	open := f.open
	f.mu.Unlock()
	if open != nil {
		if err := open(path); err != nil {
			return nil, err
		}
	}
	file, err := openFile(path, flag, perm)
	if err != nil {
		return nil, err
	}
	return &faultyFile{File: file, path: path, faults: f}, nil
}

// set changes the faults while the log runs.
func (f *faults) set(change func(*faults)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

type faultyFile struct {
	File
	path   string
	faults *faults
}

// WriteAt writes as many bytes as faults.write says and returns its error.
func (f *faultyFile) WriteAt(data []byte, offset int64) (int, error) {
	f.faults.mu.Lock()
	write := f.faults.write
	f.faults.mu.Unlock()
	if write == nil {
		return f.File.WriteAt(data, offset)
	}
	n, fault := write(f.path, data)
	if _, err := f.File.WriteAt(data[:n], offset); err != nil {
		return 0, err
	}
	return n, fault
}

func (f *faultyFile) Truncate(size int64) error {
	f.faults.mu.Lock()
	truncate := f.faults.truncate
	f.faults.mu.Unlock()
	if truncate != nil {
		if err := truncate(f.path); err != nil {
			return err
		}
	}
	return f.File.Truncate(size)
}

func (f *faultyFile) Sync() error {
	f.faults.mu.Lock()
	sync := f.faults.sync
	if filepath.Ext(f.path) == segmentSuffix {
		f.faults.syncs++
	}
	f.faults.mu.Unlock()
	if sync != nil {
		if err := sync(f.path); err != nil {
			return err
		}
	}
	return f.File.Sync()
}

// logbook collects log lines.
type logbook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logbook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logbook) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func (b *logbook) logger() *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }

// clock is a clock that tests set.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}
