package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// redisScenarios are a Redis that fails in all the ways it can, under a load
// whose limits it counts, too.
var redisScenarios = []scenario{
	{"Redis flushed", redisFlushed},
	{"Redis read-only", redisReadOnly},
	{"Redis slow (2 s)", redisSlow},
	{"Redis refusing connections", redisRefusing},
	{"Redis answering OOM", redisFull},
	{"Redis restarted empty", redisRestarted},
}

// remote is a real redis-server and the way to it.
type remote struct {
	w      *world
	link   *link
	client *redis.Client // past the link
}

// farRedis gives the gateway a running redis-server behind a link.
func (w *world) farRedis(ctx context.Context) (*remote, error) {
	if err := w.useRedis(); err != nil {
		return nil, err
	}
	if err := w.redis.start(ctx); err != nil {
		return nil, err
	}
	way, err := newLink("redis", "127.0.0.1:"+strconv.Itoa(w.redis.port))
	if err != nil {
		return nil, err
	}
	r := &remote{w: w, link: way, client: w.redis.client()}
	w.onEnd(func() error { way.cut(); return r.client.Close() })
	w.configure(fmt.Sprintf("redis: {url: \"redis://%s/0\"}", way.addr()))
	w.configure("limits: {shared: true, per_source: 1000000/s, per_address: 1000000/s}")
	w.configure("drain: {flush_interval: 50ms}")
	return r, nil
}

// set is CONFIG SET, as a step of a trouble.
func (r *remote) set(pairs ...string) func(context.Context) error {
	return func(ctx context.Context) error {
		var errs []error
		for i := 0; i < len(pairs); i += 2 {
			errs = append(errs, r.client.ConfigSet(ctx, pairs[i], pairs[i+1]).Err())
		}
		return errors.Join(errs...)
	}
}

func (r *remote) do(args ...any) func(context.Context) error {
	return func(ctx context.Context) error { return r.client.Do(ctx, args...).Err() }
}

func nothing(context.Context) error { return nil }

func redisFlushed(ctx context.Context, w *world) error {
	r, err := w.farRedis(ctx)
	if err != nil {
		return err
	}
	flush := trouble{begin: r.do("FLUSHALL"), felt: w.works(2), end: nothing}
	return w.through(ctx, loadOptions{}, flush, flush)
}

func redisReadOnly(ctx context.Context, w *world) error {
	r, err := w.farRedis(ctx)
	if err != nil {
		return err
	}
	return w.through(ctx, loadOptions{},
		trouble{r.do("REPLICAOF", "127.0.0.1", "1"), w.fails("dedupe", 2), r.do("REPLICAOF", "NO", "ONE")},
		trouble{r.set("min-replicas-to-write", "1"), w.fails("dedupe", 2), r.set("min-replicas-to-write", "0")})
}

func redisSlow(ctx context.Context, w *world) error {
	r, err := w.farRedis(ctx)
	if err != nil {
		return err
	}
	return w.through(ctx, loadOptions{}, trouble{
		begin: func(context.Context) error { return r.link.slow(2 * time.Second) },
		felt:  w.works(1),
		end:   func(context.Context) error { return r.link.fast() },
	})
}

func redisRefusing(ctx context.Context, w *world) error {
	r, err := w.farRedis(ctx)
	if err != nil {
		return err
	}
	return w.through(ctx, loadOptions{}, trouble{
		begin: func(context.Context) error { r.link.cut(); return nil },
		felt:  w.fails("dedupe", 2),
		end:   func(context.Context) error { return r.link.mend() },
	})
}

func redisFull(ctx context.Context, w *world) error {
	r, err := w.farRedis(ctx)
	if err != nil {
		return err
	}
	return w.through(ctx, loadOptions{},
		trouble{r.set("maxmemory-policy", "noeviction", "maxmemory", "1"), w.fails("dedupe", 2), r.set("maxmemory", "0")})
}

func redisRestarted(ctx context.Context, w *world) error {
	if _, err := w.farRedis(ctx); err != nil {
		return err
	}
	restart := trouble{
		begin: func(context.Context) error { w.redis.kill(); return nil },
		felt:  w.fails("dedupe", 2),
		end:   func(ctx context.Context) error { return w.redis.start(ctx) },
	}
	return w.through(ctx, loadOptions{}, restart, restart)
}
