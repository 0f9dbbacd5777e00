package edge

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

const (
	// tinyBody is what the server reads of a body before anybody sees the request.
	// So much is counted with its connection and never waits.
	tinyBody = 8 << 10
	// smallBody is the largest that large bodies cannot keep out.
	smallBody = 64 << 10
	// smallMost is what a small body may take with what is needed to decompress it;
	// what takes more is a large one.
	smallMost = 3 * smallBody
	// charge is how often a body is in memory: as it is read, and as the journal's
	// record of it.
	charge = 2

	// DefaultBodyMemory is what all bodies may take together, in bytes, where
	// nothing else is said.
	DefaultBodyMemory = 192 << 20
)

// LeastBodyMemory returns the memory with which bodies of up to largest bytes can
// be taken, one at a time.
func LeastBodyMemory(largest int64) int64 { return 2 * charge * max(largest, smallBody) }

// bodies bounds the memory of all request bodies together: what a body needs is
// reserved before it is allocated and returned when its request was answered.
// Small bodies have a third for themselves, which large ones cannot take.
type bodies struct {
	small, large *budget
}

// newBodies shares out memory, or what the largest body needs if that is more.
func newBodies(memory, largest int64) *bodies {
	memory = max(memory, LeastBodyMemory(largest))
	return &bodies{
		small: newBudget(memory/3, smallMost),
		large: newBudget(memory-memory/3, charge*max(largest, smallBody)+inflaterMemory),
	}
}

// reserved is what all requests hold, in bytes.
func (b *bodies) reserved() int64 { return b.small.reserved() + b.large.reserved() }

// hold is the memory of one request. It belongs to the request's goroutine.
// Requests go from the small budget to the large one, never back: so no two of
// them wait for each other.
type hold struct {
	bodies       *bodies
	address      netip.Addr
	source       string
	deadline     time.Time // for waiting
	stop         <-chan struct{}
	small, large *claim // nil: nothing was reserved
	isLarge      bool
}

// network is the address, or the /64 that one client commonly holds.
func network(address netip.Addr) netip.Addr {
	address = address.Unmap().WithZone("")
	if !address.Is6() {
		return address
	}
	prefix, _ := address.Prefix(64) // never more than an IPv6 address has
	return prefix.Addr()
}

// reserve waits for n more bytes. Errors: errNoMemory, ingest.ErrClosed (wrapped).
func (h *hold) reserve(n int64) error {
	if n <= 0 {
		return nil
	}
	h.isLarge = h.isLarge || h.small.bytes()+n > smallMost
	budget, c := h.bodies.small, &h.small
	if h.isLarge {
		budget, c = h.bodies.large, &h.large
	}
	if *c == nil {
		*c = &claim{address: network(h.address), source: h.source}
	}
	return budget.reserve(*c, n, h.deadline, h.stop)
}

// giveBack returns n bytes, those first that were reserved last.
func (h *hold) giveBack(n int64) {
	large := min(n, h.large.bytes())
	h.bodies.large.giveBack(h.large, large)
	h.bodies.small.giveBack(h.small, n-large)
}

// release returns everything.
func (h *hold) release() {
	h.bodies.large.release(h.large)
	h.bodies.small.release(h.small)
}

// budget is memory that requests reserve parts of, in bytes. While it is half empty
// an address may have a quarter. The other half is for addresses that have little
// (see few): it takes 64 of them that take all they can before the next one has to
// wait. A source has three quarters at most, which are shared out likewise. Who does
// not get what it asks for waits, behind those of its own address that asked earlier.
//
// Requests that hold a part and wait for more could wait for each other for ever.
// That is why a part of the memory is for one request at a time: whose turn it is
// gets all it may need.
type budget struct {
	shared int64 // for all
	few    int64 // what an address may have when half is used
	turn   int64 // for the one whose turn it is

	mu       sync.Mutex
	used     int64 // of shared
	accounts map[netip.Addr]*account
	sources  map[string]int64
	lines    []*account // those with claims that wait
	current  *claim     // whose turn it is
}

// account is what one address has of a budget, and what it waits for.
type account struct {
	held    int64 // of shared
	waiting []*claim
}

// claim is what one request has of a budget. Its fields are guarded by the budget.
type claim struct {
	address netip.Addr
	source  string
	held    int64 // of shared
	turned  int64 // of what is for one at a time
	wants   int64
	granted chan struct{} // closed when it got what it wants
}

// bytes may be called by the claim's request, while it does not wait.
func (c *claim) bytes() int64 {
	if c == nil {
		return 0
	}
	return c.held + c.turned
}

func (b *budget) reserved() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.current != nil {
		return b.used + b.current.turned
	}
	return b.used
}

func newBudget(total, turn int64) *budget {
	return &budget{
		shared: total - turn, turn: turn, few: max((total-turn)/128, smallMost),
		accounts: make(map[netip.Addr]*account), sources: make(map[string]int64),
	}
}

func (b *budget) reserve(c *claim, n int64, deadline time.Time, stop <-chan struct{}) error {
	if !b.ask(c, n) {
		return nil
	}
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	var err error
	select {
	case <-c.granted:
		return nil
	case <-timer.C:
		err = errNoMemory
	case <-stop:
		err = fmt.Errorf("wait for memory: %w", ingest.ErrClosed)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if c.wants == 0 {
		return nil // it was granted at the last moment
	}
	c.wants = 0
	a := b.accounts[c.address]
	a.waiting = slices.DeleteFunc(a.waiting, func(other *claim) bool { return other == c })
	if len(a.waiting) == 0 {
		b.lines = slices.DeleteFunc(b.lines, func(other *account) bool { return other == a })
	}
	b.tidy(c.address, a)
	b.serve()
	return err
}

// ask takes n bytes for c, or puts it in line for them and reports that it waits.
func (b *budget) ask(c *claim, n int64) (waits bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.accounts[c.address]
	if a == nil {
		a = new(account)
		b.accounts[c.address] = a
	}
	if (len(a.waiting) == 0 || b.current == c) && b.grant(c, a, n) {
		return false
	}
	c.wants, c.granted = n, make(chan struct{})
	if a.waiting = append(a.waiting, c); len(a.waiting) == 1 {
		b.lines = append(b.lines, a)
	}
	if b.current == nil {
		b.serve()
	}
	return c.wants != 0
}

// giveBack takes n bytes from c.
func (b *budget) giveBack(c *claim, n int64) {
	if n <= 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.take(c, n)
	b.serve()
}

// release takes everything from c, and the turn if it has it.
func (b *budget) release(c *claim) {
	if c == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.take(c, c.bytes())
	if b.current == c {
		b.current = nil
	}
	b.serve()
}

// grant gives c n bytes if they are due to it now.
func (b *budget) grant(c *claim, a *account, n int64) bool {
	if b.current == c {
		if c.turned+n > b.turn {
			return false
		}
		c.turned += n
		return true
	}
	used, ofSource, ofAddress := b.used+n, b.sources[c.source]+n, a.held+n
	switch {
	case used <= b.shared/2 && ofSource <= b.shared*3/8 && ofAddress <= b.shared/4:
	case used <= b.shared && ofSource <= b.shared*3/4 && ofAddress <= b.few:
	default:
		return false
	}
	c.held += n
	b.used += n
	a.held += n
	b.sources[c.source] += n
	return true
}

func (b *budget) take(c *claim, n int64) {
	turned := min(n, c.turned)
	c.turned -= turned
	n -= turned
	c.held -= n
	b.used -= n
	if b.sources[c.source] -= n; b.sources[c.source] <= 0 {
		delete(b.sources, c.source)
	}
	if a := b.accounts[c.address]; a != nil {
		a.held -= n
		b.tidy(c.address, a)
	}
}

func (b *budget) tidy(address netip.Addr, a *account) {
	if a.held == 0 && len(a.waiting) == 0 {
		delete(b.accounts, address)
	}
}

// serve grants what is due. If it is nobody's turn, it becomes that of the address
// that holds the least.
func (b *budget) serve() {
	if len(b.lines) == 0 {
		return
	}
	b.lines = slices.DeleteFunc(b.lines, func(a *account) bool {
		for len(a.waiting) > 0 && b.grant(a.waiting[0], a, a.waiting[0].wants) {
			a.next()
		}
		return len(a.waiting) == 0
	})
	if b.current != nil || len(b.lines) == 0 {
		return
	}
	least := slices.MinFunc(b.lines, func(a, other *account) int { return cmp.Compare(a.held, other.held) })
	b.current = least.waiting[0]
	if b.grant(b.current, least, b.current.wants) {
		if least.next(); len(least.waiting) == 0 {
			b.lines = slices.DeleteFunc(b.lines, func(a *account) bool { return a == least })
		}
	}
}

// next ends the waiting of the first in line.
func (a *account) next() {
	c := a.waiting[0]
	c.wants = 0
	close(c.granted)
	a.waiting = slices.Delete(a.waiting, 0, 1)
}
