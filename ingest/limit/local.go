package limit

import (
	"context"
	"sync"
	"time"

	"github.com/ulule/limiter/v3"
	"github.com/ulule/limiter/v3/drivers/store/memory"
)

// Entries of ended windows are dropped this often.
const cleanup = time.Minute

// setBack is a step of the clock that is no correction of a drift.
const setBack = time.Second

// localStore counts in memory, by leases: a key that is seen often costs
// neither a lock nor the store. The store goes by the time of day, so when that
// is set back by an hour, its windows would last an hour longer and everybody
// would be refused meanwhile: it then counts anew.
type localStore struct {
	rate   limiter.Rate
	leases *leases
	mu     sync.Mutex
	store  limiter.Store
	latest time.Time // without a monotonic reading
}

func newLocalStore(o Options) *localStore {
	s := &localStore{rate: counting(o.Rate)}
	s.leases = newLeases(o, s.count)
	s.renew()
	return s
}

func (s *localStore) renew() {
	s.store = memory.NewStoreWithOptions(limiter.StoreOptions{CleanUpInterval: cleanup})
}

// count counts n requests of key.
func (s *localStore) count(ctx context.Context, key string, n int64, now time.Time) (counted, error) {
	state, err := s.current(now.Round(0)).Increment(ctx, key, n, s.rate)
	if err != nil {
		return counted{}, err
	}
	c := counted{total: uncounted - state.Remaining, end: now.Add(s.rate.Period), reset: state.Reset}
	if c.total > n { // the window was there: its end is known to a second
		c.end = now.Add(time.Until(time.Unix(state.Reset, 0)))
	}
	return c, nil
}

func (s *localStore) current(now time.Time) limiter.Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.latest.Sub(now) > setBack {
		s.renew()
		s.latest = now
	} else if now.After(s.latest) {
		s.latest = now
	}
	return s.store
}
