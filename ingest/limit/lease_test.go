package limit_test

import (
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/leadgate/leadgate/ingest/limit"
)

// nodes are limiters that share what client connects to.
func nodes(t *testing.T, n int, count int64, client redis.UniversalClient, now func() time.Time) []*limit.Limiter {
	t.Helper()
	all := make([]*limit.Limiter, n)
	for i := range all {
		all[i] = newLimiter(t, limit.Options{
			Name: "source", Rate: limit.Rate{Count: count, Per: time.Hour}, Redis: client, Timeout: time.Minute, Now: now,
		})
	}
	return all
}

// takeAll makes n requests of key "a" to each node, from several clients at
// once, and returns how many passed.
func takeAll(t *testing.T, n int, nodes ...*limit.Limiter) int64 {
	t.Helper()
	const clients = 8
	var allowed atomic.Int64
	var wg sync.WaitGroup
	for _, node := range nodes {
		var made atomic.Int64
		for range clients {
			wg.Go(func() {
				for made.Add(1) <= int64(n) {
					r, err := node.Take(t.Context(), "a", 1)
					if err != nil {
						t.Error(err)
					}
					if r.Allowed {
						allowed.Add(1)
					}
				}
			})
		}
	}
	wg.Wait()
	return allowed.Load()
}

// settle waits until nothing that the nodes asked is under way.
func settle(nodes ...*limit.Limiter) {
	for _, node := range nodes {
		node.Settle()
	}
}

// nextWindow ends the window of the nodes, in Redis and by their clock, once
// nothing that they asked in it is under way: Redis' clock and theirs do not
// stand still and then leap, but here.
func nextWindow(server *miniredis.Miniredis, c *clock, nodes ...*limit.Limiter) {
	settle(nodes...)
	server.FastForward(time.Hour)
	c.advance(time.Hour)
}

// wantWithin checks that the limit was kept: never more, and hardly less.
func wantWithin(t *testing.T, allowed, count int64) {
	t.Helper()
	if allowed > count || allowed*100 < count*95 {
		t.Errorf("%d passed, the limit is %d", allowed, count)
	}
}

func TestLeases_SmallLimitsAreExact(t *testing.T) {
	t.Parallel()
	client := patient(t, miniredis.RunT(t).Addr())
	for _, count := range []int64{1, 3, 20} {
		three := nodes(t, 3, count, client, nil)
		if n := takeAll(t, 50, three...); n != count {
			t.Errorf("%d of 150 passed, want %d", n, count)
		}
		client.FlushAll(t.Context())
	}
}

func TestLeases_OneNodeLosesNothing(t *testing.T) {
	t.Parallel()
	client := patient(t, miniredis.RunT(t).Addr())
	shared := nodes(t, 1, 2000, client, nil)[0]
	local := newLimiter(t, limit.Options{Rate: limit.Rate{Count: 2000, Per: time.Hour}})
	for name, l := range map[string]*limit.Limiter{"shared": shared, "local": local} {
		for i := range int64(2000) {
			if r := take(t, l, "a"); !r.Allowed || r.Remaining != 1999-i || r.Reset.Before(time.Now().Add(59*time.Minute)) {
				t.Fatalf("%s, request %d: %+v", name, i+1, r)
			}
		}
		if r := take(t, l, "a"); r.Allowed || r.Remaining != 0 {
			t.Errorf("%s, beyond the limit: %+v", name, r)
		}
	}
}

// Requests are not counted in the order in which they came: that loses nothing.
func TestLeases_LateRequests(t *testing.T) {
	t.Parallel()
	var c clock
	node := nodes(t, 1, 2000, patient(t, miniredis.RunT(t).Addr()), c.now)[0]
	for i := range int64(2000) {
		c.advance(10 * time.Millisecond)
		if i%100 == 99 {
			c.advance(-900 * time.Millisecond)
		}
		if r := take(t, node, "a"); !r.Allowed || r.Remaining != 1999-i {
			t.Fatalf("request %d: %+v", i+1, r)
		}
	}
}

func TestLeases_NodesTogether(t *testing.T) {
	t.Parallel()
	three := nodes(t, 3, 6000, patient(t, miniredis.RunT(t).Addr()), nil)
	wantWithin(t, takeAll(t, 3000, three...), 6000)
}

// What is held by nodes that get no more requests is not lost to the others
// but for a twentieth.
func TestLeases_NodesFallSilent(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	var c clock
	six := nodes(t, 6, 3000, patient(t, server.Addr()), c.now)
	for range 3 { // windows
		var allowed int64
		for i, node := range six {
			n := 550
			if i == len(six)-1 {
				n = 3000
			}
			allowed += takeAll(t, n, node)
		}
		wantWithin(t, allowed, 3000)
		nextWindow(server, &c, six...)
	}
}

func TestLeases_VoidWithTheirWindow(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	var c clock
	two := nodes(t, 2, 4000, patient(t, server.Addr()), c.now)
	if n := takeAll(t, 1000, two...); n != 2000 {
		t.Fatalf("%d of 2000 passed", n)
	}
	nextWindow(server, &c, two...)
	wantWithin(t, takeAll(t, 3000, two...), 4000)
}

// What a node spent before Redis lost its count does not let it hold more of
// what is counted anew.
func TestLeases_RedisForgets(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	four := nodes(t, 4, 8000, patient(t, server.Addr()), nil)
	if n := takeAll(t, 1500, four...); n != 6000 {
		t.Fatalf("%d of 6000 passed", n)
	}
	settle(four...)
	server.FlushAll()
	allowed := takeAll(t, 40, four[:3]...)
	allowed += takeAll(t, 9000, four[3])
	if allowed < 7600 || allowed > 8400 { // a twentieth is from before
		t.Errorf("%d passed since Redis forgot, the limit is 8000", allowed)
	}
}

func TestLeases_RedisIsSeldomAsked(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	var c clock
	node := nodes(t, 1, 1e6, patient(t, server.Addr()), c.now)[0]
	for _, atMost := range []int{250, 100} { // a window is like the one before
		before := server.CommandCount()
		if n := takeAll(t, 5000, node); n != 5000 {
			t.Errorf("%d of 5000 passed", n)
		}
		if asked := server.CommandCount() - before; asked > atMost {
			t.Errorf("5000 requests asked Redis %d times, want at most %d", asked, atMost)
		}
		nextWindow(server, &c, node)
	}
}

// Who hammers beyond the limit does not hammer Redis; yet what was refused is
// asked about again, should Redis have been flushed.
func TestLeases_Refused(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	var c clock
	node := nodes(t, 1, 3, patient(t, server.Addr()), c.now)[0]
	wantThree(t, node, "a")
	before := server.CommandCount()
	for range 100 {
		if r := take(t, node, "a"); r.Allowed || r.Remaining != 0 || r.Reset.Before(time.Now()) {
			t.Fatalf("got %+v", r)
		}
	}
	if asked := server.CommandCount() - before; asked != 0 {
		t.Errorf("refused requests asked Redis %d times", asked)
	}
	server.FlushAll()
	c.advance(time.Second)
	wantThree(t, node, "a")
}

// A lease outlives Redis, and no request fails or waits for its return.
func TestLeases_RedisGoesAndReturns(t *testing.T) {
	t.Parallel()
	server := returning(t)
	addr := server.Addr()
	var c clock
	two := nodes(t, 2, 2000, patient(t, addr), c.now)
	if n := takeAll(t, 500, two...); n != 1000 {
		t.Fatalf("%d of 1000 passed", n)
	}
	server.Close()
	if n := takeAll(t, 500, two...); n != 1000 {
		t.Errorf("without Redis %d of 1000 passed", n)
	}
	if !two[0].Degraded() || !two[1].Degraded() {
		t.Error("not degraded without Redis")
	}
	if err := server.StartAddr(addr); err != nil { // as it was when it went
		t.Fatal(err)
	}
	defer server.Close()
	c.advance(2 * time.Second)
	if n := takeAll(t, 1000, two...); n > 1000 || n < 900 {
		t.Errorf("%d passed since Redis is back, 1000 were left", n)
	}
	if two[0].Degraded() || two[1].Degraded() {
		t.Error("Redis is back and not used")
	}
}

func TestLimiter_MoreKeysThanAreRemembered(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, limit.Options{Rate: limit.Rate{Count: 2, Per: time.Hour}})
	for range 2 {
		for key := range 10_000 {
			if r := take(t, l, strconv.Itoa(key)); !r.Allowed {
				t.Fatalf("key %d: %+v", key, r)
			}
		}
	}
	for key := range 10_000 {
		if r := take(t, l, strconv.Itoa(key)); r.Allowed {
			t.Fatalf("key %d passes the limit", key)
		}
	}
}

// Addresses are many, and what is asked of Redis for one is not answered to
// another.
func TestLimiter_SharedByManyKeys(t *testing.T) {
	t.Parallel()
	client := patient(t, miniredis.RunT(t).Addr())
	two := nodes(t, 2, 3, client, nil)
	var allowed [100]atomic.Int64
	var wg sync.WaitGroup
	for key := range allowed {
		for i := range 8 {
			wg.Go(func() {
				r, err := two[i%2].Take(t.Context(), strconv.Itoa(key), 1)
				if err != nil {
					t.Error(err)
				}
				if r.Allowed {
					allowed[key].Add(1)
				}
			})
		}
	}
	wg.Wait()
	for key := range allowed {
		if n := allowed[key].Load(); n != 3 {
			t.Errorf("key %d: %d of 8 passed, want 3", key, n)
		}
	}
	for _, node := range two {
		if node.Degraded() {
			t.Error("degraded")
		}
	}
}

// Requests that come together do not wait for a silent Redis one after the
// other: all are counted here.
func TestLimiter_RedisSilentToMany(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	l := newLimiter(t, limit.Options{Name: "source", Redis: patient(t, silent.Addr().String()), Retry: time.Hour})
	var allowed atomic.Int64
	var wg sync.WaitGroup
	for i := range 300 {
		wg.Go(func() {
			if r, err := l.Take(t.Context(), strconv.Itoa(i%50), 1); err == nil && r.Allowed {
				allowed.Add(1)
			}
		})
	}
	wg.Wait()
	if n := allowed.Load(); n != 150 || !l.Degraded() {
		t.Errorf("%d of 300 passed, want 150; degraded: %v", n, l.Degraded())
	}
}
