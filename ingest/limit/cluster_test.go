package limit_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest/limit"
	"github.com/leadgate/leadgate/ingest/redistest"
)

// Nodes share the limits of keys that are on all masters, whose counts are
// asked together; while one master is away they count on their own.
func TestIntegrationCluster(t *testing.T) {
	t.Parallel()
	const count = 2000
	cluster := redistest.Start(t)
	var c clock
	o := limit.Options{
		Name: "source", Rate: limit.Rate{Count: count, Per: time.Hour}, Redis: cluster.Client(),
		Timeout: 5 * time.Second, Retry: time.Second, Now: c.now,
	}
	two := []*limit.Limiter{newLimiter(t, o), newLimiter(t, o)}
	tags := cluster.Tags("k")
	var allowed [redistest.Masters]atomic.Int64
	var all sync.WaitGroup
	for i, tag := range tags {
		for _, node := range two {
			for range 4 {
				all.Go(func() {
					for range count / 4 {
						if r, err := node.Take(t.Context(), "{"+tag+"}", 1); err != nil {
							t.Error(err)
						} else if r.Allowed {
							allowed[i].Add(1)
						}
					}
				})
			}
		}
	}
	all.Wait()
	for i := range allowed {
		wantWithin(t, allowed[i].Load(), count)
		if n := cluster.Master(i).DBSize(t.Context()).Val(); n != 1 {
			t.Errorf("master %d counts %d keys, want one", i, n)
		}
	}
	for i, node := range two {
		if node.Degraded() {
			t.Errorf("node %d counts on its own", i)
		}
	}

	cluster.Kill(0)
	o.Rate, o.Name = limit.Rate{Count: 3, Per: time.Hour}, "address"
	one, other := newLimiter(t, o), newLimiter(t, o)
	key := "{" + tags[0] + "}"
	wantThree(t, one, key)
	wantThree(t, other, key)
	if !one.Degraded() {
		t.Error("not degraded without the key's master")
	}
	cluster.Restart(0) // without the scripts that it knew
	cluster.AwaitServing()
	c.advance(2 * time.Second)
	wantThree(t, one, key)
	if r := take(t, other, key); r.Allowed || one.Degraded() || other.Degraded() {
		t.Errorf("not shared again: %+v, %v, %v", r, one.Degraded(), other.Degraded())
	}
}

func TestIntegrationCluster_Tokens(t *testing.T) {
	t.Parallel()
	cluster := redistest.Start(t)
	tokens, err := limit.NewTokens(limit.TokensOptions{Redis: cluster.Client(), Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tokens.Close() })
	for n := range 20 {
		token := fmt.Sprint(n)
		if seen, err := tokens.Seen(t.Context(), "mail", token); err != nil || seen {
			t.Errorf("%s: seen %v, %v", token, seen, err)
		}
		if err := tokens.Remember(t.Context(), "mail", token, time.Minute); err != nil {
			t.Error(err)
		}
		if seen, err := tokens.Seen(t.Context(), "mail", token); err != nil || !seen {
			t.Errorf("%s, remembered: seen %v, %v", token, seen, err)
		}
	}
}
