package limit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/ulule/limiter/v3"
)

// Result says how a key stands after one more request.
type Result struct {
	// Limit is the count of the rate; 0 means that there is no limit.
	Limit, Remaining int64
	// Reset is when the window ends, in whole seconds.
	Reset   time.Time
	Allowed bool
}

// Options describe a Limiter.
type Options struct {
	// Name keeps this limiter's keys apart from others' in a shared Redis.
	Name string
	// Rate for each key; the zero Rate allows everything.
	Rate Rate
	// Redis that the nodes share, nil to count on this node only. The Limiter
	// makes a client of its own from its options, with Timeout for everything.
	Redis redis.UniversalClient
	// Timeout bounds what Redis may add to a request; 50 ms if zero.
	Timeout time.Duration
	// Retry is how long Redis is left alone after a failure; 1 s if zero.
	Retry time.Duration
	// Now is the clock of Retry and of what is leased, and shows when the time
	// of day was set back; time.Now if nil.
	Now func() time.Time
	// Log is told when counting leaves Redis and when it returns; may be nil.
	Log *slog.Logger
}

// Limiter counts requests by key. It is safe for concurrent use.
type Limiter struct {
	off    bool
	local  *localStore
	shared *sharedStore // nil: this node only
}

// New returns a Limiter. It does not touch the network, so a Redis that is
// away does not stop the start. Close ends its connections; the goroutine that
// cleans the memory ends when the Limiter is collected, so make few.
func New(o Options) (*Limiter, error) {
	l := &Limiter{off: o.Rate.Off()}
	if l.off {
		return l, nil
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	l.local = newLocalStore(o)
	if o.Redis == nil {
		return l, nil
	}
	var err error
	if l.shared, err = newSharedStore(o, "leadgate:limit:"+o.Name); err != nil {
		return nil, fmt.Errorf("limit %s: %w", o.Name, err)
	}
	return l, nil
}

// Take counts a request of key, which it keeps, that weighs n: events or bytes,
// say; less than 1 is 1. It passes if as much of the limit is left, and is not
// counted if it does not. One that weighs more than the whole limit passes when
// nothing of the window is spent, and takes all of it. Take does not fail for
// want of Redis; an error means that the request could not be counted at all.
func (l *Limiter) Take(ctx context.Context, key string, n int64) (Result, error) {
	if l == nil || l.off {
		return Result{Allowed: true}, nil
	}
	if l.shared != nil {
		if r, err := l.shared.leases.take(ctx, key, n); err == nil {
			return r, nil
		}
	}
	r, err := l.local.leases.take(ctx, key, n)
	if err != nil {
		return Result{}, fmt.Errorf("count a request: %w", err)
	}
	return r, nil
}

// uncounted is the limit that the stores are given: they count whatever the
// limit is, and what remains of this one tells how far.
const uncounted = math.MaxInt64

func counting(r Rate) limiter.Rate {
	return limiter.Rate{Formatted: r.String(), Period: r.Per, Limit: uncounted}
}

// Degraded tells whether a shared limit is being counted on this node alone.
func (l *Limiter) Degraded() bool {
	return l != nil && l.shared != nil && l.shared.away()
}

// Close ends the connections to Redis. It comes after the last Take.
func (l *Limiter) Close() error {
	if l == nil || l.shared == nil {
		return nil
	}
	return l.shared.close()
}

// breaker lets everything through while all is well, and after a failure one
// attempt in each period.
type breaker struct {
	mu     sync.Mutex
	failed bool
	next   time.Time
	retry  time.Duration
	now    func() time.Time
}

func (b *breaker) allow() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.failed {
		return true
	}
	now := b.now()
	if now.Before(b.next) {
		return false
	}
	b.next = now.Add(b.retry)
	return true
}

// report notes how an attempt ended and tells whether that changed anything.
func (b *breaker) report(failed bool) (changed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if failed {
		b.next = b.now().Add(b.retry)
	}
	changed, b.failed = b.failed != failed, failed
	return changed
}

func (b *breaker) open() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failed
}

var errClient = errors.New("not a client whose options can be read: give a *redis.Client or *redis.ClusterClient")
