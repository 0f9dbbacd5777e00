package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// measurement is one subject under one load.
type measurement struct {
	Subject string  `json:"subject"`
	Load    string  `json:"load"`
	Round   int     `json:"round"`
	Rate    float64 `json:"per_second"`
	// Behind is how long after the load's end everything was in the store.
	Behind float64 `json:"behind_s"`
	// CPU is what the subject's own process used for a delivery, Around what
	// Redis and ClickHouse did besides, until all was in the store. Microseconds.
	CPU       float64 `json:"cpu_us"`
	Around    float64 `json:"around_cpu_us"`
	Redis     float64 `json:"redis_cpu_us"` // of that
	Memory    int     `json:"memory_mib"`   // the process's largest
	P50       float64 `json:"p50_ms,omitempty"`
	P99       float64 `json:"p99_ms,omitempty"`
	Accepted  uint64  `json:"accepted"`
	Refused   uint64  `json:"refused"`
	Unsent    int     `json:"unsent,omitempty"` // due at a fixed rate, but never come to
	Lost      int64   `json:"lost"`             // accepted and not in the store; negative: there too often
	Unchecked bool    `json:"unchecked,omitempty"`
}

// warmUp is how long a subject is driven before it is measured.
const warmUp = 500 * time.Millisecond

// measure starts a subject, drives it, waits until everything is in the store,
// and holds what is there against what was accepted.
func (b *bench) measure(ctx context.Context, subj subject, l load, round int) (m measurement, err error) {
	s, err := b.open(ctx, subj)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if subj.most > 0 {
		l.connections = min(l.connections, subj.most)
	}
	return b.drive(ctx, s, subj.name, l, round)
}

func (b *bench) drive(ctx context.Context, s *site, name string, l load, round int) (m measurement, err error) {
	warm := l
	warm.time, warm.requests = warmUp, 0
	warmed, err := warm.drive(ctx, s.addr, s.paths[l.kind], nil)
	if err != nil {
		return m, fmt.Errorf("%s: %w", name, err)
	}
	if s.drained != nil {
		if err := s.drained(ctx); err != nil {
			return m, err
		}
	}
	profiles := b.profiling(s, name, l)
	own := s.own()
	before, aroundBefore, redisBefore := used(own), used(s.around()), used(s.memory())
	most := watch(own)
	profiles.begin(ctx, l.time)
	d, err := l.drive(ctx, s.addr, s.paths[l.kind], nil)
	ended := time.Now()
	if err != nil {
		return m, fmt.Errorf("%s: %w", name, err)
	}
	events := uint64(newRequests(l.kind, "/", "x").each)
	rows, shipped, err := s.shipped(ctx, (d.Accepted+warmed.Accepted)*events)
	unchecked := errors.Is(err, errNoRows)
	if err != nil && !unchecked {
		return m, fmt.Errorf("%s: %w", name, err)
	}
	memory := most()
	after, aroundAfter, redisAfter := used(own), used(s.around()), used(s.memory())
	if err := profiles.end(ctx); err != nil {
		return m, fmt.Errorf("%s: %w", name, err)
	}
	each := func(d time.Duration, n uint64) float64 { return float64(d.Microseconds()) / float64(max(n, 1)) }
	m = measurement{
		Subject: name, Load: string(l.kind), Round: round, Rate: d.perSecond(), Behind: max(0, shipped.Sub(ended).Seconds()), Memory: memory,
		CPU:    each(after.CPU-before.CPU, d.Accepted),
		Around: each(aroundAfter.CPU-aroundBefore.CPU, d.Accepted),
		Redis:  each(redisAfter.CPU-redisBefore.CPU, d.Accepted),
		P50:    d.at(0.5).Seconds() * 1000, P99: d.at(0.99).Seconds() * 1000,
		Accepted: d.Accepted, Refused: d.Refused + d.Failed, Unsent: d.Unsent,
	}
	if d.Why != "" {
		fmt.Fprintf(os.Stderr, "%s: %d refused, %d failed: %s\n", name, d.Refused, d.Failed, d.Why)
	}
	if m.Unchecked = unchecked; !unchecked {
		m.Lost = int64((d.Accepted+warmed.Accepted)*events) - int64(rows)
	}
	return m, nil
}

// shipped waits until everything is in the store, or nothing more comes, and
// counts it. It also tells when that was so.
func (s *site) shipped(ctx context.Context, wanted uint64) (rows uint64, at time.Time, err error) {
	if s.drained == nil {
		return s.settled(ctx, wanted)
	}
	if err := s.drained(ctx); err != nil {
		return 0, at, err
	}
	at = time.Now()
	rows, _, err = s.settled(ctx, wanted)
	return rows, at, err
}

// settled counts rows until their number stands still, for longer if some are
// missing: a script may insert behind its answers. It also tells since when.
func (s *site) settled(ctx context.Context, wanted uint64) (rows uint64, since time.Time, err error) {
	for since = time.Now(); ; {
		n, err := s.rows(ctx)
		if err != nil {
			return 0, time.Now(), err
		}
		if n != rows {
			rows, since = n, time.Now()
		}
		patience := 3 * time.Second
		if rows >= wanted {
			patience = 500 * time.Millisecond
		}
		if time.Since(since) > patience {
			return rows, since, nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return 0, since, ctx.Err()
		}
	}
}
