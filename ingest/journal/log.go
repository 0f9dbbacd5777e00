package journal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"

	"github.com/leadgate/leadgate/ingest"
)

// ErrPoisoned refuses appends after a write or an fsync has failed. Records
// that were acknowledged before are not touched by it and can still be read.
var ErrPoisoned = errors.New("the journal takes no more records: check the disk (kernel log, SMART, mount), then restart")

// ErrLocked refuses a directory that another process, or another Log of this
// one, has open.
var ErrLocked = errors.New("directory is in use by another process: stop it, or give this one its own data_dir")

// ErrNearlyFull says that the byte budget is near its end (see Log.Ready).
// Appends are still taken as long as they fit.
var ErrNearlyFull = errors.New("disk budget nearly spent")

// Options say where a log lives and how much it may hold.
type Options struct {
	// Dir holds the log and nothing else. It is made (mode 0700) if missing.
	Dir string
	// SegmentBytes is the size at which the log turns to a new segment; only
	// a single record that is longer makes one larger. At most an eighth of
	// MaxBytes. Default 64 MiB.
	SegmentBytes int64
	// MaxBytes bounds all segments together; what would exceed it is refused.
	// The commit pointer's 8 KiB are not counted. Default 8 GiB.
	MaxBytes int64
	// MaxRecordBytes bounds one record. Default 32 MiB, at most 1 GiB.
	MaxRecordBytes int64
	// Retention is how long a segment is kept after its last write although
	// it is wholly committed, as far as MaxBytes lets it. Default 0: not at
	// all.
	Retention time.Duration
	// Reserve is what appends leave free on the file system of Dir, so that what
	// is there can still be drained: beyond it they fail with ingest.ErrFull. A
	// fifth of the file system where that is less. Default 0: it is not looked at.
	Reserve int64
	// StoreBeside says that what is drained goes to the same file system: besides
	// the reserve, four times what is not committed is then left free.
	StoreBeside bool
	// Space asks the file system of a directory. Default SpaceOf.
	Space func(dir string) (Space, error)
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Log takes changes of state; never a record's content. Default: nowhere.
	Log *slog.Logger
	// Random makes the key of a new log. Default crypto/rand.Reader.
	Random io.Reader
	// OpenFile opens the files that the log writes, with the meaning of
	// os.OpenFile, which is the default. Tests put failing files in its place.
	OpenFile func(path string, flag int, perm fs.FileMode) (File, error)
	// Hook is for tests of crashes: it is called with the name of a point
	// between two changes on disk that no OpenFile sees. Default: nothing.
	Hook func(point string)
}

// withDefaults returns o with its zero values replaced, or what is wrong.
func (o Options) withDefaults() (Options, error) {
	if o.Dir == "" {
		return o, errors.New("journal: no directory given")
	}
	setDefault(&o.SegmentBytes, 64<<20)
	setDefault(&o.MaxBytes, 8<<30)
	setDefault(&o.MaxRecordBytes, 32<<20)
	for name, n := range map[string]int64{"SegmentBytes": o.SegmentBytes, "MaxBytes": o.MaxBytes, "MaxRecordBytes": o.MaxRecordBytes} {
		if n < 0 {
			return o, fmt.Errorf("journal: %s must not be negative (got %d)", name, n)
		}
	}
	if o.MaxRecordBytes > 1<<30 {
		return o, fmt.Errorf("journal: MaxRecordBytes may be 1 GiB at most (got %d)", o.MaxRecordBytes)
	}
	if o.Retention < 0 {
		return o, fmt.Errorf("journal: Retention must not be negative (got %s)", o.Retention)
	}
	o.SegmentBytes = min(o.SegmentBytes, max(o.MaxBytes/8, headerSize+frameSize))
	if o.Reserve < 0 {
		return o, fmt.Errorf("journal: Reserve must not be negative (got %d)", o.Reserve)
	}
	if o.Space == nil {
		o.Space = SpaceOf
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.OpenFile == nil {
		o.OpenFile = openFile
	}
	if o.Hook == nil {
		o.Hook = func(string) {}
	}
	return o, nil
}

func setDefault(n *int64, value int64) {
	if *n == 0 {
		*n = value
	}
}

// segment is one segment file as the log knows it.
type segment struct {
	number    uint64
	key       key
	size      int64     // what may be read: everything fsynced
	aside     int64     // bytes of its .torn file
	created   time.Time // zero if the header cannot be read
	lastWrite time.Time // zero if not known yet
	sound     bool      // every checksum was verified by this process
	keep      bool      // damaged, or it could not be removed: never deleted
}

// Log is an open journal. All its methods are safe for concurrent use.
type Log struct {
	opts Options
	lock *flock.Flock
	key  key

	// What the committer alone uses, see committer.go.
	current *segment // the last of segments
	file    File     // its file
	place   [16]byte

	wake chan struct{} // tells the committer that there is something to do
	done chan struct{} // closed when the committer has ended

	commitMu  sync.Mutex // one commit at a time
	pointer   *pointer
	reclaimMu sync.Mutex // one removal of segments at a time

	diskAsked atomic.Pointer[time.Time] // when the file system was asked, by Options.Now

	mu        sync.Mutex // guards everything below
	pending   *batch     // gathers what the committer takes next
	spare     []byte     // a buffer for the batch after it
	segments  []*segment // ascending; the last one is written to
	bytes     int64      // of all segments and torn files
	reserved  int64      // frames of batches that are not on disk yet
	diskUse   int64      // frames that were appended since Open, less what was deleted
	disk      disk       // what is known of the file system, see disk.go
	committed ingest.Position
	oldest    time.Time // when the oldest uncommitted record was written
	closing   bool
	poison    error         // why no append can ever succeed
	trouble   error         // why the last append failed, if it may pass
	troubleAt time.Time     // when it did
	relief    *attempt      // asks the committer to make room
	grown     chan struct{} // closed when there is more to read; nil if nobody waits
	damage    map[ingest.Position]struct{}
	stat      Stat
}

// Stat is what can be told of a log at one moment.
type Stat struct {
	Bytes, MaxBytes int64
	// Reclaimable is how many of Bytes give way to new records although
	// Retention keeps them still: segments that are wholly committed.
	Reclaimable int64
	Segments    int
	// Records and Batches count what was written since Open; their quotient
	// is how many records shared one fsync.
	Records, Batches uint64
	// Committed is how far the log has been dealt with, End where the next
	// record will stand.
	Committed, End ingest.Position
	// Uncommitted is how many bytes lie between the two.
	Uncommitted int64
	// OldestUncommitted is when the oldest uncommitted record was written;
	// zero if all are committed.
	OldestUncommitted time.Time
	// Full tells that the last append was refused for want of room and none
	// has been made since.
	Full bool
	// NearlyFull tells that less than two segments or a twentieth of MaxBytes,
	// whichever is more, is left for new records.
	NearlyFull bool
	// Damaged counts the damaged places met since Open, Skipped their bytes
	// as far as they are known.
	Damaged uint64
	Skipped int64
	// Disk is what was last known of the file system.
	Disk DiskStat
}

// Stat returns the state of the log. It takes no I/O.
func (l *Log) Stat() Stat {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stat
	s.Bytes, s.MaxBytes, s.Segments = l.bytes, l.opts.MaxBytes, len(l.segments)
	s.Committed, s.End, s.OldestUncommitted = l.committed, l.end(), l.oldest
	s.Uncommitted = bytesAfter(l.committed, l.segments)
	s.Reclaimable = l.reclaimableBytes()
	s.NearlyFull = l.room() < l.margin()
	s.Disk = l.diskStat()
	return s
}

// bytesAfter counts the bytes of records from a position on.
func bytesAfter(from ingest.Position, segments []*segment) (n int64) {
	for _, s := range segments {
		switch {
		case s.number > from.Segment:
			n += max(0, s.size-headerSize)
		case s.number == from.Segment:
			n += max(0, s.size-max(from.Offset, headerSize))
		}
	}
	return n
}

// Committed returns the commit pointer: reading resumes there.
func (l *Log) Committed() ingest.Position {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.committed
}

// healthPause is for how long an append that failed for a reason that may pass
// makes the log unhealthy. It must end by itself: nobody appends to find out
// while the log says it cannot.
const healthPause = 5 * time.Second

// Healthy returns nil if an append could be taken now, else why not and what
// to do: ErrPoisoned, ingest.ErrFull or ingest.ErrClosed (wrapped), or the
// error that the last append met within five seconds.
func (l *Log) Healthy() error {
	l.askDisk()
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closing:
		return l.closedError()
	case l.poison != nil:
		return l.poison
	case l.stat.Full && !l.reclaimable():
		return l.fullError()
	case l.disk.known && l.headroom()+l.reclaimableBytes() <= 0:
		l.disk.told = true
		return l.diskError()
	case l.trouble != nil && l.opts.Now().Sub(l.troubleAt) < healthPause:
		return l.trouble
	}
	return nil
}

// Ready returns nil if the log could take many more records, else why not and
// what to do: what Healthy says, or ErrNearlyFull (wrapped) while less than two
// segments or a twentieth of the budget, whichever is more, is left that no
// uncommitted or damaged record holds, or ErrDiskShort (wrapped) while the file
// system has little more than its reserve. Who sends is to be led elsewhere then;
// what comes nevertheless is taken as long as it fits.
func (l *Log) Ready() error {
	if err := l.Healthy(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	room, margin := l.room(), l.margin()
	if room >= margin {
		return l.diskReady()
	}
	return fmt.Errorf("journal %s: %w: %d of %d bytes are left, less than %d; %d bytes hold records that are not "+
		"committed%s; deliveries are taken while they fit; see that the drain runs, or raise the budget (journal.max_bytes)",
		l.opts.Dir, ErrNearlyFull, max(0, room), l.opts.MaxBytes, margin, bytesAfter(l.committed, l.segments), l.oldestText())
}

func (l *Log) oldestText() string {
	if l.oldest.IsZero() {
		return ""
	}
	return ", the oldest since " + l.oldest.UTC().Format(time.RFC3339)
}

// room is what new records could take: what is free, and what gives way to
// them. It is negative where the budget was lowered. Callers hold mu.
func (l *Log) room() int64 { return l.opts.MaxBytes - l.bytes - l.reserved + l.reclaimableBytes() }

// margin is the room below which the log is nearly full.
func (l *Log) margin() int64 { return max(2*l.opts.SegmentBytes, l.opts.MaxBytes/20) }

// Close writes and syncs what was appended, stops the committer and releases
// the directory. Appends and reads from then on fail with ingest.ErrClosed. A
// second Close waits for the first and returns nil.
func (l *Log) Close() error {
	l.mu.Lock()
	again := l.closing
	l.closing = true
	l.wakeReaders()
	l.mu.Unlock()
	l.wakeCommitter()
	<-l.done
	if again {
		return nil
	}
	l.commitMu.Lock()
	defer l.commitMu.Unlock()
	l.reclaimMu.Lock()
	defer l.reclaimMu.Unlock()
	var errs []error
	if l.file != nil {
		errs = append(errs, l.file.Close())
	}
	errs = append(errs, l.pointer.file.Close(), l.lock.Unlock())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close journal %s: %w", l.opts.Dir, err)
	}
	return nil
}

// end is where the next record will stand. Callers hold mu.
func (l *Log) end() ingest.Position {
	active := l.active()
	return ingest.Position{Segment: active.number, Offset: active.size}
}

func (l *Log) active() *segment { return l.segments[len(l.segments)-1] }

func (l *Log) closedError() error {
	return fmt.Errorf("journal %s: %w", l.opts.Dir, ingest.ErrClosed)
}

func (l *Log) fullError() error {
	return fmt.Errorf("journal %s: %w: %d of %d bytes hold records that are not committed or damaged; "+
		"see that the drain runs, or raise the budget", l.opts.Dir, ingest.ErrFull, l.bytes, l.opts.MaxBytes)
}

func (l *Log) wakeCommitter() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// wakeReaders tells waiting readers to look again. Callers hold mu.
func (l *Log) wakeReaders() {
	if l.grown != nil {
		close(l.grown)
		l.grown = nil
	}
}

// maxLogged is how many damaged places get a log line; all are counted.
const maxLogged = 1000

// noteDamage counts and logs a damaged place, once in the life of the log, and
// keeps its segment from being deleted. skipped is how many bytes were stepped
// over, 0 if that is not known.
func (l *Log) noteDamage(err error, skipped int64) {
	var corrupt *CorruptError
	if !errors.As(err, &corrupt) {
		return
	}
	l.mu.Lock()
	place := ingest.Position{Segment: corrupt.Segment, Offset: corrupt.Offset}
	_, known := l.damage[place]
	if !known {
		l.damage[place] = struct{}{}
		l.stat.Damaged++
		l.stat.Skipped += skipped
	}
	quiet := known || l.stat.Damaged > maxLogged
	if s := l.find(corrupt.Segment); s != nil {
		s.keep = true
	}
	l.mu.Unlock()
	if !quiet {
		l.opts.Log.LogAttrs(context.Background(), slog.LevelError, "journal damaged; stepped over to the next whole record",
			slog.String("dir", l.opts.Dir), slog.Uint64("segment", corrupt.Segment), slog.Int64("offset", corrupt.Offset),
			slog.Int64("skipped", skipped), slog.Any("err", corrupt.Err))
	}
}
