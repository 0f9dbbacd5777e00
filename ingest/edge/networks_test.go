package edge

import (
	"net/netip"
	"testing"
)

// The network that is logged does not say which person's address it is.
func TestNetworkOf(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		"203.0.113.77": "203.0.113.0/24", "2001:db8:1:2:3::4": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64",
		"127.0.0.1": "127.0.0.1/32", "::1": "::1/128",
	} {
		if got := networkOf(netip.MustParseAddr(addr)).String(); got != want {
			t.Errorf("%s: got %s, want %s", addr, got, want)
		}
	}
}

// Proxies that are named as IPv4 in IPv6 are known by the address they have.
func TestParseProxies_Mapped(t *testing.T) {
	t.Parallel()
	proxies, err := parseProxies([]string{"::ffff:10.0.0.0/104", "::ffff:192.0.2.1", "10.1.2.3/8"})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"10.0.0.0/8", "192.0.2.1/32", "10.0.0.0/8"} {
		if got := proxies[i].String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
