package journal

import (
	"errors"
	"io/fs"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// fileSystem is one with as many bytes as a test says, of which others and the
// log take some. Its clock moves by two seconds whenever it is read.
type fileSystem struct {
	mu     sync.Mutex
	total  int64
	others int64
	log    *Log
	asked  int
	err    error
	now    time.Time
	still  bool
}

func (f *fileSystem) space(string) (Space, error) {
	f.mu.Lock()
	log := f.log
	f.mu.Unlock()
	var used int64
	if log != nil {
		used = log.Stat().Bytes // takes the log's lock, which may be held while the clock is read
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	return Space{Free: f.total - f.others - used, Total: f.total}, f.err
}

func (f *fileSystem) clock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.still {
		f.now = f.now.Add(2 * time.Second)
	}
	return f.now
}

func (f *fileSystem) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// openOn opens a log with a reserve of 100,000 bytes on a file system of that size.
func openOn(t *testing.T, total int64, change func(*Options)) (*Log, *fileSystem, *logbook) {
	t.Helper()
	f := &fileSystem{total: total, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	text := &logbook{}
	o := Options{
		Dir: t.TempDir(), SegmentBytes: 20_000, MaxRecordBytes: 10_000, Retention: time.Hour, Reserve: 100_000,
		Space: f.space, Now: f.clock, Log: text.logger(),
	}
	if change != nil {
		change(&o)
	}
	l := mustOpen(t, o)
	f.set(func() { f.log = l })
	return l, f, text
}

// Who asks whether the log is ready hears of a full disk before an append is
// refused, and the reserve is left alone to the last byte that is known.
func TestDisk_ReserveStaysFree(t *testing.T) {
	t.Parallel()
	l, f, text := openOn(t, 1_000_000, nil)
	short, n := false, 0
	for ; ; n++ {
		ready := l.Ready()
		switch {
		case ready == nil && short:
			t.Fatal("ready again although nothing went")
		case errors.Is(ready, ErrDiskShort):
			short = true
		}
		err := l.Append(t.Context(), make([]byte, 5000))
		if err == nil {
			continue
		}
		if !errors.Is(err, ingest.ErrFull) || !strings.Contains(err.Error(), "disk.reserve") {
			t.Fatalf("refused with %v", err)
		}
		if !short {
			t.Error("an append was refused before the log was not ready")
		}
		break
	}
	space, _ := f.space("")
	if space.Free < 100_000 || space.Free > 106_000 {
		t.Errorf("%d bytes are free, the reserve is 100000", space.Free)
	}
	if err := l.Ready(); !errors.Is(err, ErrDiskShort) {
		t.Errorf("too little for the record: %v", err)
	}
	f.set(func() { f.others = 5100 })
	if err := errors.Join(l.Healthy(), l.Ready()); !errors.Is(err, ingest.ErrFull) {
		t.Errorf("below the reserve: %v", err)
	}
	f.set(func() { f.others = 0 })
	if err := l.AppendAll(t.Context(), [][]byte{make([]byte, 5000)}); !errors.Is(err, ingest.ErrFull) {
		t.Errorf("AppendAll: %v", err)
	}
	if stat := l.Stat(); stat.Full || !stat.Disk.Short || stat.Disk.Reserve != 100_000 || stat.Disk.Headroom > 5100 {
		t.Errorf("stat %+v", stat)
	}
	// Commits work in the reserve, and are what makes room: retention does not
	// matter any more, but no more goes than is needed.
	before := l.Stat().Segments
	if err := l.Commit(t.Context(), l.Stat().End); err != nil {
		t.Fatal(err)
	}
	if err := l.Ready(); err != nil {
		t.Errorf("all is committed: %v", err)
	}
	mustAppend(t, l, make([]byte, 5000))
	if after := l.Stat().Segments; after >= before || after < before-4 {
		t.Errorf("%d segments became %d", before, after)
	}
	for _, want := range []string{"disk nearly full", "disk full up to its reserve", "room again", "before its retention is over"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("nobody was told %q", want)
		}
	}
	if lines := strings.Count(text.String(), "disk full up to its reserve: deliveries are refused"); lines != 1 {
		t.Errorf("the log says %d times that the disk is full", lines)
	}
}

// Others fill the disk, and free it again, while nothing comes in: the log says
// so, gives up what is committed by itself, and is ready by itself.
func TestDisk_OthersFillIt(t *testing.T) {
	t.Parallel()
	l, f, _ := openOn(t, 1_000_000, func(o *Options) { o.SegmentBytes = 2 << 20 })
	mustAppend(t, l, make([]byte, 5000), make([]byte, 5000))
	committed := l.Stat().End
	mustAppend(t, l, make([]byte, 5000))
	f.set(func() { f.others = 890_000 })
	if err := l.Ready(); !errors.Is(err, ingest.ErrFull) {
		t.Errorf("ready: %v", err)
	}
	if err := l.Append(t.Context(), []byte("x")); !errors.Is(err, ingest.ErrFull) {
		t.Errorf("append: %v", err)
	}
	f.set(func() { f.others = 500_000 })
	if err := errors.Join(l.Healthy(), l.Ready(), l.Append(t.Context(), []byte("x"))); err != nil {
		t.Errorf("there is room again: %v", err)
	}
	if err := l.Commit(t.Context(), committed); err != nil {
		t.Fatal(err)
	}
	if n := len(readAll(t, l, ingest.Position{})); n != 4 {
		t.Errorf("%d records are there, want 4: the disk is not short", n)
	}
}

func TestDisk_CommittedGoesByItself(t *testing.T) {
	t.Parallel()
	l, f, _ := openOn(t, 1_000_000, nil)
	for range 40 {
		mustAppend(t, l, make([]byte, 5000))
	}
	if err := l.Commit(t.Context(), l.Stat().End); err != nil {
		t.Fatal(err)
	}
	before := l.Stat().Bytes
	f.set(func() { f.others = 650_000 }) // some 150,000 are free
	l.CheckDisk()
	if got := l.Stat().Bytes; got != before {
		t.Errorf("%d bytes became %d although the disk is not short", before, got)
	}
	f.set(func() { f.others = 750_000 }) // some 50,000 are free
	l.CheckDisk()
	l.mu.Lock()
	asked := l.relief
	l.mu.Unlock()
	if asked != nil {
		<-asked.done
	}
	if got := l.Stat(); got.Bytes >= before-70_000 || got.Bytes < before-130_000 || got.Disk.Short {
		t.Errorf("%d bytes became %d: %+v", before, got.Bytes, got.Disk)
	}
}

// With the store on the same disk, there must be room for what becomes of the backlog.
func TestDisk_StoreBeside(t *testing.T) {
	t.Parallel()
	l, f, _ := openOn(t, 1_000_000, func(o *Options) { o.StoreBeside = true })
	for {
		_ = l.Ready() // so that nothing waits for that
		if err := l.Append(t.Context(), make([]byte, 5000)); errors.Is(err, ingest.ErrFull) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	stat := l.Stat()
	space, _ := f.space("")
	if want := 100_000 + 4*stat.Uncommitted; space.Free < want || space.Free > want+26_000 {
		t.Errorf("%d bytes are free, want %d for the reserve and a backlog of %d", space.Free, want, stat.Uncommitted)
	}
	// The drain works: what is committed becomes four times as much in the store.
	if err := l.Commit(t.Context(), stat.End); err != nil {
		t.Fatal(err)
	}
	f.set(func() { f.others += 3 * stat.Uncommitted })
	if err := l.Ready(); err != nil {
		t.Errorf("all is drained: %v", err)
	}
}

// A backlog that comes all at once is refused a second after the log is not ready,
// or once it has said so; the reserve itself is never touched.
func TestDisk_ReadyFirst(t *testing.T) {
	t.Parallel()
	for _, asked := range []bool{false, true} {
		l, f, _ := openOn(t, 1_000_000, func(o *Options) { o.StoreBeside = true })
		f.set(func() { f.still, f.others = true, 800_000 })
		f.set(func() { f.now = f.now.Add(2 * time.Second) })
		for range 4 { // 20,000 of the 100,000 above the reserve, and four times that
			mustAppend(t, l, make([]byte, 5000))
		}
		mustAppend(t, l, make([]byte, 5000))
		if asked {
			if err := l.Ready(); !errors.Is(err, ErrDiskShort) && !errors.Is(err, ingest.ErrFull) {
				t.Errorf("ready: %v", err)
			}
		} else {
			f.set(func() { f.now = f.now.Add(time.Second) })
		}
		if err := l.Append(t.Context(), make([]byte, 5000)); !errors.Is(err, ingest.ErrFull) {
			t.Errorf("asked %v: %v", asked, err)
		}
	}
	l, f, _ := openOn(t, 1_000_000, func(o *Options) { o.StoreBeside = true })
	f.set(func() { f.still, f.others = true, 897_000 })
	f.set(func() { f.now = f.now.Add(2 * time.Second) })
	if err := l.Append(t.Context(), make([]byte, 5000)); !errors.Is(err, ingest.ErrFull) {
		t.Errorf("in the reserve: %v", err)
	}
}

// A small file system has a small reserve, and segments that fit in it.
func TestDisk_SmallFileSystem(t *testing.T) {
	t.Parallel()
	l, _, _ := openOn(t, 64<<20, func(o *Options) { o.Reserve, o.SegmentBytes, o.MaxRecordBytes = 2<<30, 64<<20, 32<<20 })
	l.CheckDisk()
	if stat := l.Stat().Disk; stat.Reserve != 64<<20/5 || l.opts.SegmentBytes != 64<<20/20 || stat.Short {
		t.Errorf("reserve %d, segments of %d: %+v", stat.Reserve, l.opts.SegmentBytes, stat)
	}
}

// The file system is asked once a second at most, and what was appended since
// counts: nothing gets past by being fast.
func TestDisk_AskedSeldom(t *testing.T) {
	t.Parallel()
	l, f, _ := openOn(t, 1_000_000, nil)
	f.set(func() { f.still = true })
	l.CheckDisk()
	before, n := f.asked, 0
	for ; n < 1000; n++ {
		if err := l.Append(t.Context(), make([]byte, 5000)); err != nil {
			break
		}
	}
	if f.asked-before > 1 || n < 150 || n > 180 {
		t.Errorf("asked %d times for %d appends", f.asked-before, n)
	}
}

// A file system that does not say what is free must not cost a lead.
func TestDisk_Silent(t *testing.T) {
	t.Parallel()
	l, f, text := openOn(t, 1_000_000, nil)
	f.set(func() { f.err, f.others = syscall.EIO, 1_000_000 })
	if err := errors.Join(l.Append(t.Context(), []byte("x")), l.Ready()); err != nil {
		t.Error(err)
	}
	if l.Stat().Disk != (DiskStat{}) || !strings.Contains(text.String(), "does not say") {
		t.Errorf("%+v, %s", l.Stat().Disk, text)
	}
}

func TestSpaceOf(t *testing.T) {
	t.Parallel()
	if space, err := SpaceOf(t.TempDir()); err != nil || space.Free <= 0 || space.Total < space.Free {
		t.Errorf("got %+v, %v", space, err)
	}
	if _, err := SpaceOf(t.TempDir() + "/nowhere"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nowhere: %v", err)
	}
}
