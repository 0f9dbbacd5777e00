package limit

import (
	"sync/atomic"
	"time"
)

// share bounds what a node holds of a key's window without having spent it: a
// share of what it has spent of that window and of the one before. All nodes
// together spend at most the limit of each, so what they hold is at most
// 2/share of it, however many they are: a twentieth.
const share = 40

// recheck is how long a store's refusal of a key is taken for granted. The
// rest of the window would do, were it not for stores that are flushed.
const recheck = time.Second

// counted is what a store says of a key's window.
type counted struct {
	total int64     // requests so far, with those that were just counted
	end   time.Time // of the window by the limiter's clock; never late
	reset int64     // the same by the time of day, in seconds
}

// window is what a node knows of a key's window, and holds of it. Only left
// and refused change once others see it.
type window struct {
	end   time.Time
	per   time.Duration
	reset int64
	rest  int64 // what the store had left
	got   int64 // what the store gave to this node
	prev  int64 // what this node spent of the window directly before
	left  atomic.Int64
	// refusal is when the store refused a request; zero: it did not.
	refusal time.Time
}

// open tells whether the window has begun and not ended. A clock that was set
// back is before its beginning.
func (w *window) open(now time.Time) bool {
	return w != nil && within(w.end.Sub(now), w.per)
}

func within(d, bound time.Duration) bool { return d > 0 && d <= bound }

// spend takes up to n of what is left.
func (w *window) spend(n int64) (spent, left int64) {
	for {
		left = w.left.Load()
		spent = min(n, left)
		if spent <= 0 || w.left.CompareAndSwap(left, left-spent) {
			return spent, left - spent
		}
	}
}

// refused tells whether the store has nothing left, as far as one knows.
func (w *window) refused(now time.Time) bool {
	return !w.refusal.IsZero() && within(w.refusal.Add(recheck).Sub(now), recheck)
}

// spent is what this node spent of the windows that entitle it to hold
// something of the window of now.
func (w *window) spent(now time.Time) int64 {
	switch {
	case w.open(now):
		return w.prev + w.got - w.left.Load()
	case w.recent(now):
		return w.got - w.left.Load()
	}
	return 0
}

// recent tells that no whole window can lie between w and the one of now.
func (w *window) recent(now time.Time) bool {
	return w != nil && now.Sub(w.end).Abs() < w.per
}

// low tells that it is time to fetch more, with left of it left.
func (w *window) low(left int64) bool {
	may := (w.prev + w.got - left) / share
	return may > 0 && w.rest > 0 && left <= may/4
}

// next is what follows w, which may be nil, when the store, asked at now, has
// counted n requests and ahead more tokens. What w holds passes to it, unless
// it is void.
func (w *window) next(c counted, n, ahead int64, rate Rate, now time.Time) *window {
	next := &window{end: c.end, per: rate.Per, reset: c.reset, rest: max(0, rate.Count-c.total)}
	given := min(n+ahead, max(0, rate.Count-(c.total-n-ahead)))
	next.got = given
	var kept int64
	if w != nil {
		left := w.left.Swap(0)
		switch {
		case w.open(now) && c.end.Sub(w.end) < w.per/2: // the same window
			next.prev, next.got, kept = w.prev, w.got+given, left
			if w.end.After(c.end) {
				next.end = w.end
			}
		case w.recent(now):
			next.prev = w.got - left
		}
	}
	next.left.Store(kept + max(0, given-n))
	if c.total > rate.Count {
		next.refusal = now
	}
	return next
}
