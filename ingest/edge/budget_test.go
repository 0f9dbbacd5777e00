package edge

import (
	"errors"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

func (b *bodies) from(address, source string, wait time.Duration) *hold {
	return &hold{bodies: b, address: netip.MustParseAddr(address), source: source, deadline: time.Now().Add(wait)}
}

func reserve(t *testing.T, h *hold, n int64, want error) {
	t.Helper()
	if err := h.reserve(n); !errors.Is(err, want) {
		t.Errorf("%d bytes for %v: %v, want %v", n, h.address, err, want)
	}
}

const mib = 1 << 20

// However many addresses take all they can get, the next one gets what it needs at
// once; a /64 is one address. Everything is given back.
func TestBudget_Fair(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBodies(96*mib, mib)
		var all []*hold
		for i := range 50 {
			address := netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}).String()
			if i == 0 {
				address = "2001:db8::1"
			}
			for range 100 {
				h := b.from(address, "landing", 0) // it does not wait
				h.isLarge = true
				if h.reserve(64<<10) != nil {
					break
				}
				all = append(all, h)
			}
		}
		used := b.reserved()
		if used > 47*mib || used < 40*mib {
			t.Errorf("%d bytes are reserved of 47 MiB for large bodies of a source", used)
		}
		began := time.Now()
		same := b.from("2001:db8::2", "landing", 0)
		same.isLarge = true
		reserve(t, same, 2*mib, errNoMemory)
		next := b.from("203.0.113.1", "landing", time.Minute)
		next.isLarge = true
		reserve(t, next, 400<<10, nil)
		small := b.from("192.0.2.1", "landing", time.Minute) // of who holds much
		reserve(t, small, charge*smallBody, nil)
		if waited := time.Since(began); waited != 0 {
			t.Errorf("they waited for %v", waited)
		}
		for _, h := range append(all, same, next, small) {
			h.release()
			h.release()
		}
		if n := b.reserved(); n != 0 || len(b.large.accounts)+len(b.small.accounts)+len(b.large.sources)+len(b.small.sources) != 0 {
			t.Errorf("%d bytes stay reserved", n)
		}
	})
}

// One address, and all that is for one source, leave some for the others.
func TestBudget_Shares(t *testing.T) {
	t.Parallel()
	const unit = 1 << 20
	b := newBudget(1000*unit, 0)
	take := func(address, source string, n int64) bool {
		c := &claim{address: netip.MustParseAddr(address), source: source}
		return b.reserve(c, n*unit, time.Now().Add(-time.Second), nil) == nil
	}
	for _, step := range []struct {
		address, source string
		n               int64
		want            bool
	}{
		{"192.0.2.1", "a", 251, false}, {"192.0.2.1", "a", 250, true}, {"192.0.2.1", "b", 1, false}, // a quarter
		{"192.0.2.2", "a", 126, false}, {"192.0.2.2", "a", 125, true}, // half of the source's three quarters
		{"192.0.2.3", "a", 8, false}, {"192.0.2.3", "a", 7, true}, {"192.0.2.3", "a", 1, false}, // few
		{"192.0.2.4", "b", 119, false}, {"192.0.2.4", "b", 118, true}, // half of all
		{"192.0.2.5", "b", 8, false}, {"192.0.2.5", "b", 7, true}, {"192.0.2.2", "b", 1, false},
	} {
		if got := take(step.address, step.source, step.n); got != step.want {
			t.Errorf("%v: %v with %d of %d in use", step, got, b.used, b.shared)
		}
	}
}

// Who holds a part and waits for more gets it, though all of them do: one at a time.
// Who waits in vain is told so when its time is over, and holds up nobody.
func TestBudget_Turns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBodies(1, 4*mib) // what one body needs
		var all sync.WaitGroup
		for range 40 {
			all.Go(func() {
				h := b.from("192.0.2.1", "landing", time.Minute)
				defer h.release()
				h.isLarge = true
				for range 8 {
					reserve(t, h, mib, nil)
					time.Sleep(time.Millisecond)
				}
			})
		}
		all.Wait()
		if n := b.reserved(); n != 0 {
			t.Errorf("%d bytes stay reserved", n)
		}

		stuck := b.from("192.0.2.1", "landing", time.Minute)
		stuck.isLarge = true
		reserve(t, stuck, 8*mib, nil)
		for range 3 {
			all.Go(func() {
				h := b.from("192.0.2.2", "landing", time.Second)
				defer h.release()
				h.isLarge = true
				began := time.Now()
				reserve(t, h, 8*mib, errNoMemory)
				if waited := time.Since(began); waited != time.Second {
					t.Errorf("waited for %v", waited)
				}
			})
		}
		stop := make(chan struct{})
		all.Go(func() {
			h := b.from("192.0.2.3", "landing", time.Minute)
			h.stop, h.isLarge = stop, true
			defer h.release()
			reserve(t, h, 8*mib, ingest.ErrClosed)
		})
		time.Sleep(10 * time.Second)
		close(stop)
		all.Wait()
		stuck.release()
		if n := b.reserved(); n != 0 || len(b.large.lines) != 0 || len(b.large.accounts) != 0 || b.large.current != nil {
			t.Errorf("%d bytes stay reserved", n)
		}
	})
}

// What needs less than it reserved while the turn is its own ends the turn all the
// same.
func TestBudget_TurnEndsWithNothingHeld(t *testing.T) {
	t.Parallel()
	b := newBodies(1, 4*mib)
	for range 3 {
		h := b.from("192.0.2.1", "landing", time.Minute)
		h.isLarge = true
		reserve(t, h, 8*mib, nil)
		h.giveBack(8 * mib)
		h.release()
	}
}
