package edge

import (
	"bytes"
	"net/netip"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// client is who sent a request and under which URL, as far as it can be known
// without believing anybody who is not trusted.
type client struct {
	addr    netip.Addr
	address string // addr as text
	// proxied is set if the connection is from a trusted proxy.
	proxied bool
}

// clientOf tells who sent the request.
func (e *Edge) clientOf(c *fiber.Ctx) client {
	found := e.nearestClient(c)
	if !found.proxied {
		e.noteForwarded(&c.Request().Header, found.addr)
	}
	found.address = found.addr.String()
	return found
}

// nearestClient returns the right-most address that is not one of our proxies:
// all to the left of it was written by that client and may be invented.
func (e *Edge) nearestClient(c *fiber.Ctx) client {
	peer, _ := netip.AddrFromSlice(c.Context().RemoteIP())
	found := client{addr: peer.Unmap()}
	if !e.trusted(found.addr) {
		return found
	}
	found.proxied = true
	lines, left := c.Request().Header.PeekAll(fiber.HeaderXForwardedFor), maxHops
	for i := len(lines) - 1; i >= 0; i-- {
		for rest, more := lines[i], true; more; left-- {
			var hop []byte
			hop, rest, more = lastHop(rest)
			addr, ok := parseHop(hop)
			if !ok || left == 0 {
				return found
			}
			found.addr = addr
			if !e.trusted(addr) {
				return found
			}
		}
	}
	return found
}

// maxHops is how many proxies of ours may be in front of each other.
const maxHops = 64

// lastHop cuts the last element off a list, and reports whether there are more.
func lastHop(list []byte) (hop, rest []byte, more bool) {
	i := bytes.LastIndexByte(list, ',')
	return list[i+1:], list[:max(0, i)], i >= 0
}

// longestHop is the longest address that is read, with zone, port and quotes.
const longestHop = 80

// parseHop reads an address as proxies write it: with or without a port, IPv6 in
// brackets or not, in quotes or not (RFC 7239, section 6). Its zone means nothing
// here.
func parseHop(hop []byte) (netip.Addr, bool) {
	hop = bytes.Trim(hop, " \t")
	if n := len(hop); n >= 2 && hop[0] == '"' && hop[n-1] == '"' {
		hop = hop[1 : n-1]
	}
	if len(hop) == 0 || len(hop) > longestHop {
		return netip.Addr{}, false
	}
	text := string(hop)
	bare := text
	if n := len(text); text[0] == '[' && text[n-1] == ']' {
		bare = text[1 : n-1]
	}
	addr, err := netip.ParseAddr(bare)
	if err == nil && len(bare) < len(text) && addr.Is4() {
		return netip.Addr{}, false // brackets are for IPv6
	}
	if err != nil {
		var both netip.AddrPort
		both, err = netip.ParseAddrPort(text)
		addr = both.Addr()
	}
	return addr.Unmap().WithZone(""), err == nil
}

func (e *Edge) trusted(addr netip.Addr) bool {
	for _, prefix := range e.proxies {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// limitKey is the client's address, or its network where one client commonly
// holds a whole one.
func (cl client) limitKey() string {
	if cl.addr.Is6() {
		if prefix, err := cl.addr.Prefix(64); err == nil {
			return prefix.String()
		}
	}
	return cl.address
}

// networkKey is the network of an IPv6 client that one customer may hold whole,
// so that its many /64s are not as many clients; "" where there is none such.
func (cl client) networkKey() string {
	if cl.addr.Is6() {
		if prefix, err := cl.addr.Prefix(48); err == nil {
			return prefix.String()
		}
	}
	return ""
}

// publicURL is the URL as the sender addressed it, in the sender's own
// percent-encoding: some senders sign it.
func (e *Edge) publicURL(c *fiber.Ctx, cl client) string {
	if e.captured != "" {
		return e.captured
	}
	target := originForm(string(c.Request().Header.RequestURI()))
	if !cl.proxied {
		return e.base + target
	}
	scheme, host := e.public.Scheme, e.public.Host
	if proto := nearest(c, fiber.HeaderXForwardedProto); proto == "http" || proto == "https" {
		scheme = proto
	}
	if name := nearest(c, fiber.HeaderXForwardedHost); saneHost(name) {
		host = name
	}
	return scheme + "://" + host + e.path + target
}

// nearest returns the last of the values in a header: it is the one that our
// own proxy wrote.
func nearest(c *fiber.Ctx, name string) string {
	lines := c.Request().Header.PeekAll(name)
	if len(lines) == 0 {
		return ""
	}
	last, _, _ := lastHop(lines[len(lines)-1])
	return string(bytes.Trim(last, " \t"))
}

func saneHost(name string) bool {
	u, err := url.Parse("http://" + name)
	return err == nil && name != "" && u.Host == name && u.Hostname() != ""
}

// originForm reduces a request's target to path and query: a client may send
// the absolute form, and a fragment is never part of it.
func originForm(target string) string {
	if _, rest, absolute := strings.Cut(target, "://"); absolute && !strings.HasPrefix(target, "/") {
		target = "/"
		if i := strings.IndexAny(rest, "/?"); i >= 0 {
			target = "/" + strings.TrimPrefix(rest[i:], "/")
		}
	}
	target, _, _ = strings.Cut(target, "#")
	return target
}
