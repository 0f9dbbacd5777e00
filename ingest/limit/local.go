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

// localStore counts in memory. The store goes by the time of day, so when that
// is set back by an hour, its windows would last an hour longer and everybody
// would be refused meanwhile: it then counts anew.
type localStore struct {
	prefix string
	now    func() time.Time
	mu     sync.Mutex
	store  limiter.Store
	latest time.Time // without a monotonic reading
}

func newLocalStore(prefix string, now func() time.Time) *localStore {
	if now == nil {
		now = time.Now
	}
	s := &localStore{prefix: prefix, now: now}
	s.renew()
	return s
}

func (s *localStore) renew() {
	s.store = memory.NewStoreWithOptions(limiter.StoreOptions{Prefix: s.prefix, CleanUpInterval: cleanup})
}

// Get counts one request of key.
func (s *localStore) Get(ctx context.Context, key string, rate limiter.Rate) (limiter.Context, error) {
	return s.current().Get(ctx, key, rate)
}

func (s *localStore) current() limiter.Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now().Round(0)
	if s.latest.Sub(now) > setBack {
		s.renew()
		s.latest = now
	} else if now.After(s.latest) {
		s.latest = now
	}
	return s.store
}
