package edge

import (
	"os"
	"slices"
	"sync"
	"time"
)

// bodies bounds what large requests hold in memory together: the server reads a
// body whole before anybody can refuse it. When there is no more room, only those
// that came first are read on, and so come to an end; the others wait, and are cut
// off like any slow sender if that lasts for their read timeout. Requests of
// freeBytes are always read: large ones cannot keep small ones out. No more is held
// than twice the limit.
type bodies struct {
	limit   int64
	largest int64 // body that any source takes

	mu    sync.Mutex
	used  int64
	large []*held // those with more than freeBytes, in the order in which they came
}

const (
	freeBytes = 64 << 10
	// bodiesLimit is for all connections; at least bodiesAtOnce of the largest
	// body fit.
	bodiesLimit  = 256 << 20
	bodiesAtOnce = 4
	// bodiesPause is how long a connection waits before it looks again.
	bodiesPause = 5 * time.Millisecond
)

// held is what one connection has in hand.
type held struct {
	// Only who serves the connection uses these.
	bytes    int64
	deadline time.Time

	// Guarded by bodies.mu: Close may come from anywhere.
	counted int64
	gone    bool
}

// wait returns when there is room for more of a large request. Error:
// os.ErrDeadlineExceeded, as of a sender that is too slow.
func (b *bodies) wait(h *held) error {
	for h.bytes >= freeBytes && !b.goesOn(h) {
		if !h.deadline.IsZero() && time.Now().After(h.deadline) {
			return os.ErrDeadlineExceeded
		}
		time.Sleep(bodiesPause)
	}
	return nil
}

func (b *bodies) goesOn(h *held) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	first := b.large[:min(len(b.large), int(b.limit/b.largest))]
	return h.gone || b.used < b.limit || slices.Contains(first, h)
}

// read counts what was read.
func (b *bodies) read(h *held, n int) {
	if h.bytes += int64(n); h.bytes <= freeBytes {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if h.gone {
		return
	}
	if h.counted == 0 {
		b.large = append(b.large, h)
	}
	more := h.bytes - freeBytes - h.counted
	h.counted += more
	b.used += more
}

// answered says that the request is not in hand any more.
func (b *bodies) answered(h *held) {
	if h.bytes > freeBytes {
		b.mu.Lock()
		b.release(h)
		b.mu.Unlock()
	}
	h.bytes = 0
}

// closed says the same of the connection.
func (b *bodies) closed(h *held) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.release(h)
	h.gone = true
}

func (b *bodies) release(h *held) {
	if h.counted == 0 {
		return
	}
	b.used -= h.counted
	h.counted = 0
	b.large = slices.DeleteFunc(b.large, func(other *held) bool { return other == h })
}
