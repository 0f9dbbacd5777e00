package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// straight posts rows to ClickHouse's own HTTP interface, each by itself.
func straight(ctx context.Context, s *site) error {
	if err := s.table(ctx); err != nil {
		return err
	}
	u, err := url.Parse(s.engine.HTTPURL())
	if err != nil {
		return err
	}
	password, _ := u.User.Password()
	query := url.Values{
		"query": {"INSERT INTO default.bench_leads (id, email, phone, name, page_url) FORMAT JSONEachRow"},
		"user":  {u.User.Username()}, "password": {password}, "input_format_skip_unknown_fields": {"1"},
	}
	s.addr, s.paths = u.Host, map[kind]string{jsonForm: "/?" + query.Encode()}
	return nil
}

// nodeScript is the script in JavaScript.
func nodeScript(ctx context.Context, s *site) (err error) {
	if err := s.table(ctx); err != nil {
		return err
	}
	if s.addr, err = freeAddr(); err != nil {
		return err
	}
	_, port, _ := strings.Cut(s.addr, ":")
	s.paths = map[kind]string{jsonForm: "/"}
	s.process, err = launch("node", filepath.Join(s.bench.root, "cmd", "bench", "node", "server.mjs"), port, s.engine.HTTPURL(), s.redisAt)
	if err != nil {
		return err
	}
	return s.process.await(ctx, "listening", answers("http://"+s.addr+"/healthz"))
}

// visibility is how long after its 200 a lead is in the view.
type visibility struct {
	Round  int     `json:"round"`
	Leads  int     `json:"leads"`
	P50    float64 `json:"p50_ms"`
	P99    float64 `json:"p99_ms"`
	Missed int     `json:"missed"`
}

// visible asks the view for the newest leads, over and over, while 1,000 come in
// a second.
func (b *bench) visible(ctx context.Context, round int) (v visibility, err error) {
	s, err := b.open(ctx, shipping)
	if err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	var mu sync.Mutex
	waiting := map[string]time.Time{} // answered, every tenth, by external id
	answered := func(id uint64) {
		if id%10 == 0 {
			var digits [idDigits]byte
			writeID(&digits, id)
			mu.Lock()
			waiting[string(digits[:])] = time.Now()
			mu.Unlock()
		}
	}
	// oldest is before everything that waits was received.
	oldest := func(at time.Time) time.Time {
		mu.Lock()
		defer mu.Unlock()
		for _, since := range waiting {
			if since.Before(at) {
				at = since
			}
		}
		return at.Add(-2 * time.Second) // an answer may take a while
	}
	done := make(chan error, 1)
	go func() {
		l := load{kind: jsonForm, connections: b.connections, time: b.time, rate: 1000}
		_, err := l.drive(ctx, s.addr, s.paths[jsonForm], answered)
		done <- err
	}()
	var took []time.Duration
	deadline := time.Now().Add(b.time + 20*time.Second)
	for ended := false; ; {
		found, at, err := s.newest(ctx, oldest(time.Now()))
		if err != nil {
			return v, err
		}
		mu.Lock()
		for _, id := range found {
			if since, ok := waiting[id]; ok {
				took = append(took, max(at.Sub(since), 0))
				delete(waiting, id)
			}
		}
		left := len(waiting)
		mu.Unlock()
		select {
		case err := <-done:
			if ended = true; err != nil {
				return v, err
			}
		default:
		}
		if ended && left == 0 || time.Now().After(deadline) {
			v = visibility{Round: round, Leads: len(took), Missed: left}
			mu.Lock()
			for _, since := range waiting { // they have waited until now, at least
				took = append(took, time.Since(since))
			}
			mu.Unlock()
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	slices.Sort(took)
	at := func(share float64) float64 {
		return (&driven{Latencies: took}).at(share).Seconds() * 1000
	}
	v.P50, v.P99 = at(0.5), at(0.99)
	return v, nil
}

// newest returns the external ids of the leads that were received since then, and
// when they were seen.
func (s *site) newest(ctx context.Context, since time.Time) (ids []string, at time.Time, err error) {
	at = time.Now()
	rows, err := s.store.Query(ctx, fmt.Sprintf("SELECT external_id FROM leadgate.leads WHERE received_at > fromUnixTimestamp64Micro(%d)", since.UnixMicro()))
	if err != nil {
		return nil, at, err
	}
	defer func() { _ = rows.Close() }()
	at = time.Now()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, at, err
		}
		ids = append(ids, id)
	}
	return ids, at, rows.Err()
}

// drainage is how fast a backlog goes to ClickHouse.
type drainage struct {
	Round      int     `json:"round"`
	Deliveries int     `json:"deliveries"`
	Noticed    float64 `json:"noticed_s"`       // until the first were in the store
	PerSecond  float64 `json:"per_second"`      // deliveries from then on, journal to store
	Bare       float64 `json:"bare_per_second"` // the same rows by clickhouse-go alone
	Memory     int     `json:"memory_mib"`
	Meanwhile  float64 `json:"new_deliveries_p99_ms"`
	Lost       int64   `json:"lost"`
}
