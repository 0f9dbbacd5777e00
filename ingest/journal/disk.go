package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/leadgate/leadgate/ingest"
)

// ErrDiskShort says that the file system has little more than its reserve left
// (see Log.Ready). Appends are still taken as long as they fit.
var ErrDiskShort = errors.New("disk nearly full")

// Space is how much of a file system there is, and how much of that is free for
// who has no privileges; in bytes.
type Space struct{ Free, Total int64 }

// DiskStat is what is known of the file system of the log. It is zero while
// nothing is: Options.Reserve is 0, or the file system does not say.
type DiskStat struct {
	Space
	// Reserve is what appends leave free: Options.Reserve, or a fifth of Total
	// where that is less.
	Reserve int64
	// Headroom is what appends may still take, at least; what is committed gives
	// way besides. It is negative below the reserve.
	Headroom int64
	// Short is set if Ready says ErrDiskShort.
	Short bool
}

// storeShare is how many bytes the store beside may need for one of the backlog
// until its parts are merged and the merged ones are gone: a form needs less than
// one; an array of the shortest clicks, of 20 bytes each, four and a half, of which
// the journal itself gives one.
const storeShare = 4

// diskFresh is how long what the file system said is believed.
const diskFresh = time.Second

// disk is what the log knows of its file system. Log.mu guards it.
type disk struct {
	space   Space
	known   bool
	asking  bool
	base    int64 // of Log.diskUse, at the time of asking
	backlog int64 // bytes that were not committed then
	level   diskLevel
	lacking time.Time // since when appends lack room; zero: they do not
	told    bool      // Ready has said so
}

// diskLevel is what was logged last.
type diskLevel int

const (
	diskEnough diskLevel = iota
	diskShort
	diskSpent
	diskSilent
)

// reserveOf is how much of a file system of that size appends leave free: on a
// small one, less than is configured.
func (o *Options) reserveOf(total int64) int64 { return min(o.Reserve, total/5) }

// marginOf is the headroom below which a disk of that size is short: more than one
// record takes, so that who asks Ready hears of it first.
func (o *Options) marginOf(total int64) int64 {
	reserve := o.reserveOf(total)
	return max(reserve/4, min(o.MaxRecordBytes+frameSize, reserve))
}

// DiskOf is how the file system of dir stands for a log with these options that
// does not run, and has nothing that waits. It is zero if Reserve is 0.
func DiskOf(dir string, o Options) (DiskStat, error) {
	space, err := SpaceOf(dir)
	if err != nil || o.Reserve <= 0 {
		return DiskStat{}, err
	}
	reserve := o.reserveOf(space.Total)
	headroom := space.Free - reserve
	return DiskStat{Space: space, Reserve: reserve, Headroom: headroom, Short: headroom < o.marginOf(space.Total)}, nil
}

// fitSegments bounds segments by the reserve: one is freed when all of it is
// committed, so until then what is drained is on the disk twice.
func (o *Options) fitSegments() {
	if o.Reserve <= 0 {
		return
	}
	if space, err := o.Space(o.Dir); err == nil {
		o.SegmentBytes = min(o.SegmentBytes, max(o.reserveOf(space.Total)/4, minSegment))
	}
}

const minSegment = 1 << 20

// CheckDisk asks the file system, unless it was asked within a second, and where
// it is short has committed segments go before their retention is over. Appends
// and Ready ask as well; so call it now and then for a disk that is filled by
// others while nothing comes in.
func (l *Log) CheckDisk() {
	l.askDisk()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.diskIsShort() && l.reclaimableBytes() >= min(minSegment, l.opts.SegmentBytes) && l.relief == nil && !l.closing {
		l.relief = &attempt{done: make(chan struct{})}
		l.wakeCommitter()
	}
}

// askDisk brings what is known up to date, if that is old. One caller asks; the
// others go on with what was known.
func (l *Log) askDisk() {
	if l.opts.Reserve <= 0 {
		return
	}
	now := l.opts.Now()
	asked := l.diskAsked.Load()
	if asked != nil && now.Sub(*asked).Abs() < diskFresh {
		return
	}
	if at := now; !l.diskAsked.CompareAndSwap(asked, &at) { // a copy, so that most calls allocate nothing
		return
	}
	l.mu.Lock()
	if l.disk.asking { // the file system takes its time
		l.mu.Unlock()
		return
	}
	l.disk.asking = true
	base, backlog := l.diskUse-l.reserved, bytesAfter(l.committed, l.segments)
	l.mu.Unlock()
	space, err := l.opts.Space(l.opts.Dir)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.disk.asking, l.disk.known = false, err == nil
	l.disk.space, l.disk.base, l.disk.backlog = space, base, backlog
	l.noteDisk(err)
}

// headroom is what appends may still take of the disk. Callers hold mu.
func (l *Log) headroom() int64 {
	left := l.aboveReserve()
	if l.opts.StoreBeside {
		left -= storeShare * (l.disk.backlog + max(0, l.diskUse-l.disk.base))
	}
	return left
}

// diskFits reports whether a frame of that size leaves alone what is to stay free;
// also if nothing is known. Where only room for the backlog is lacking, it waits
// with no for diskFresh, or until Ready has said it: a balancer is to know before a
// sender. Callers hold mu.
func (l *Log) diskFits(size int64) bool {
	if !l.disk.known {
		return true
	}
	need := size
	if l.opts.StoreBeside {
		need *= 1 + storeShare
	}
	if l.headroom() >= need {
		return true
	}
	now := l.opts.Now()
	if l.disk.lacking.IsZero() {
		l.disk.lacking = now
	}
	return !l.disk.told && now.Sub(l.disk.lacking).Abs() < diskFresh && l.aboveReserve() >= size
}

// aboveReserve is what is free besides the reserve. Callers hold mu.
func (l *Log) aboveReserve() int64 {
	return l.disk.space.Free - (l.diskUse - l.disk.base) - l.opts.reserveOf(l.disk.space.Total)
}

// diskIsShort reports whether headroom is below the margin, whatever would give
// way. Callers hold mu.
func (l *Log) diskIsShort() bool {
	return l.disk.known && l.headroom() < l.opts.marginOf(l.disk.space.Total)
}

// diskStat is the Stat of the disk. Callers hold mu.
func (l *Log) diskStat() DiskStat {
	if !l.disk.known {
		return DiskStat{}
	}
	return DiskStat{
		Space: l.disk.space, Reserve: l.opts.reserveOf(l.disk.space.Total), Headroom: l.headroom(),
		Short: l.headroom()+l.reclaimableBytes() < l.opts.marginOf(l.disk.space.Total),
	}
}

// diskReady returns nil if the disk has room for many more records. Callers hold mu.
func (l *Log) diskReady() error {
	stat := l.diskStat()
	l.disk.told = stat.Short
	switch {
	case !stat.Short:
		return nil
	case stat.Headroom+l.reclaimableBytes() <= 0:
		return l.diskError()
	}
	return fmt.Errorf("journal %s: %w: %s; deliveries are taken while they fit; %s", l.opts.Dir, ErrDiskShort, l.diskText(), diskAdvice)
}

func (l *Log) diskError() error {
	return fmt.Errorf("journal %s: %w: %s; %s", l.opts.Dir, ingest.ErrFull, l.diskText(), diskAdvice)
}

const diskAdvice = "free space, see that the drain runs, or lower disk.reserve"

func (l *Log) diskText() string {
	stat := l.diskStat()
	text := fmt.Sprintf("%s of %s are free, of which %s are reserved for the drain",
		humanBytes(stat.Free), humanBytes(stat.Total), humanBytes(stat.Reserve))
	if l.opts.StoreBeside && l.disk.backlog > 0 {
		text += fmt.Sprintf(" and %d times the backlog of %s", storeShare, humanBytes(l.disk.backlog))
	}
	return text
}

func humanBytes(n int64) string { return humanize.IBytes(uint64(max(0, n))) }

// noteDisk logs when the disk becomes short, is spent, and is neither any more.
// Callers hold mu.
func (l *Log) noteDisk(err error) {
	level := diskEnough
	switch {
	case err != nil:
		level = diskSilent
	case l.headroom()+l.reclaimableBytes() <= 0:
		level = diskSpent
	case l.diskStat().Short:
		level = diskShort
	}
	if level == diskEnough {
		l.disk.lacking, l.disk.told = time.Time{}, false
	}
	if level == l.disk.level {
		return
	}
	l.disk.level = level
	log := l.opts.Log.With("dir", l.opts.Dir)
	stat := l.diskStat()
	attrs := []slog.Attr{slog.Int64("free", stat.Free), slog.Int64("total", stat.Total),
		slog.Int64("reserve", stat.Reserve), slog.Int64("backlog", l.disk.backlog)}
	ctx := context.Background()
	switch level {
	case diskSilent:
		log.Warn("the file system does not say how much is free: disk.reserve is not heeded", "err", err)
	case diskSpent:
		log.LogAttrs(ctx, slog.LevelError, "disk full up to its reserve: deliveries are refused with 503; "+diskAdvice, attrs...)
	case diskShort:
		log.LogAttrs(ctx, slog.LevelWarn, "disk nearly full up to its reserve: the gateway is not ready; "+diskAdvice, attrs...)
	default:
		log.LogAttrs(ctx, slog.LevelInfo, "the disk has room again", attrs...)
	}
}
