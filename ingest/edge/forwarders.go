package edge

import (
	"bytes"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// Forwarder is a network that forwarded requests come from and that is not among
// TrustedProxies. It is most often the operator's own proxy, behind which all
// visitors then count as one client; anybody can also just send such a header.
type Forwarder struct {
	// Network holds the peer's address: a /24, for IPv6 a /64, for loopback the
	// address itself. The address may be a person's.
	Network netip.Prefix
	// First and Last are the times of receipt within the last hour or so.
	First, Last time.Time
	Requests    int64
}

// Forwarders returns the networks of the last hour, at most 256, that with most
// requests first. It is safe for concurrent use.
func (e *Edge) Forwarders() []Forwarder { return e.forwarders.recent(e.o.Now()) }

const (
	forwarderTime = time.Hour
	maxForwarders = 256
)

// forwarders remembers for an hour who forwarded without being trusted. Memory
// and the number of first times are bounded: when it is full, others are not
// remembered until there is room.
type forwarders struct {
	mu   sync.Mutex
	seen map[netip.Prefix]*Forwarder
}

// note counts a request and reports whether it is the first of its network in
// an hour.
func (f *forwarders) note(addr netip.Addr, now time.Time) bool {
	network := networkOf(addr)
	f.mu.Lock()
	defer f.mu.Unlock()
	if known := f.seen[network]; known != nil && now.Sub(known.First) < forwarderTime {
		known.Last = now
		known.Requests++
		return false
	}
	if len(f.seen) >= maxForwarders {
		f.forget(now)
	}
	if len(f.seen) >= maxForwarders && f.seen[network] == nil {
		return false
	}
	if f.seen == nil {
		f.seen = make(map[netip.Prefix]*Forwarder)
	}
	f.seen[network] = &Forwarder{Network: network, First: now, Last: now, Requests: 1}
	return true
}

func (f *forwarders) forget(now time.Time) {
	for network, known := range f.seen {
		if now.Sub(known.Last) >= forwarderTime {
			delete(f.seen, network)
		}
	}
}

func (f *forwarders) recent(now time.Time) []Forwarder {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forget(now)
	all := make([]Forwarder, 0, len(f.seen))
	for _, known := range f.seen {
		all = append(all, *known)
	}
	slices.SortFunc(all, func(a, b Forwarder) int {
		if a.Requests != b.Requests {
			return int(b.Requests - a.Requests)
		}
		return a.Network.Addr().Compare(b.Network.Addr())
	})
	return all
}

func networkOf(addr netip.Addr) netip.Prefix {
	bits := 64
	if addr.Is4() {
		bits = 24
	}
	if addr.IsLoopback() {
		bits = addr.BitLen()
	}
	return netip.PrefixFrom(addr.WithZone(""), bits).Masked()
}

// noteForwarded counts and logs a request that was forwarded by a peer that is
// not trusted.
func (e *Edge) noteForwarded(h *fasthttp.RequestHeader, peer netip.Addr) {
	if !forwarded(h) {
		return
	}
	e.o.Metrics.UntrustedForwarded()
	if e.forwarders.note(peer, e.o.Now()) {
		e.o.Log.Warn("requests are forwarded by a peer that is not trusted: all that come through it are taken for one client, with one limit; "+
			"if it is a proxy of yours, add it to http.trusted_proxies", "network", networkOf(peer).String())
	}
}

// forwarded reports whether a header has one of the fields by which a proxy
// tells for whom it asks. Trailers are not looked at.
func forwarded(h *fasthttp.RequestHeader) bool {
	for name := range h.All() {
		if len(name) >= len("Forwarded") && (name[0] == 'F' || name[0] == 'X') &&
			(bytes.HasPrefix(name, []byte("X-Forwarded-")) || string(name) == "Forwarded") {
			return true
		}
	}
	return false
}

// proxyPreface reports whether a connection begins in the PROXY protocol, version
// 1 or 2, which is not served.
func proxyPreface(p []byte) bool {
	return bytes.HasPrefix(p, []byte("PROXY ")) || bytes.HasPrefix(p, []byte("\r\n\r\n\x00\r\nQUIT\n"))
}

// notePreface logs that a peer speaks the PROXY protocol. Its connection is
// refused with 400: it does not begin with a request.
func (e *Edge) notePreface(rc *fasthttp.RequestCtx) {
	c, ok := rc.Conn().(*conn)
	if !ok || !c.preface {
		return
	}
	peer, _ := netip.AddrFromSlice(rc.RemoteIP())
	if e.prefaces.note(peer.Unmap(), e.o.Now()) {
		e.o.Log.Warn("a connection begins with the PROXY protocol, which is not served: have the proxy send plain HTTP with X-Forwarded-For "+
			"(HAProxy: option forwardfor, no send-proxy; nginx: no proxy_protocol; cloud balancers: PROXY protocol off)", "network", networkOf(peer.Unmap()).String())
	}
}
