package limit_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/leadgate/leadgate/ingest/limit"
)

func TestParseRate(t *testing.T) {
	t.Parallel()
	good := func(text string, count int64, per time.Duration, back string) {
		t.Helper()
		r, err := limit.ParseRate(text)
		if err != nil || r.Count != count || r.Per != per || r.String() != back {
			t.Errorf("%q: got %+v (%s), %v", text, r, r, err)
		}
		if r.Off() != (count == 0) {
			t.Errorf("%q: off is %v", text, r.Off())
		}
	}
	good("100/s", 100, time.Second, "100/s")
	good("600/m", 600, time.Minute, "600/m")
	good(" 10000 / h ", 10000, time.Hour, "10000/h")
	good("1/d", 1, 24*time.Hour, "1/d")
	good("", 0, 0, "0")
	good("0", 0, 0, "0")
	for _, text := range []string{"100", "/s", "100/", "100/w", "-1/s", "0/s", "1.5/s", "a/s", "100/s/s", "99999999999999999999/s", "100-s"} {
		if r, err := limit.ParseRate(text); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%q: got %+v, %v", text, r, err)
		}
	}
}

func TestParseByteRate(t *testing.T) {
	t.Parallel()
	for text, count := range map[string]int64{
		"10MiB/s": 10 << 20, "65536/m": 65536, " 1 GiB / h ": 1 << 30, "1.5KiB/s": 1536, "1MB/d": 1_000_000, "": 0, "0": 0, "10EiB/s": 1 << 53,
	} {
		if r, err := limit.ParseByteRate(text); err != nil || r.Count != count || r.Off() != (count == 0) || r.Times(8).Count != 8*count {
			t.Errorf("%q: got %+v, %v", text, r, err)
		}
	}
	for _, text := range []string{"10MiB", "/s", "10MiB/", "10MiB/w", "-1MiB/s", "0B/s", "MiB/s", "1e400/s", "999EiB/s"} {
		if r, err := limit.ParseByteRate(text); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%q: got %+v, %v", text, r, err)
		}
	}
}

func newLimiter(t *testing.T, o limit.Options) *limit.Limiter {
	t.Helper()
	if o.Rate.Off() {
		o.Rate = limit.Rate{Count: 3, Per: time.Hour}
	}
	l, err := limit.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func take(t *testing.T, l *limit.Limiter, key string) limit.Result {
	t.Helper()
	r, err := l.Take(t.Context(), key, 1)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func wantThree(t *testing.T, l *limit.Limiter, key string) {
	t.Helper()
	for i := range int64(3) {
		r := take(t, l, key)
		if !r.Allowed || r.Limit != 3 || r.Remaining != 2-i || !r.Reset.After(time.Now()) {
			t.Fatalf("request %d of %s: %+v", i+1, key, r)
		}
	}
	if r := take(t, l, key); r.Allowed || r.Remaining != 0 {
		t.Fatalf("request 4 of %s: %+v", key, r)
	}
}

func TestLimiter_Off(t *testing.T) {
	t.Parallel()
	off, err := limit.New(limit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []*limit.Limiter{off, nil} {
		if r := take(t, l, "a"); !r.Allowed || r.Limit != 0 {
			t.Errorf("got %+v", r)
		}
		if l.Degraded() || l.Close() != nil {
			t.Error("a limiter that is off is degraded, or does not close")
		}
	}
}

func TestLimiter_CountsByKey(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, limit.Options{Name: "source"})
	wantThree(t, l, "a")
	wantThree(t, l, "b")
}

func TestLimiter_CountsEachRequestOnce(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, limit.Options{Rate: limit.Rate{Count: 50, Per: time.Hour}})
	var allowed atomic.Int64
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if r, err := l.Take(t.Context(), "a", 1); err == nil && r.Allowed {
				allowed.Add(1)
			}
		})
	}
	wg.Wait()
	if n := allowed.Load(); n != 50 {
		t.Errorf("%d of 100 allowed, want 50", n)
	}
}

// patient is a client as the rest of the program has it: with seconds of
// timeouts and with retries.
func patient(t testing.TB, addr string) redis.UniversalClient {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestLimiter_Shared(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	client := patient(t, server.Addr())
	one := newLimiter(t, limit.Options{Name: "address", Redis: client, Timeout: time.Minute})
	two := newLimiter(t, limit.Options{Name: "address", Redis: client, Timeout: time.Minute})
	other := newLimiter(t, limit.Options{Name: "source", Redis: client, Timeout: time.Minute})
	for i, l := range []*limit.Limiter{one, two, one} {
		if r := take(t, l, "192.0.2.1"); !r.Allowed || r.Remaining != int64(2-i) {
			t.Fatalf("request %d: %+v", i+1, r)
		}
	}
	if r := take(t, two, "192.0.2.1"); r.Allowed {
		t.Errorf("the nodes do not share: %+v", r)
	}
	if r := take(t, other, "192.0.2.1"); r.Remaining != 2 {
		t.Errorf("limiters of other names share: %+v", r)
	}
	if ttl := server.TTL("leadgate:limit:address:192.0.2.1"); ttl <= 0 || ttl > time.Hour {
		t.Errorf("the key lives %v; keys: %v", ttl, server.Keys())
	}
	server.FlushAll()
	if r := take(t, one, "192.0.2.1"); !r.Allowed {
		t.Errorf("after a flush: %+v", r)
	}
}

func TestNew_RedisClientUnknown(t *testing.T) {
	t.Parallel()
	ring := redis.NewRing(&redis.RingOptions{})
	defer func() { _ = ring.Close() }()
	_, err := limit.New(limit.Options{Name: "source", Rate: limit.Rate{Count: 1, Per: time.Second}, Redis: ring})
	if err == nil || !strings.Contains(err.Error(), "limit source") {
		t.Errorf("got %v", err)
	}
}

type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()) }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

// hosts are how many servers have a loopback address of their own.
var hosts atomic.Int64

// returning is a Redis that can be closed and started again: it has an address of
// its own where there are such, so that no other test takes its port meanwhile.
func returning(t *testing.T) *miniredis.Miniredis {
	t.Helper()
	server := miniredis.NewMiniRedis()
	if server.StartAddr(fmt.Sprintf("127.0.0.%d:0", 100+hosts.Add(1))) != nil {
		return miniredis.RunT(t)
	}
	t.Cleanup(server.Close)
	return server
}

func TestLimiter_RedisGoesAndReturns(t *testing.T) {
	t.Parallel()
	server := returning(t)
	addr := server.Addr()
	server.Close()

	var log bytes.Buffer
	var c clock
	l := newLimiter(t, limit.Options{
		Name: "source", Redis: patient(t, addr), Timeout: 5 * time.Second, Retry: 10 * time.Second,
		Now: c.now, Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	wantThree(t, l, "a") // although Redis was never there
	if !l.Degraded() {
		t.Fatal("not degraded without Redis")
	}

	if err := server.StartAddr(addr); err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	c.advance(9 * time.Second)
	if r := take(t, l, "a"); r.Allowed || !l.Degraded() {
		t.Errorf("asked Redis again too early: %+v", r)
	}
	c.advance(2 * time.Second)
	wantThree(t, l, "a")
	if l.Degraded() || !server.Exists("leadgate:limit:source:a") {
		t.Error("Redis is back and not used")
	}
	text := log.String()
	if strings.Count(text, "redis is away") != 1 || strings.Count(text, "redis is back") != 1 {
		t.Errorf("each change is told once, not so:\n%s", text)
	}
}

// A Redis that takes connections and never answers is the slowest way to be
// away.
func TestLimiter_RedisSilent(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	var asked atomic.Int64
	go func() {
		for {
			if _, err := silent.Accept(); err != nil {
				return
			}
			asked.Add(1)
		}
	}()

	l := newLimiter(t, limit.Options{Name: "source", Redis: patient(t, silent.Addr().String()), Retry: time.Hour})
	wantThree(t, l, "a")
	for range 1000 {
		if r := take(t, l, "a"); r.Allowed {
			t.Fatalf("got %+v", r)
		}
	}
	// Each attempt that is given up costs 50 ms and its connection.
	if n := asked.Load(); n > 2 {
		t.Errorf("a silent Redis was asked by %d of 1004 requests", n)
	}
}

func TestLimiter_RequestEndedIsNoOutage(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	l := newLimiter(t, limit.Options{Name: "source", Redis: patient(t, server.Addr()), Timeout: time.Minute})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if r, err := l.Take(ended, "a", 1); err != nil || !r.Allowed {
		t.Errorf("got %+v, %v", r, err)
	}
	if l.Degraded() {
		t.Error("a request that ended was taken for an outage of Redis")
	}
}
