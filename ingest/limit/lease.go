package limit

import (
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

// slots bound the keys that are remembered. One that finds its slot taken is
// counted by the store, request by request.
const slots = 8192

// warm is how much a key must have got for its slot to be its own while its
// window lasts: most addresses are seen once.
const warm = 8

// leases spend what they take from a store in blocks, without a lock and
// without the store. They ask the store for the requests that wait, all at
// once, and for what they may hold besides; see share. One question about a
// key is under way at a time.
//
// A request weighs one or more, and passes whole or not at all. One that is
// refused leaves what there was to lighter ones.
type leases struct {
	rate Rate
	now  func() time.Time
	// count counts n requests of key in the store, from now on.
	count func(ctx context.Context, key string, n int64, now time.Time) (counted, error)
	// aside runs what no request should wait for.
	aside func(func())
	// patience is how long a request may wait in all; 0 is for a store that
	// never lets one wait.
	patience time.Duration
	seed     maphash.Seed
	slots    [slots]atomic.Pointer[lease]
}

// lease is what a node holds of one key.
type lease struct {
	key    string
	window atomic.Pointer[window]
	asking atomic.Bool // written with mu held
	mu     sync.Mutex
	next   *question // of those who came while one was under way
}

// question is a question to the store for requests of the given weights.
type question struct {
	weights []int64
	since   time.Time
	done    chan struct{} // nil: nobody waits but who asks
	// The answer.
	err   error
	left  []int64 // of the limit behind each request; negative: it is refused, and -left-1 remain
	reset int64
}

func (q *question) sum() (n int64) {
	for _, weight := range q.weights {
		n += weight
	}
	return n
}

// settle lets the requests pass in their order, as far as the budget goes, and
// returns how much of it they spent.
func (q *question) settle(budget int64) (spent int64) {
	q.left = make([]int64, len(q.weights))
	for i, weight := range q.weights {
		if left := budget - spent - weight; left >= 0 {
			spent += weight
			q.left[i] = left
		} else {
			q.left[i] = refusal(budget - spent)
		}
	}
	return spent
}

// refusal is what a result has for left when a request is refused and so much
// remains.
func refusal(remaining int64) int64 { return -1 - max(0, remaining) }

func newLeases(o Options, count func(context.Context, string, int64, time.Time) (counted, error)) *leases {
	return &leases{rate: o.Rate, now: o.Now, count: count, aside: func(f func()) { f() }, seed: maphash.MakeSeed()}
}

// take counts a request of key that weighs n; one that weighs more than the
// limit takes all of a window. An error means that the store did not count it.
func (s *leases) take(ctx context.Context, key string, n int64) (Result, error) {
	n = min(max(n, 1), s.rate.Count)
	now := s.now()
	l := s.lease(key, now)
	if l == nil {
		c, err := s.count(ctx, key, n, now)
		left := s.rate.Count - c.total
		if left < 0 {
			left = refusal(left + n)
		}
		return s.result(left, c.reset), err
	}
	if w := l.window.Load(); w.open(now) {
		if r, ok := s.spend(l, w, n, now); ok {
			return r, nil
		}
	}
	return s.ask(ctx, l, n, now)
}

// spend answers without the store, if that can be done.
func (s *leases) spend(l *lease, w *window, n int64, now time.Time) (Result, bool) {
	left, ok := w.spendAll(n)
	if !ok {
		return s.result(refusal(left), w.reset), w.refused(now)
	}
	if w.low(left) && !l.asking.Load() {
		s.fetch(l)
	}
	return s.result(w.rest+left, w.reset), true
}

// result is the answer to a request that leaves so much of the limit; it is
// refused when that is less than nothing, see refusal.
func (s *leases) result(left, reset int64) Result {
	r := Result{Limit: s.rate.Count, Remaining: left, Reset: time.Unix(reset, 0).UTC(), Allowed: left >= 0}
	if !r.Allowed {
		r.Remaining = -1 - left
	}
	return r
}

// lease finds or makes the lease of key; nil: its slot is another's.
func (s *leases) lease(key string, now time.Time) *lease {
	slot := &s.slots[maphash.String(s.seed, key)%slots]
	for {
		l := slot.Load()
		if l != nil && l.key == key {
			return l
		}
		if l != nil {
			if w := l.window.Load(); w.open(now) && w.got >= warm {
				return nil
			}
		}
		mine := &lease{key: key}
		if slot.CompareAndSwap(l, mine) {
			return mine
		}
	}
}

// ask has the store count the request, together with others that wait.
func (s *leases) ask(ctx context.Context, l *lease, n int64, now time.Time) (Result, error) {
	l.mu.Lock()
	if w := l.window.Load(); w.open(now) { // another has asked meanwhile
		if left, ok := w.spendAll(n); ok {
			l.mu.Unlock()
			return s.result(w.rest+left, w.reset), nil
		}
	}
	if !l.asking.Load() {
		l.asking.Store(true)
		l.mu.Unlock()
		q := question{weights: []int64{n}}
		if next := s.put(ctx, l, &q, now); next != nil {
			s.aside(func() { s.putAll(l, next) })
		}
		return s.answer(&q, 0)
	}
	if l.next == nil {
		l.next = &question{done: make(chan struct{}), since: time.Now()}
	}
	q, i := l.next, len(l.next.weights)
	q.weights = append(q.weights, n)
	l.mu.Unlock()
	select {
	case <-q.done:
		return s.answer(q, i)
	case <-ctx.Done():
		return Result{}, ctx.Err()
	}
}

// answer is what was answered to the request of that index.
func (s *leases) answer(q *question, i int) (Result, error) {
	if q.err != nil {
		return Result{}, q.err
	}
	return s.result(q.left[i], q.reset), nil
}

// fetch asks for more than is held, unless a question is under way.
func (s *leases) fetch(l *lease) {
	l.mu.Lock()
	asking := l.asking.Swap(true)
	l.mu.Unlock()
	if !asking {
		s.aside(func() { s.putAll(l, &question{since: time.Now()}) })
	}
}

func (s *leases) putAll(l *lease, q *question) {
	for q != nil {
		ctx, cancel := context.Background(), context.CancelFunc(func() {})
		if s.patience > 0 {
			ctx, cancel = context.WithDeadline(ctx, q.since.Add(s.patience))
		}
		q = s.put(ctx, l, q, s.now())
		cancel()
	}
}

// put answers q and returns the question that is to be put next. Who calls it
// has set asking.
func (s *leases) put(ctx context.Context, l *lease, q *question, now time.Time) (next *question) {
	if q.done != nil {
		defer close(q.done)
	}
	w, sum := l.window.Load(), q.sum()
	var held, left int64
	if w.open(now) {
		held, left = w.spend(sum)
	}
	n := sum - held
	if n == 0 && sum > 0 {
		q.settle(w.rest + held + left)
		q.reset = w.reset
		return l.follow(nil)
	}
	ahead := max(0, w.entitled(n, now)-left)
	c, err := s.count(ctx, l.key, n+ahead, now)
	if err != nil {
		if held > 0 {
			w.left.Add(held)
		}
		q.err = err
		return l.follow(nil)
	}
	before := c.total - n - ahead
	budget := held + max(0, s.rate.Count-before)
	spent := q.settle(budget)
	q.reset = c.reset
	return l.follow(w.next(c, n, ahead, spent-held, s.rate, now))
}

// follow puts w in the place of the window, and returns the next question.
func (l *lease) follow(w *window) *question {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w != nil {
		l.window.Store(w)
	}
	next := l.next
	l.next = nil
	l.asking.Store(next != nil)
	return next
}
