package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/redis/go-redis/v9"
)

// grown is what a journal of one size costs.
type grown struct {
	Journalled int     `json:"journalled"`
	Bytes      int64   `json:"bytes"`
	Accepted   float64 `json:"accepted_per_second"` // the sinks away
	AcceptCPU  float64 `json:"accept_cpu_us"`
	Memory     int     `json:"memory_mib"`
	Ready      float64 `json:"ready_s"`    // from the start after a kill -9, the sinks away
	ReadyUp    float64 `json:"ready_up_s"` // the same, the sinks up
	Shipped    float64 `json:"shipped_per_second,omitempty"`
	ShipCPU    float64 `json:"ship_cpu_us,omitempty"`
	ShipMemory int     `json:"ship_memory_mib"`
}

// fewest is how many deliveries must be shipped for their cost to be told.
const fewest = 5_000

// growJournal fills journals, and kills and starts the gateway over each.
func (b *bench) growJournal(ctx context.Context, n int) (g grown, err error) {
	s, err := b.open(ctx, subject{name: "Leadgate, growing journal", store: true, start: gateway(gatewayOptions{})})
	if err != nil {
		return g, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	s.process.kill() // it has made the tables
	g.Journalled = n
	if g.Bytes, err = fillJournal(ctx, s.data(), n); err != nil {
		return g, err
	}
	if _, err := s.restart(ctx, gatewayOptions{away: true}); err != nil {
		return g, err
	}
	m, err := b.drive(ctx, s, "Leadgate, growing journal", load{kind: jsonForm, connections: b.connections, time: b.time}, 1)
	if err != nil {
		return g, err
	}
	g.Accepted, g.AcceptCPU, g.Memory = m.Rate, m.CPU, m.Memory
	if g.Ready, err = s.restart(ctx, gatewayOptions{away: true}); err != nil {
		return g, err
	}
	if g.ReadyUp, err = s.restart(ctx, gatewayOptions{}); err != nil {
		return g, err
	}
	most := watch(s.own())
	shipped, cpu, took, err := s.ship(ctx, 3*b.time)
	if g.ShipMemory = most(); shipped >= fewest {
		g.Shipped, g.ShipCPU = shipped/took.Seconds(), float64(cpu.Microseconds())/shipped
	}
	s.process.kill()
	return g, err
}

func (s *site) data() string { return filepath.Join(s.dir, "data") }

// restart kills the gateway, if it runs, and tells in how many seconds the next
// one is ready.
func (s *site) restart(ctx context.Context, o gatewayOptions) (seconds float64, err error) {
	s.process.kill()
	began := time.Now()
	err = gateway(o)(ctx, s)
	return time.Since(began).Seconds(), err
}

// ship watches the gateway ship for that long, or until nothing is left.
func (s *site) ship(ctx context.Context, most time.Duration) (deliveries float64, cpu, took time.Duration, err error) {
	began, before := time.Now(), used(s.own())
	first, err := s.metric(ctx, "leadgate_deliveries_total")
	if err != nil {
		return 0, 0, 0, err
	}
	for {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return 0, 0, 0, ctx.Err()
		}
		lag, err := s.metric(ctx, "leadgate_drain_lag_bytes")
		if err != nil {
			return 0, 0, 0, err
		}
		if took = time.Since(began); lag == 0 || took >= most {
			last, err := s.metric(ctx, "leadgate_deliveries_total")
			return last - first, used(s.own()).CPU - before.CPU, took, err
		}
	}
}

// keyed is what a memory of one size costs.
type keyed struct {
	Keys     int64   `json:"keys"` // in Redis
	Leads    int     `json:"leads"`
	PerKey   float64 `json:"bytes_per_key"`
	PerLead  float64 `json:"bytes_per_lead"`
	Rate     float64 `json:"per_second"`
	CPU      float64 `json:"cpu_us"`
	RedisCPU float64 `json:"redis_cpu_us"`
	Lost     int64   `json:"lost"`
}

// growKeys fills a Redis and has the gateway ship new leads past it.
func (b *bench) growKeys(ctx context.Context, n int) (k keyed, err error) {
	s, err := b.open(ctx, shipping)
	if err != nil {
		return k, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	client := redis.NewClient(&redis.Options{Addr: s.redisAt})
	defer func() { err = errors.Join(err, client.Close()) }()
	before, err := keyspaceOf(ctx, client)
	if err != nil {
		return k, err
	}
	if k.Leads, err = fillKeys(ctx, client, int64(n)); err != nil {
		return k, err
	}
	after, err := keyspaceOf(ctx, client)
	if err != nil {
		return k, err
	}
	k.Keys, k.PerKey = after.keys, float64(after.bytes-before.bytes)/float64(max(1, after.keys-before.keys))
	k.PerLead = float64(after.bytes-before.bytes) / float64(max(1, k.Leads))
	m, err := b.drive(ctx, s, "Leadgate, many keys", load{kind: jsonForm, connections: b.connections, time: b.time}, 1)
	k.Rate, k.CPU, k.RedisCPU, k.Lost = m.Rate, m.CPU, m.Redis, m.Lost
	return k, err
}

// observed is the intake while metrics and reports are asked for, and while not.
type observed struct {
	Round    int     `json:"round"`
	Quiet    float64 `json:"quiet_per_second"`
	Asked    float64 `json:"asked_per_second"`
	QuietCPU float64 `json:"quiet_cpu_us"`
	AskedCPU float64 `json:"asked_cpu_us"`
	Scrapes  int     `json:"scrapes"`
	Reports  int     `json:"reports"`
}

// How often is asked.
const (
	scrapeEvery = 100 * time.Millisecond
	reportEvery = time.Second
)

// observe drives one gateway with and without the questions, in turn.
func (b *bench) observe(ctx context.Context, round int) (o observed, err error) {
	s, err := b.open(ctx, shipping)
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	s.count = "" // the same rows would be counted for each load
	o.Round = round
	l := load{kind: jsonForm, connections: b.connections, time: b.time}
	for i := range 2 {
		if i == round%2 {
			m, err := b.drive(ctx, s, "Leadgate, left alone", l, round)
			if err != nil {
				return o, err
			}
			o.Quiet, o.QuietCPU = m.Rate, m.CPU
			continue
		}
		asking, stop := context.WithCancel(ctx)
		scrapes := ask(asking, "http://"+s.adminAt+"/metrics", scrapeEvery)
		reports := ask(asking, "http://"+s.addr+"/api/v1/reports/cpl?by=source", reportEvery)
		m, err := b.drive(ctx, s, "Leadgate, asked", l, round)
		stop()
		scraped, reported := <-scrapes, <-reports
		if err := errors.Join(err, scraped.err, reported.err); err != nil {
			return o, err
		}
		o.Asked, o.AskedCPU, o.Scrapes, o.Reports = m.Rate, m.CPU, scraped.times, reported.times
	}
	return o, nil
}

// answered is how often a question was answered.
type answered struct {
	times int
	err   error
}

// ask asks for a URL until ctx ends or it is refused, then tells how it went.
func ask(ctx context.Context, url string, every time.Duration) <-chan answered {
	done := make(chan answered, 1)
	go func() {
		var a answered
		defer func() { done <- a }()
		for tick := time.NewTicker(every); ; {
			if _, err := get(ctx, url); err == nil {
				a.times++
			} else if ctx.Err() == nil {
				a.err = err
				return
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	return done
}

// crowded is what new deliveries get while a backlog drains, and while not.
type crowded struct {
	Round     int     `json:"round"`
	Waiting   int     `json:"waiting"`
	Left      float64 `json:"left_bytes"` // of the backlog, at the end of the loads
	QuietRate float64 `json:"quiet_per_second"`
	Rate      float64 `json:"per_second"`
	QuietP99  float64 `json:"quiet_p99_ms"` // at 1,000 a second
	P99       float64 `json:"p99_ms"`
	Memory    int     `json:"memory_mib"`
}

// crowd sends new deliveries to a gateway without and with a backlog.
func (b *bench) crowd(ctx context.Context, round int) (c crowded, err error) {
	s, err := b.open(ctx, shipping)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	c.Round, c.Waiting = round, b.waiting
	paced := load{kind: jsonForm, connections: b.connections, time: b.time, rate: 1000}
	flatOut := load{kind: jsonForm, connections: b.connections, time: b.time}
	both := func(name string) (p99, rate float64, memory int, err error) {
		s.count = "" // not all of it is in the store between the loads
		m, err := b.drive(ctx, s, name, paced, round)
		if err != nil {
			return 0, 0, 0, err
		}
		most, err := b.drive(ctx, s, name, flatOut, round)
		return m.P99, most.Rate, max(m.Memory, most.Memory), err
	}
	if c.QuietP99, c.QuietRate, _, err = both("Leadgate, no backlog"); err != nil {
		return c, err
	}
	s.process.kill()
	if _, err := fillJournal(ctx, s.data(), b.waiting); err != nil {
		return c, err
	}
	if _, err := s.restart(ctx, gatewayOptions{}); err != nil {
		return c, err
	}
	s.drained = nil // the loads do not wait for the backlog
	if c.P99, c.Rate, c.Memory, err = both("Leadgate, draining a backlog"); err != nil {
		return c, err
	}
	c.Left, err = s.metric(ctx, "leadgate_drain_lag_bytes")
	s.process.kill()
	return c, errors.Join(err, os.RemoveAll(s.data()))
}
