package ingest

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
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

	mu    sync.Mutex
	stuck map[string]int // by source
	total uint64
}

// The defaults of Decoders.
const (
	defaultDecodeLimit = 10 * time.Second
	defaultMaxStuck    = 4
)

// Decode is intake.Decode within the limits. Errors: those of the source,
// *PanicError, and ErrHung (wrapped). After ErrHung the decoder may still be
// reading d: it must not be changed.
func (g *Decoders) Decode(intake *Intake, d *Delivery) ([]Event, error) {
	limit, most := g.Limit, g.MaxStuck
	if limit <= 0 {
		limit = defaultDecodeLimit
	}
	if most <= 0 {
		most = defaultMaxStuck
	}
	g.mu.Lock()
	tooMany := g.stuck[d.Source] >= most
	g.mu.Unlock()
	if tooMany {
		return nil, fmt.Errorf("%w: not tried, for %d decoders of its source are stuck", ErrHung, most)
	}
	type result struct {
		events []Event
		err    error
	}
	done := make(chan result, 1)
	ended := false // under mu: the decoder's goroutine is through
	abandoned := false
	go func() {
		var r result
		r.events, r.err = decodeRecovered(intake, d)
		done <- r
		g.mu.Lock()
		defer g.mu.Unlock()
		if ended = true; abandoned {
			g.stuck[d.Source]--
		}
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case r := <-done:
		return r.events, r.err
	case <-timer.C:
	}
	g.mu.Lock()
	if ended {
		g.mu.Unlock()
		r := <-done
		return r.events, r.err
	}
	abandoned = true
	if g.stuck == nil {
		g.stuck = make(map[string]int)
	}
	g.stuck[d.Source]++
	g.total++
	stuck := g.stuck[d.Source]
	g.mu.Unlock()
	if g.OnStuck != nil {
		g.OnStuck(d.Source, stuck)
	}
	return nil, fmt.Errorf("%w: given up after %v", ErrHung, limit)
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
