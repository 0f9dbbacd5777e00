package limit_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/leadgate/leadgate/ingest/limit"
)

// kinds are a limiter that counts here and one that counts in Redis.
func kinds(t *testing.T, rate limit.Rate) map[string]*limit.Limiter {
	t.Helper()
	all := make(map[string]*limit.Limiter)
	for name, client := range map[string]redis.UniversalClient{"local": nil, "shared": patient(t, miniredis.RunT(t).Addr())} {
		all[name] = newLimiter(t, limit.Options{Name: "bytes", Rate: rate, Redis: client, Timeout: time.Minute})
	}
	return all
}

func TestLimiter_Weights(t *testing.T) {
	t.Parallel()
	for name, l := range kinds(t, limit.Rate{Count: 1000, Per: time.Hour}) {
		for i, step := range []struct {
			weight, remaining int64
			allowed           bool
		}{
			{500, 500, true},
			{0, 499, true}, // counts as one
			{-7, 498, true},
			{499, 498, false}, // is not counted
			{499, 498, false},
			{498, 0, true}, // so there is as much left as it said
			{1, 0, false},
		} {
			r, err := l.Take(t.Context(), "a", step.weight)
			if err != nil || r.Limit != 1000 || r.Remaining != step.remaining || r.Allowed != step.allowed {
				t.Errorf("%s, step %d: got %+v, %v", name, i, r, err)
			}
		}
		if r := take(t, l, "b"); !r.Allowed {
			t.Errorf("%s: another key: %+v", name, r)
		}
	}
}

// What weighs more than the limit passes once a window, instead of never.
func TestLimiter_HeavierThanTheLimit(t *testing.T) {
	t.Parallel()
	for name, l := range kinds(t, limit.Rate{Count: 100, Per: time.Hour}) {
		heavy := func(key string, want bool) {
			t.Helper()
			if r, err := l.Take(t.Context(), key, 1<<40); err != nil || r.Allowed != want {
				t.Errorf("%s: %s: got %+v, %v; want allowed %v", name, key, r, err, want)
			}
		}
		heavy("fresh", true)
		heavy("fresh", false)
		if r := take(t, l, "fresh"); r.Allowed || r.Remaining != 0 {
			t.Errorf("%s: behind a heavy one: %+v", name, r)
		}
		take(t, l, "spent")
		heavy("spent", false)
		if r := take(t, l, "spent"); !r.Allowed || r.Remaining != 98 {
			t.Errorf("%s: a refused one took from the limit: %+v", name, r)
		}
	}
}

// However the weights come, from whatever node, no more passes than the limit.
func TestLimiter_WeightsAtOnce(t *testing.T) {
	t.Parallel()
	const count = 10_000
	server := miniredis.RunT(t)
	client := patient(t, server.Addr())
	for name, nodes := range map[string][]*limit.Limiter{
		"local":  {newLimiter(t, limit.Options{Rate: limit.Rate{Count: count, Per: time.Hour}})},
		"shared": nodes(t, 3, count, client, nil),
	} {
		var passed, light atomic.Int64
		var wg sync.WaitGroup
		for i := range 24 {
			wg.Go(func() {
				for n := range 100 {
					weight := int64(1 + (i*100+n)%97)
					r, err := nodes[n%len(nodes)].Take(t.Context(), "a", weight)
					if err != nil {
						t.Error(err)
					} else if r.Allowed {
						passed.Add(weight)
					}
				}
			})
		}
		wg.Wait()
		settle(nodes...)
		for _, node := range nodes { // what heavy ones left goes to light ones
			for take(t, node, "a").Allowed {
				light.Add(1)
			}
		}
		total := passed.Load() + light.Load()
		if least := int64(count); name == "local" && total != least || total > count || total < count*95/100 {
			t.Errorf("%s: %d of %d passed, %d of them as light ones", name, total, count, light.Load())
		}
	}
}
