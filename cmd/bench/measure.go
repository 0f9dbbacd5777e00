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
	if err == nil && s.drained != nil {
		err = s.drained(ctx)
	}
	behind := time.Since(ended)
	memory := most()
	if err != nil {
		return m, fmt.Errorf("%s: %w", name, err)
	}
	after, aroundAfter, redisAfter := used(own), used(s.around()), used(s.memory())
	if err := profiles.end(ctx); err != nil {
		return m, fmt.Errorf("%s: %w", name, err)
	}
	each := func(d time.Duration, n uint64) float64 { return float64(d.Microseconds()) / float64(max(n, 1)) }
	m = measurement{
		Subject: name, Load: string(l.kind), Round: round, Rate: d.perSecond(), Behind: behind.Seconds(), Memory: memory,
		CPU:    each(after.CPU-before.CPU, d.Accepted),
		Around: each(aroundAfter.CPU-aroundBefore.CPU, d.Accepted),
		Redis:  each(redisAfter.CPU-redisBefore.CPU, d.Accepted),
		P50:    d.at(0.5).Seconds() * 1000, P99: d.at(0.99).Seconds() * 1000,
		Accepted: d.Accepted, Refused: d.Refused + d.Failed, Unsent: d.Unsent,
	}
	if d.Why != "" {
		fmt.Fprintf(os.Stderr, "%s: %d refused, %d failed: %s\n", name, d.Refused, d.Failed, d.Why)
	}
	rows, err := s.settled(ctx)
	if errors.Is(err, errNoRows) {
		m.Unchecked = true
		return m, nil
	}
	each1 := uint64(newRequests(l.kind, "/", "x").each)
	m.Lost = int64((d.Accepted+warmed.Accepted)*each1) - int64(rows)
	return m, err
}

// settled counts rows until their number stands still: a script may insert
// behind its answers.
func (s *site) settled(ctx context.Context) (rows uint64, err error) {
	for still := 0; still < 3; {
		n, err := s.rows(ctx)
		if err != nil {
			return 0, err
		}
		if n == rows {
			still++
		} else {
			rows, still = n, 0
		}
		select {
		case <-time.After(250 * time.Millisecond):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return rows, nil
}
