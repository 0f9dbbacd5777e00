package edge_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/edge"
	"github.com/leadgate/leadgate/ingest/limit"
	"github.com/leadgate/leadgate/ingest/metric"
)

var _ edge.Metrics = (*metric.Set)(nil)

// told counts what the edge tells its metrics.
type told struct {
	mu sync.Mutex
	n  map[string]int
}

func (m *told) add(what string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.n == nil {
		m.n = make(map[string]int)
	}
	m.n[what]++
}

func (m *told) count(what string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.n[what]
}

func (m *told) all() map[string]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.n)
}

func (m *told) Answered(source, code string) { m.add(source + " " + code) }
func (m *told) Limited(source, limit string) { m.add(source + " limited by " + limit) }
func (m *told) Panicked()                    { m.add("panic") }
func (m *told) UntrustedForwarded()          { m.add("untrusted forwarded") }

func limiter(t *testing.T, rate string) edge.Limiter {
	t.Helper()
	r, err := limit.ParseRate(rate)
	if err != nil {
		t.Fatal(err)
	}
	l, err := limit.New(limit.Options{Rate: r})
	if err != nil {
		t.Fatal(err)
	}
	return edge.LimiterFunc(func(ctx context.Context, key string, n int64) (edge.Result, error) {
		result, err := l.Take(ctx, key, n)
		return edge.Result(result), err
	})
}

func TestClient_Address(t *testing.T) {
	t.Parallel()
	direct := start(t, nil)
	proxied := start(t, func(o *edge.Options, _ *ingest.Intake, _ *journal) {
		o.TrustedProxies = []string{"127.0.0.1", "10.0.0.0/8", "2001:db8:ffff::/48"}
	})
	f := func(s *server, want string, forwarded ...string) {
		t.Helper()
		before := len(s.journal.deliveries(t))
		header := []string{"X-Real-Ip: 9.9.9.9", "Forwarded: for=9.9.9.9"}
		for _, line := range forwarded {
			header = append(header, "X-Forwarded-For: "+line)
		}
		s.do(t, "POST", "/in/landing", "x", header...)
		if got := s.journal.deliveries(t)[before].RemoteAddr; got != want {
			t.Errorf("%q: got %s, want %s", forwarded, got, want)
		}
	}
	f(direct, "127.0.0.1")
	f(direct, "127.0.0.1", "203.0.113.7") // nobody is trusted

	f(proxied, "127.0.0.1")
	f(proxied, "203.0.113.7", "203.0.113.7")
	f(proxied, "203.0.113.7", "198.51.100.1, 203.0.113.7")            // the left one is invented
	f(proxied, "203.0.113.7", "198.51.100.1, 203.0.113.7, 10.1.2.3")  // by way of a second proxy
	f(proxied, "203.0.113.7", "198.51.100.1", "203.0.113.7")          // several lines
	f(proxied, "203.0.113.7", "203.0.113.7:4711")                     // with a port
	f(proxied, "2001:db8::1", "[2001:db8::1]:4711, 2001:db8:ffff::1") // IPv6
	f(proxied, "203.0.113.7", "::ffff:203.0.113.7")
	f(proxied, "10.9.9.9", "10.9.9.9, 10.1.2.3")       // all of them are ours
	f(proxied, "10.1.2.3", "203.0.113.7, x, 10.1.2.3") // nothing is known beyond the unreadable one
	f(proxied, "127.0.0.1", "unknown")
	f(proxied, "127.0.0.1", "203.0.113.7,") // the nearest proxy did not know
	f(proxied, "203.0.113.7", `"203.0.113.7:4711"`)
	f(proxied, "2001:db8::1", `"[2001:db8::1]:4711"`)
	f(proxied, "2001:db8::1", "2001:db8::1")
	f(proxied, "2001:db8::1", "[2001:db8::1]")
	f(proxied, "203.0.113.7", "[::ffff:203.0.113.7]:4711, ::ffff:10.1.2.3")
	f(proxied, "fe80::1", "fe80::1%eth0")
	f(proxied, "fe80::1", "[fe80::1%eth0]:4711")
	f(proxied, "203.0.113.7", "\t203.0.113.7 \t")
	for _, unreadable := range []string{"[203.0.113.7]", "[2001:db8::1", `"203.0.113.7`, "203.0.113.7:", "203.0.113", "0x7f.1", "203.0.113.07", "203.0.113.7 4711", "_hidden",
		"for=203.0.113.7", "fe80::1%" + strings.Repeat("z", 200)} {
		f(proxied, "127.0.0.1", unreadable)
	}
	f(proxied, "203.0.113.7", "203.0.113.7"+strings.Repeat(", 10.1.2.3", 63))
	f(proxied, "10.1.2.3", "203.0.113.7"+strings.Repeat(", 10.1.2.3", 64)) // no further than that
	f(proxied, "10.1.2.3", strings.Split(strings.TrimSuffix(strings.Repeat("10.1.2.3;", 300), ";"), ";")...)
}

func TestClient_PublicURL(t *testing.T) {
	t.Parallel()
	direct := start(t, nil)
	proxied := start(t, func(o *edge.Options, _ *ingest.Intake, _ *journal) { o.TrustedProxies = []string{"127.0.0.0/8"} })
	f := func(s *server, want string, header ...string) {
		t.Helper()
		before := len(s.journal.deliveries(t))
		s.do(t, "POST", "/in/landing?q=%2F", "x", header...)
		if got := s.journal.deliveries(t)[before].URL; got != want+"/in/landing?q=%2F" {
			t.Errorf("%q: got %s, want %s", header, got, want)
		}
	}
	f(direct, publicURL, "X-Forwarded-Host: evil.example", "X-Forwarded-Proto: http")
	f(proxied, publicURL)
	f(proxied, "http://leads.example.com/base", "X-Forwarded-Proto: http")
	f(proxied, "https://other.example:8443/base", "X-Forwarded-Host: evil.example, other.example:8443")
	f(proxied, publicURL, "X-Forwarded-Host: a/b", "X-Forwarded-Proto: gopher")
	f(proxied, publicURL, "X-Forwarded-Host: user@evil.example")
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	f := func(sent string, kept bool) {
		t.Helper()
		got := s.do(t, "GET", "/healthz", "", "X-Request-Id: "+sent).Header.Get("X-Request-Id")
		if (got == sent) != kept || got == "" {
			t.Errorf("%q: got %q", sent, got)
		}
	}
	f("abc-DEF_1.2", true)
	f(strings.Repeat("a", 128), true)
	f(strings.Repeat("a", 129), false)
	f("a b", false)
	f("a<script>", false)
	f("", false)
}

func TestOrigin(t *testing.T) {
	t.Parallel()
	own := start(t, nil)
	named := start(t, func(_ *edge.Options, in *ingest.Intake, _ *journal) {
		in.Config.AllowedHosts = []string{"www.example.com", "dev.example.com:3000"}
		in.Methods = []string{"POST", "GET"}
	})
	f := func(s *server, origin string, allowed bool) {
		t.Helper()
		r := s.do(t, "POST", "/in/landing", "x", "Origin: "+origin)
		want := ""
		if allowed {
			want = origin
		}
		if got := r.Header.Get("Access-Control-Allow-Origin"); got != want || r.StatusCode != http.StatusOK || r.Header.Get("Vary") != "Origin" {
			t.Errorf("post from %s: %d, allows %q, vary %q", origin, r.StatusCode, got, r.Header.Get("Vary"))
		}
		r = s.do(t, "OPTIONS", "/in/landing", "", "Origin: "+origin, "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: content-type")
		if got := r.Header.Get("Access-Control-Allow-Origin"); got != want {
			t.Errorf("preflight from %s: allows %q", origin, got)
		}
		if !allowed {
			r.wantError(t, 403, "origin_not_allowed")
		} else if r.StatusCode != http.StatusNoContent || !strings.HasPrefix(r.Header.Get("Access-Control-Allow-Methods"), "POST") ||
			!strings.Contains(r.Header.Get("Access-Control-Allow-Headers"), "Content-Type") {
			t.Errorf("preflight from %s: %d %v", origin, r.StatusCode, r.Header)
		}
	}
	f(own, "https://leads.example.com", true)
	f(own, "https://www.example.com", false)
	f(named, "https://www.example.com", true)
	f(named, "http://WWW.example.com:8080", true)
	f(named, "https://dev.example.com:3000", true)
	f(named, "https://dev.example.com", false)
	f(named, "https://www.example.com.evil.example", false)
	f(named, "https://evil.example", false)
	f(named, "https://leads.example.com", false)
	f(named, "ftp://www.example.com", false)
	f(named, "null", false)

	r := named.do(t, "OPTIONS", "/in/landing", "")
	if r.StatusCode != http.StatusNoContent || r.Header.Get("Allow") != "POST, GET, OPTIONS" {
		t.Errorf("plain OPTIONS: %d %v", r.StatusCode, r.Header)
	}
	r = named.do(t, "POST", "/in/landing", strings.Repeat("x", 100), "Content-Encoding: br", "Origin: https://www.example.com")
	if r.StatusCode != http.StatusUnsupportedMediaType || r.Header.Get("Access-Control-Allow-Origin") != "https://www.example.com" {
		t.Errorf("the page's script cannot read the error: %d %v", r.StatusCode, r.Header)
	}
	named.do(t, "OPTIONS", "/in/nobody", "", "Origin: https://www.example.com", "Access-Control-Request-Method: POST").wantError(t, 404, "unknown_source")
}

func TestLimits(t *testing.T) {
	t.Parallel()
	told := &told{}
	s := start(t, func(o *edge.Options, _ *ingest.Intake, _ *journal) {
		o.TrustedProxies = []string{"127.0.0.1"}
		o.SourceLimits.Deliveries, o.AddressLimits.Deliveries, o.Metrics = limiter(t, "5/h"), limiter(t, "3/h"), told
	})
	post := func(from, wantLimit, wantRemaining string) reply {
		t.Helper()
		r := s.do(t, "POST", "/in/landing", "x", "X-Forwarded-For: "+from)
		reset, err := strconv.Atoi(r.Header.Get("RateLimit-Reset"))
		if r.Header.Get("RateLimit-Limit") != wantLimit || r.Header.Get("RateLimit-Remaining") != wantRemaining || err != nil || reset < 3500 || reset > 3600 {
			t.Errorf("%s: %v", from, r.Header)
		}
		return r
	}
	for _, remaining := range []string{"2", "1", "0"} {
		if r := post("203.0.113.1", "3", remaining); r.StatusCode != http.StatusOK {
			t.Errorf("got %d", r.StatusCode)
		}
	}
	r := post("203.0.113.1", "3", "0")
	r.wantError(t, 429, "rate_limited")
	if wait, err := strconv.Atoi(r.Header.Get("Retry-After")); err != nil || wait < 3500 {
		t.Errorf("Retry-After %q", r.Header.Get("Retry-After"))
	}
	post("2001:db8::1", "5", "1") // the source's limit is nearer now
	post("2001:db8::2", "5", "0") // one network: its second request
	post("203.0.113.2", "5", "0").wantError(t, 429, "rate_limited")
	post("2001:db8::3", "5", "0").wantError(t, 429, "rate_limited")
	post("2001:db8::4", "3", "0").wantError(t, 429, "rate_limited") // now by its network
	if n := len(s.journal.deliveries(t)); n != 5 {
		t.Errorf("%d were kept, want 5", n)
	}
	want := map[string]int{"landing accepted": 5, "landing rate_limited": 4, "landing limited by address": 2, "landing limited by source": 2}
	if !maps.Equal(told.all(), want) {
		t.Errorf("told %v, want %v", told.all(), want)
	}
}

func TestLimits_FailOpen(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *edge.Options, _ *ingest.Intake, _ *journal) {
		away := edge.LimiterFunc(func(context.Context, string, int64) (edge.Result, error) { return edge.Result{}, errors.New("away") })
		o.SourceLimits = edge.Limits{Deliveries: away, Events: away, Bytes: away}
		o.AddressLimits = edge.Limits{Deliveries: limiter(t, "0"), Events: away, Bytes: away}
	})
	if r := s.do(t, "POST", "/in/landing", "x"); r.StatusCode != http.StatusOK || r.Header.Get("RateLimit-Limit") != "" {
		t.Errorf("got %d %v", r.StatusCode, r.Header)
	}
}

func TestProbes(t *testing.T) {
	t.Parallel()
	var reason error
	var mu sync.Mutex
	set := metric.New(metric.Options{Sources: []string{"landing"}})
	s := start(t, func(o *edge.Options, _ *ingest.Intake, _ *journal) {
		o.MetricsPage, o.Metrics = set.Handler(), set
		o.Ready = func() error { mu.Lock(); defer mu.Unlock(); return reason }
	})
	if r := s.do(t, "GET", "/healthz", ""); r.StatusCode != http.StatusOK || r.body != `{"status":"ok"}` {
		t.Errorf("got %d %s", r.StatusCode, r.body)
	}
	if r := s.do(t, "HEAD", "/healthz", ""); r.StatusCode != http.StatusOK || r.body != "" {
		t.Errorf("got %d %s", r.StatusCode, r.body)
	}
	if r := s.do(t, "GET", "/readyz", ""); r.StatusCode != http.StatusOK || r.body != `{"status":"ready"}` {
		t.Errorf("got %d %s", r.StatusCode, r.body)
	}
	mu.Lock()
	reason = errors.New("the journal is full")
	mu.Unlock()
	r := s.do(t, "GET", "/readyz", "")
	r.wantError(t, 503, "not_ready")
	if r.body != `{"error":{"code":"not_ready","message":"not ready"}}` || r.Header.Get("Retry-After") == "" {
		t.Errorf("got %s", r.body)
	}
	s.do(t, "POST", "/in/landing", "x")
	r = s.do(t, "GET", "/metrics", "")
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "text/plain; version=0.0.4") ||
		!strings.Contains(r.body, `leadgate_edge_deliveries_total{code="accepted",source="landing"} 1`) {
		t.Errorf("got %v %s", r.Header, r.body)
	}
}
