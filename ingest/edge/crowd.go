package edge

import (
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

// crowd counts the open connections of each address, a /64 of IPv6 being one, and
// bounds them. Behind a trusted proxy nobody is counted: its connections are
// everybody's.
type crowd struct {
	limit   int
	trusted func(netip.Addr) bool
	metrics Metrics
	log     *slog.Logger

	mu      sync.Mutex
	open    map[netip.Addr]int
	refused int       // since it was logged last
	logged  time.Time // when that was
}

// crowdLogEvery bounds how often refused connections are logged.
const crowdLogEvery = time.Minute

// enter counts a connection, or reports that its address has too many already. The
// address it returns is what leave is to be told.
func (d *crowd) enter(c net.Conn) (address netip.Addr, ok bool) {
	tcp, isTCP := c.RemoteAddr().(*net.TCPAddr)
	if !isTCP {
		return netip.Addr{}, true // of this process
	}
	peer := tcp.AddrPort().Addr().Unmap()
	if d.trusted(peer) {
		return netip.Addr{}, true
	}
	address = network(peer)
	d.mu.Lock()
	if n := d.open[address]; n < d.limit {
		d.open[address] = n + 1
		d.mu.Unlock()
		return address, true
	}
	d.refused++
	refused, now := d.refused, time.Now()
	tell := now.Sub(d.logged) >= crowdLogEvery
	if tell {
		d.refused, d.logged = 0, now
	}
	d.mu.Unlock()
	d.metrics.Limited("", "connections")
	if tell {
		d.log.Warn("connections are refused: an address has as many as http.connections_per_address allows (a proxy is not counted if trusted_proxies names it)",
			"refused", refused, "limit", d.limit)
	}
	return netip.Addr{}, false
}

// leave ends the counting of a connection.
func (d *crowd) leave(address netip.Addr) {
	if !address.IsValid() {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open[address]--; d.open[address] <= 0 {
		delete(d.open, address)
	}
}
