package edge_test

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/edge"
)

// clock is a time that a test sets.
type clock struct{ atomic.Int64 }

func (c *clock) now() time.Time           { return time.Unix(c.Load(), 0).UTC() }
func (c *clock) advance(by time.Duration) { c.Add(int64(by / time.Second)) }

// forwardedBy sends one delivery from a loopback address.
func (s *server) forwardedBy(t testing.TB, address string, header ...string) string {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	c, err := dialer.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	return rawOn(t, c, "POST /in/landing HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n"+strings.Join(append(header, ""), "\r\n")+"\r\nhello")
}

// A proxy that nobody trusts is logged once an hour, counted at each request, and
// shown with the time of its latest; what it says is not believed.
func TestForwarders(t *testing.T) {
	t.Parallel()
	told, at := &told{}, &clock{}
	s := start(t, func(o *edge.Options, _ *ingest.Intake, _ *journal) {
		o.Metrics, o.Now, o.TrustedProxies = told, at.now, []string{"127.0.0.2"}
	})
	warnings := func() int { return strings.Count(s.log.String(), "http.trusted_proxies") }
	f := func(from, header string, counted bool) {
		t.Helper()
		before := told.count("untrusted forwarded")
		if got := s.forwardedBy(t, from, header); !strings.HasPrefix(got, "200 ") {
			t.Fatalf("%s: %s", header, got)
		}
		if got := told.count("untrusted forwarded") - before; got != 0 != counted {
			t.Errorf("%s from %s: counted %d", header, from, got)
		}
	}
	f("127.0.0.1", "X-Forwarded_For: 203.0.113.7", false)
	f("127.0.0.1", "X_Forwarded_For: 203.0.113.7", false)
	f("127.0.0.1", "X-Forwarded: 203.0.113.7", false)
	f("127.0.0.2", "X-Forwarded-For: 203.0.113.7", false) // trusted
	if warnings() != 0 || len(s.Forwarders()) != 0 {
		t.Errorf("%v, log %s", s.Forwarders(), s.log)
	}
	at.advance(10 * time.Second)
	for _, header := range []string{"X-Forwarded-For: 203.0.113.7", "x-forwarded-proto: https", "X-FORWARDED-HOST: a", "X-Forwarded-Port: 1", "Forwarded: for=203.0.113.7", "forwarded: x"} {
		f("127.0.0.1", header, true)
	}
	f("127.0.0.3", "Forwarded: for=203.0.113.7", true)
	at.advance(50 * time.Minute)
	f("127.0.0.1", "X-Forwarded-For: 203.0.113.7", true)
	if warnings() != 2 || strings.Contains(s.log.String(), "203.0.113.7") {
		t.Errorf("log:\n%s", s.log)
	}
	want := []edge.Forwarder{
		{Network: netip.MustParsePrefix("127.0.0.1/32"), First: time.Unix(10, 0).UTC(), Last: time.Unix(3010, 0).UTC(), Requests: 7},
		{Network: netip.MustParsePrefix("127.0.0.3/32"), First: time.Unix(10, 0).UTC(), Last: time.Unix(10, 0).UTC(), Requests: 1},
	}
	if got := s.Forwarders(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, d := range s.journal.deliveries(t)[4:] {
		if !strings.HasPrefix(d.RemoteAddr, "127.0.0.") || !strings.HasPrefix(d.URL, publicURL) {
			t.Errorf("believed: %s %s", d.RemoteAddr, d.URL)
		}
	}
	at.advance(10 * time.Minute) // an hour since the first warnings
	f("127.0.0.1", "X-Forwarded-For: 203.0.113.7", true)
	if got := s.Forwarders(); warnings() != 3 || len(got) != 1 || got[0].Requests != 1 {
		t.Errorf("an hour later: %v\n%s", got, s.log)
	}
	at.advance(time.Hour)
	if got := s.Forwarders(); len(got) != 0 {
		t.Errorf("two hours later: %v", got)
	}
}

// Who sends the header from ever new networks neither fills memory nor the log.
func TestForwarders_Bounded(t *testing.T) {
	t.Parallel()
	at := &clock{}
	s := start(t, func(o *edge.Options, _ *ingest.Intake, _ *journal) { o.Now = at.now })
	for i := range 300 {
		s.forwardedBy(t, fmt.Sprintf("127.0.%d.%d", 1+i/250, 1+i%250), "X-Forwarded-For: 203.0.113.7")
	}
	if warnings := strings.Count(s.log.String(), "http.trusted_proxies"); warnings != 256 || len(s.Forwarders()) != 256 {
		t.Errorf("%d warnings, %d networks; want 256", warnings, len(s.Forwarders()))
	}
	at.advance(time.Hour)
	s.forwardedBy(t, "127.0.3.1", "X-Forwarded-For: 203.0.113.7")
	if warnings := strings.Count(s.log.String(), "http.trusted_proxies"); warnings != 257 || len(s.Forwarders()) != 1 {
		t.Errorf("an hour later: %d warnings, %v", warnings, s.Forwarders())
	}
}

// A proxy that speaks the PROXY protocol is refused, and the log says what to do.
func TestProxyProtocol(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for _, preface := range []string{"PROXY TCP4 203.0.113.7 192.0.2.1 4711 80\r\n", "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xcb\x00\x71\x07\xc0\x00\x02\x01\x12\x67\x00\x50"} {
		if got := raw(t, s, preface+line("A: b")); !strings.HasPrefix(got, "400 ") {
			t.Errorf("%q: %s", preface, got)
		}
	}
	if log := s.log.String(); strings.Count(log, "PROXY protocol, which is not served") != 1 || !strings.Contains(log, "127.0.0.1/32") || strings.Contains(log, "203.0.113") {
		t.Errorf("log:\n%s", log)
	}
	raw(t, s, "nonsense\r\n\r\n")
	if strings.Count(s.log.String(), "\n") != 1 {
		t.Errorf("log:\n%s", s.log)
	}
}
