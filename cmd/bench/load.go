package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// load is how a subject is driven. Without a rate each connection sends as soon
// as it has an answer; with one, requests are due at fixed times, whether or not
// the subject keeps up, and their latency counts from when they were due.
type load struct {
	kind        kind
	connections int
	rate        int // requests a second; 0 for as many as it takes
	time        time.Duration
	requests    int // ends the load sooner, if not 0
}

// name is that of the load in the results.
func (l load) name() string {
	if l.rate > 0 {
		return fmt.Sprintf("%s, %d a second", l.kind, l.rate)
	}
	return string(l.kind)
}

// driven is what came of a load.
type driven struct {
	Accepted  uint64          // requests answered 2xx
	Refused   uint64          // answered otherwise
	Failed    uint64          // without an answer
	Took      time.Duration   // from the first to the last answer
	Latencies []time.Duration // ascending; of loads with a rate
	Unsent    int             // due, but no connection was free before the end
	Why       string          // the first failure
}

func (d *driven) perSecond() float64 { return float64(d.Accepted) / d.Took.Seconds() }

// at is the latency below which a share of the requests stayed.
func (d *driven) at(share float64) time.Duration {
	if len(d.Latencies) == 0 {
		return 0
	}
	return d.Latencies[int(share*float64(len(d.Latencies)-1))]
}

// ids are never used twice in one run of the program, nor by two runs.
var lastID atomic.Uint64

func init() { lastID.Store(uint64(time.Now().UnixNano())) }

// drive sends until the time is over, ctx ends, or all requests are sent.
func (l load) drive(ctx context.Context, addr, path string, answered func(id uint64)) (*driven, error) {
	clients := make([]*client, l.connections)
	for i := range clients {
		c, err := dial(addr)
		if err != nil {
			return nil, fmt.Errorf("connect to %s: %w", addr, err)
		}
		defer c.close()
		clients[i] = c
	}
	ctx, cancel := context.WithTimeout(ctx, l.time)
	defer cancel()
	var due chan time.Time
	if l.rate > 0 {
		due = make(chan time.Time, l.rate*int(l.time/time.Second+1)) // a subject that lags behind does not slow it
		go l.tick(ctx, due)
	}
	parts := make([]driven, l.connections)
	var left atomic.Int64
	if left.Store(int64(l.requests)); l.requests == 0 {
		left.Store(1 << 62)
	}
	began := time.Now()
	var workers sync.WaitGroup
	for i, c := range clients {
		workers.Go(func() {
			l.work(ctx, c, newRequests(l.kind, path, addr), due, &left, &parts[i], answered)
		})
	}
	workers.Wait()
	all := &driven{Took: time.Since(began)}
	if cancel(); due != nil {
		for from := range due { // they have waited at least until now
			all.Latencies = append(all.Latencies, time.Since(from))
			all.Unsent++
		}
	}
	for i := range parts {
		all.Accepted += parts[i].Accepted
		all.Refused += parts[i].Refused
		all.Failed += parts[i].Failed
		all.Latencies = append(all.Latencies, parts[i].Latencies...)
		if all.Why == "" {
			all.Why = parts[i].Why
		}
	}
	slices.Sort(all.Latencies)
	return all, nil
}

// tick says when requests are due. It sleeps shortly and hands out what is due
// by then: a ticker of this rate would be late by itself.
func (l load) tick(ctx context.Context, due chan<- time.Time) {
	defer close(due)
	step := time.Second / time.Duration(l.rate)
	for next := time.Now(); ctx.Err() == nil; {
		for now := time.Now(); !next.After(now); next = next.Add(step) {
			due <- next
		}
		time.Sleep(min(step, 200*time.Microsecond))
	}
}

func (l load) work(ctx context.Context, c *client, r *requests, due <-chan time.Time, left *atomic.Int64, d *driven, answered func(uint64)) {
	for ctx.Err() == nil && left.Add(-1) >= 0 {
		var from time.Time
		if due != nil {
			var open bool
			if from, open = <-due; !open {
				return
			}
		}
		id := lastID.Add(1)
		status, err := c.exchange(r.next(id))
		if due != nil {
			d.Latencies = append(d.Latencies, time.Since(from))
		}
		switch {
		case err != nil:
			if d.Failed++; d.Why == "" {
				d.Why = err.Error()
			}
			return
		case status/100 == 2:
			if d.Accepted++; answered != nil {
				answered(id)
			}
		default:
			if d.Refused++; d.Why == "" {
				d.Why = fmt.Sprintf("answered %d %q", status, c.said)
			}
		}
	}
}
