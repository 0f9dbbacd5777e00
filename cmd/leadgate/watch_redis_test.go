package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadgate/leadgate/ingest/dedupe"
	"github.com/leadgate/leadgate/ingest/redistest"
)

// What Redis says changes: that it may evict is said once each time it begins,
// and a Redis that is away is a fault, not forgotten.
func TestRedisWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var said bytes.Buffer
		evicting := dedupe.Health{Version: "7", Policy: "allkeys-lru", MaxMemory: 1 << 20, Evicts: true}
		well := dedupe.Health{Version: "7", Policy: "noeviction"}
		answers := []struct {
			health dedupe.Health
			err    error
			state  string
			lines  int
		}{
			{well, nil, stateOK, 0}, {evicting, nil, stateFault, 1}, {evicting, nil, stateFault, 1},
			{dedupe.Health{}, errors.New("refused"), stateFault, 1}, {evicting, nil, stateFault, 2}, {well, nil, stateOK, 2},
			{dedupe.Health{MaxMemory: 100, UsedMemory: 99}, nil, stateWarning, 3},
		}
		step := 0
		w := &redisWatch{log: slog.New(slog.NewTextHandler(&said, nil)), now: time.Now, inspect: func(context.Context) (dedupe.Health, error) {
			return answers[step].health, answers[step].err
		}}
		if c := w.check(); c.State != stateOK {
			t.Errorf("before the first look: %+v", c)
		}
		for i, want := range answers {
			step = i
			w.look(t.Context())
			c := w.check()
			if c.State != want.state || (c.State == stateOK) != c.Since.IsZero() || w.evicts() != want.health.Evicts {
				t.Errorf("%d: %+v, evicts %v; want %s", i, c, w.evicts(), want.state)
			}
			if n := strings.Count(said.String(), "level=WARN"); n != want.lines {
				t.Errorf("%d: %d lines, want %d:\n%s", i, n, want.lines, &said)
			}
			time.Sleep(redisEvery)
		}
	})
}

// Finding 29: a Redis that may evict our keys is said by serve, by the metrics
// and by doctor.
func TestIntegration_RedisMayEvict(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	server := exec.CommandContext(t.Context(), redistest.Binary(t), "--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--save", "",
		"--dir", t.TempDir(), "--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	url := fmt.Sprintf("redis://127.0.0.1:%d", port)
	client, err := redisClient(url)
	if err != nil {
		t.Fatal(err)
	}
	defer closes(t, client)
	p := prepareServe(t, t.TempDir(), openForm+fmt.Sprintf("redis: {url: %q}\n", url))
	p.until("Redis is up", func() bool { return client.Ping(t.Context()).Err() == nil })
	p.start()
	p.says("maxmemory-policy is allkeys-lru")
	p.until("told", func() bool { return p.metric("leadgate_redis_may_evict 1") })
	if said := p.refused("doctor"); !strings.Contains(said, "noeviction") {
		t.Errorf("doctor says %s", said)
	}
	if err := client.ConfigSet(t.Context(), "maxmemory-policy", "noeviction").Err(); err != nil {
		t.Fatal(err)
	}
	p.stop()
	p.start()
	p.until("looked at", func() bool { return strings.Contains(unwrapped(p.run("doctor")), "maxmemory-policy noeviction") })
	if !p.metric("leadgate_redis_may_evict 0") {
		t.Error("the metrics still say that it may evict")
	}
	p.stop()
}
