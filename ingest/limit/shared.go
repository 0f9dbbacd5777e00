package limit

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"github.com/ulule/limiter/v3"
	redisstore "github.com/ulule/limiter/v3/drivers/store/redis"
)

// sharedStore counts in Redis, by leases and behind a breaker.
type sharedStore struct {
	client  redis.UniversalClient
	store   limiter.Store
	rate    limiter.Rate
	timeout time.Duration
	breaker breaker
	log     *slog.Logger
	leases  *leases
	running sync.WaitGroup
}

func newSharedStore(o Options, prefix string) (*sharedStore, error) {
	s := &sharedStore{rate: counting(o.Rate), timeout: o.Timeout, log: o.Log, breaker: breaker{retry: o.Retry, now: o.Now}}
	if s.timeout <= 0 {
		s.timeout = 50 * time.Millisecond
	}
	if s.breaker.retry <= 0 {
		s.breaker.retry = time.Second
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.log = s.log.With("limit", o.Name)
	var err error
	if s.client, err = impatient(o.Redis, s.timeout); err != nil {
		return nil, err
	}
	scripts := &scriptClient{UniversalClient: s.client, timeout: s.timeout, aside: s.running.Go}
	s.store, err = redisstore.NewStoreWithOptions(scripts, limiter.StoreOptions{Prefix: prefix})
	if err != nil {
		return nil, fmt.Errorf("redis store: %w", err)
	}
	scripts.online.Store(true)
	s.leases = newLeases(o, s.count)
	s.leases.aside, s.leases.patience = s.running.Go, s.timeout
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

// count counts n requests of key in Redis.
func (s *sharedStore) count(ctx context.Context, key string, n int64, now time.Time) (counted, error) {
	if !s.breaker.allow() {
		return counted{}, errAway
	}
	bounded, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	lives := s.rate.Period
	state, err := s.store.Increment(context.WithValue(bounded, livesKey{}, &lives), key, n, s.rate)
	if err != nil && ctx.Err() != nil {
		return counted{}, err // the request ended, which says nothing of Redis
	}
	if s.breaker.report(err != nil) {
		if err != nil {
			s.log.Warn("redis is away: the limit is counted on this node", "err", err.Error()) // with %+v it has its stack in it
		} else {
			s.log.Info("redis is back: the limit is shared again")
		}
	}
	if err != nil {
		return counted{}, err
	}
	return counted{total: uncounted - state.Remaining, end: now.Add(lives), reset: state.Reset}, nil
}

func (s *sharedStore) away() bool { return s.breaker.open() }

// close waits for what is under way, then ends the connections.
func (s *sharedStore) close() error {
	s.running.Wait()
	return s.client.Close()
}
