package ingest

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// ErrHung says that a decoder did not come to an end in time, or was not tried
// because its source has too many such decoders under way.
var ErrHung = errors.New("the decoder does not come to an end")

// PanicError says where a decoder panicked. It repeats a panic's text only if
// that is the runtime's own: others may hold values.
type PanicError struct{ What, Where string }

func (e *PanicError) Error() string { return "decoder panicked: " + e.What + " at " + e.Where }

// Decoders run decoders, none of which can end or stop its caller: a panic is
// an error, and so is a decoder that does not end. Pure code cannot be
// interrupted, so a stuck goroutine is abandoned and goes on using a processor
// until it ends by itself or the process does. That is why their number is
// bounded: while a source has MaxStuck of them, its deliveries are not decoded.
//
// The zero value has the defaults. It is safe for concurrent use.
type Decoders struct {
	// Limit is the time that one delivery may take: 10 s.
	Limit time.Duration
	// MaxStuck is how many decoders of one source may be stuck: 4.
	MaxStuck int
	// OnStuck is told of every decoder that is abandoned, with the number of
	// its source's that are stuck now.
	OnStuck func(source string, stuck int)

	idle   sync.Pool    // of *attempt
	stuckN atomic.Int64 // the sum of stuck: mostly nothing is, and nobody needs mu

	mu    sync.Mutex
	stuck map[string]int // by source
	total uint64
}

// attempt is one decoder at work. Nobody uses it again once it was abandoned.
type attempt struct {
	decoders *Decoders
	intake   *Intake
	delivery *Delivery
	work     func()        // is decode
	done     chan struct{} // gets a value when it ended or was abandoned
	events   []Event
	err      error

	// since is when it began, on decoderClock, or one of the states below:
	// whichever comes first.
	since atomic.Int64
	watch *time.Timer // calls expire
	// watched is set while watch runs: decoders end long before their limit, and
	// one run of it watches over all that use the attempt meanwhile.
	watched atomic.Bool
}

// The states of an attempt that is not under way.
const (
	ended     int64 = math.MinInt64
	abandoned int64 = math.MinInt64 + 1
)

var decoderClock = time.Now()

// The defaults of Decoders.
const (
	defaultDecodeLimit = 10 * time.Second
	defaultMaxStuck    = 4
)

// Decode is intake.Decode within the limits. Errors: those of the source,
// *PanicError, and ErrHung (wrapped). After ErrHung the decoder may still be
// reading d: it must not be changed.
func (g *Decoders) Decode(intake *Intake, d *Delivery) ([]Event, error) {
	limit, most := g.limit(), g.MaxStuck
	if most <= 0 {
		most = defaultMaxStuck
	}
	if g.tooManyStuck(d.Source, most) {
		return nil, fmt.Errorf("%w: not tried, for %d decoders of its source are stuck", ErrHung, most)
	}
	a, ok := g.idle.Get().(*attempt)
	if !ok {
		a = &attempt{decoders: g, done: make(chan struct{}, 1)}
		a.work = a.decode // once, for a method's value is allocated
		a.watch = time.AfterFunc(limit, a.expire)
		a.watched.Store(true)
	}
	a.intake, a.delivery = intake, d
	a.since.Store(int64(time.Since(decoderClock)))
	a.watchFor(limit)
	go a.work()
	<-a.done
	if a.since.Load() == abandoned {
		stuck := g.abandon(d.Source)
		if g.OnStuck != nil {
			g.OnStuck(d.Source, stuck)
		}
		return nil, fmt.Errorf("%w: given up after %v", ErrHung, limit)
	}
	events, err := a.events, a.err
	a.intake, a.delivery, a.events, a.err = nil, nil, nil, nil
	g.idle.Put(a)
	return events, err
}

func (g *Decoders) limit() time.Duration {
	if g.Limit <= 0 {
		return defaultDecodeLimit
	}
	return g.Limit
}

func (a *attempt) decode() {
	growStack()
	since := a.since.Load()
	a.events, a.err = decodeRecovered(a.intake, a.delivery)
	if since != abandoned && a.since.CompareAndSwap(since, ended) {
		a.done <- struct{}{}
		return
	}
	a.decoders.freed(a.delivery.Source)
}

// watchFor has expire called in so long, unless it will be anyway.
func (a *attempt) watchFor(d time.Duration) {
	if !a.watched.Load() && !a.watched.Swap(true) {
		a.watch.Reset(d)
	}
}

// expire abandons a decoder whose time is over, and goes on to watch over one
// that began later.
func (a *attempt) expire() {
	a.watched.Store(false)
	since := a.since.Load()
	if since == ended || since == abandoned {
		return
	}
	left := a.decoders.limit() - (time.Since(decoderClock) - time.Duration(since))
	if left > 0 {
		a.watchFor(left)
	} else if a.since.CompareAndSwap(since, abandoned) {
		a.done <- struct{}{}
	}
}

func (g *Decoders) tooManyStuck(source string, most int) bool {
	if g.stuckN.Load() == 0 {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.stuck[source] >= most
}

// abandon counts a decoder that is stuck, and returns how many of its source's
// are.
func (g *Decoders) abandon(source string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stuck == nil {
		g.stuck = make(map[string]int)
	}
	g.stuckN.Add(1)
	g.stuck[source]++
	g.total++
	return g.stuck[source]
}

// freed counts a stuck decoder that ended after all.
func (g *Decoders) freed(source string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stuckN.Add(-1)
	g.stuck[source]--
}

// Stuck returns how many decoders are stuck now, and how many were given up
// since the start.
func (g *Decoders) Stuck() (now int, total uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, n := range g.stuck {
		now += n
	}
	return now, g.total
}

func decodeRecovered(intake *Intake, d *Delivery) (events []Event, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			failure := &PanicError{What: fmt.Sprintf("%T", cause), Where: panicSite()}
			if known, ok := cause.(error); ok {
				var own runtime.Error
				if errors.As(known, &own) {
					failure.What = own.Error()
				}
			}
			events, err = nil, failure
		}
	}()
	return intake.Decode(d)
}

// panicSite returns file and line of the innermost frame outside the runtime.
func panicSite() string {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	for {
		frame, more := frames.Next()
		if !strings.HasPrefix(frame.Function, "runtime.") && frame.File != "" {
			return fmt.Sprintf("%s:%d", filepath.Base(frame.File), frame.Line)
		}
		if !more {
			return "an unknown place"
		}
	}
}

// growStack has a new goroutine's stack grow at once to what a decoder needs,
// while it is empty: growing step by step, it would be copied each time, which
// costs as much as decoding a small form does.
//
//go:noinline
func growStack() {
	var room [12 << 10]byte
	touch(room[:])
}

//go:noinline
func touch([]byte) {}
