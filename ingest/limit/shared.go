package limit

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"github.com/ulule/limiter/v3"
	redisstore "github.com/ulule/limiter/v3/drivers/store/redis"
)

// sharedStore counts in Redis behind a breaker.
type sharedStore struct {
	client  redis.UniversalClient
	store   limiter.Store
	timeout time.Duration
	breaker breaker
	log     *slog.Logger
}

func newSharedStore(o Options, prefix string) (*sharedStore, error) {
	s := &sharedStore{timeout: o.Timeout, log: o.Log, breaker: breaker{retry: o.Retry, now: o.Now}}
	if s.timeout <= 0 {
		s.timeout = 50 * time.Millisecond
	}
	if s.breaker.retry <= 0 {
		s.breaker.retry = time.Second
	}
	if s.breaker.now == nil {
		s.breaker.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.log = s.log.With("limit", o.Name)
	var err error
	if s.client, err = impatient(o.Redis, s.timeout); err != nil {
		return nil, err
	}
	scripts := &lazyScripts{UniversalClient: s.client}
	s.store, err = redisstore.NewStoreWithOptions(scripts, limiter.StoreOptions{Prefix: prefix})
	if err != nil {
		return nil, fmt.Errorf("redis store: %w", err)
	}
	scripts.online.Store(true)
	return s, nil
}

// impatient returns a new client to the same Redis that heeds deadlines, tries
// once and gives up in time.
func impatient(client redis.UniversalClient, timeout time.Duration) (redis.UniversalClient, error) {
	quiet := &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	switch c := client.(type) {
	case *redis.Client:
		o := *c.Options()
		o.ContextTimeoutEnabled, o.MaxRetries, o.DialerRetries = true, -1, 1
		o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = timeout, timeout, timeout, timeout
		// The original's handlers are its own.
		o.PushNotificationProcessor, o.MaintNotificationsConfig = nil, quiet
		return redis.NewClient(&o), nil
	case *redis.ClusterClient:
		o := *c.Options()
		o.ContextTimeoutEnabled, o.MaxRetries, o.MaxRedirects, o.DialerRetries = true, -1, 2, 1
		o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = timeout, timeout, timeout, timeout
		o.PushNotificationProcessor, o.MaintNotificationsConfig = nil, quiet
		return redis.NewClusterClient(&o), nil
	}
	return nil, errClient
}

// take counts in Redis; false means that it could not be done in time.
func (s *sharedStore) take(ctx context.Context, key string, rate limiter.Rate) (limiter.Context, bool) {
	if !s.breaker.allow() {
		return limiter.Context{}, false
	}
	bounded, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	state, err := s.store.Get(bounded, key, rate)
	if err != nil && ctx.Err() != nil {
		return limiter.Context{}, false // the request ended, which says nothing of Redis
	}
	if s.breaker.report(err != nil) {
		if err != nil {
			s.log.Warn("redis is away: the limit is counted on this node", "err", err.Error()) // with %+v it has its stack in it
		} else {
			s.log.Info("redis is back: the limit is shared again")
		}
	}
	return state, err == nil
}

func (s *sharedStore) away() bool { return s.breaker.open() }

// lazyScripts is a client that, while the store is being made, tells a
// script's digest without a server. The store's constructor would load its
// scripts and fail with Redis away; so it loads them when Redis first says
// that it does not know them.
type lazyScripts struct {
	redis.UniversalClient
	online atomic.Bool
}

// ScriptLoad implements the store's client.
func (c *lazyScripts) ScriptLoad(ctx context.Context, script string) *redis.StringCmd {
	if c.online.Load() {
		return c.UniversalClient.ScriptLoad(ctx, script)
	}
	digest := sha1.Sum([]byte(script)) // as Redis names scripts
	cmd := redis.NewStringCmd(ctx, "script", "load")
	cmd.SetVal(hex.EncodeToString(digest[:]))
	return cmd
}
