package limit

import (
	"math"
	"sync/atomic"
	"time"
)

// What a node may hold of a key's window without having spent it: for each
// token that it has spent, sqrt(limit/count)/share of one, where count is how
// far the store had counted. The token's place in the count was no later, so
// all nodes together, however many they are, hold at most the integral of that
// over the count: 2/share of the limit, a fortieth. As much again they may hold
// for what they spent of the window directly before: that makes a twentieth.
const share = 80

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
	total int64   // how far the store had counted
	rest  int64   // what the store had left
	got   int64   // what the store gave to this node
	prev  float64 // what the window directly before entitles to
	may   int64   // what this node may hold, at least
	left  atomic.Int64
	// refusal is when the store refused a request; zero: it did not.
	refusal time.Time
}

// open tells whether the window has begun and not ended. A clock that was set
// back is before its beginning; a request that read it shortly before another,
// and is later, is not.
func (w *window) open(now time.Time) bool {
	return w != nil && within(w.end.Sub(now), w.per+setBack)
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

// spendAll takes n of what is left, or nothing.
func (w *window) spendAll(n int64) (left int64, ok bool) {
	for {
		if left = w.left.Load(); left < n {
			return left, false
		}
		if w.left.CompareAndSwap(left, left-n) {
			return left - n, true
		}
	}
}

// refused tells whether the store has nothing left, as far as one knows.
func (w *window) refused(now time.Time) bool {
	return !w.refusal.IsZero() && within(w.refusal.Add(recheck).Sub(now), recheck)
}

// earned is what this node may hold for what it has spent of w, of which it
// has so much left. What it spent before the store forgot its count does not
// count.
func (w *window) earned(left int64) float64 {
	spent := min(w.got-left, w.total)
	if spent <= 0 {
		return 0
	}
	return float64(spent) * math.Sqrt(float64(w.rest+w.total)/float64(w.total)) / share
}

// entitled is what this node may hold of the window of now once it has spent n
// more.
func (w *window) entitled(n int64, now time.Time) int64 {
	earned := float64(n) / share // wherever in the count they come
	switch {
	case w.open(now):
		earned += w.prev + w.earned(w.left.Load())
	case w.recent(now):
		earned += w.earned(w.left.Load())
	}
	return int64(earned)
}

// recent tells that no whole window can lie between w and the one of now.
func (w *window) recent(now time.Time) bool {
	return w != nil && now.Sub(w.end).Abs() < w.per
}

// low tells that it is time to fetch more, with left of it left.
func (w *window) low(left int64) bool { return w.may > 0 && w.rest > 0 && left <= w.may/2 }

// next is what follows w, which may be nil, when the store, asked at now, has
// counted n tokens for requests and ahead more, and the requests have spent so
// many of these: less than nothing where some of what w held was left over.
// What w holds passes to it, unless it is void.
func (w *window) next(c counted, n, ahead, spent int64, rate Rate, now time.Time) *window {
	next := &window{end: c.end, per: rate.Per, reset: c.reset, total: c.total, rest: max(0, rate.Count-c.total)}
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
			next.prev = w.earned(left)
			spent = max(0, spent) // what was held is void
		}
	}
	left := max(0, kept+given-spent)
	next.left.Store(left)
	next.may = int64(next.prev + next.earned(left))
	if c.total > rate.Count {
		next.refusal = now
	}
	return next
}
