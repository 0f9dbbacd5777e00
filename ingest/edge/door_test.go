package edge_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

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
	return edge.LimiterFunc(func(ctx context.Context, key string) (edge.Result, error) {
		result, err := l.Take(ctx, key)
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
		if got := r.Header.Get("Access-Control-Allow-Origin"); got != want || r.StatusCode != 200 || r.Header.Get("Vary") != "Origin" {
			t.Errorf("post from %s: %d, allows %q, vary %q", origin, r.StatusCode, got, r.Header.Get("Vary"))
		}
		r = s.do(t, "OPTIONS", "/in/landing", "", "Origin: "+origin, "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: content-type")
		if got := r.Header.Get("Access-Control-Allow-Origin"); got != want {
			t.Errorf("preflight from %s: allows %q", origin, got)
		}
		if !allowed {
			r.wantError(t, 403, "origin_not_allowed")
		} else if r.StatusCode != 204 || !strings.HasPrefix(r.Header.Get("Access-Control-Allow-Methods"), "POST") ||
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
	if r.StatusCode != 204 || r.Header.Get("Allow") != "POST, GET, OPTIONS" {
		t.Errorf("plain OPTIONS: %d %v", r.StatusCode, r.Header)
	}
	r = named.do(t, "POST", "/in/landing", strings.Repeat("x", 100), "Content-Encoding: br", "Origin: https://www.example.com")
	if r.StatusCode != 415 || r.Header.Get("Access-Control-Allow-Origin") != "https://www.example.com" {
		t.Errorf("the page's script cannot read the error: %d %v", r.StatusCode, r.Header)
	}
	named.do(t, "OPTIONS", "/in/nobody", "", "Origin: https://www.example.com", "Access-Control-Request-Method: POST").wantError(t, 404, "unknown_source")
}

func TestLimits(t *testing.T) {
	t.Parallel()
	told := &told{}
	s := start(t, func(o *edge.Options, _ *ingest.Intake, _ *journal) {
		o.TrustedProxies = []string{"127.0.0.1"}
		o.SourceLimit, o.AddressLimit, o.Metrics = limiter(t, "5/h"), limiter(t, "3/h"), told
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
		if r := post("203.0.113.1", "3", remaining); r.StatusCode != 200 {
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
		o.SourceLimit = edge.LimiterFunc(func(context.Context, string) (edge.Result, error) { return edge.Result{}, errors.New("away") })
		o.AddressLimit = limiter(t, "0")
	})
	if r := s.do(t, "POST", "/in/landing", "x"); r.StatusCode != 200 || r.Header.Get("RateLimit-Limit") != "" {
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
	if r := s.do(t, "GET", "/healthz", ""); r.StatusCode != 200 || r.body != `{"status":"ok"}` {
		t.Errorf("got %d %s", r.StatusCode, r.body)
	}
	if r := s.do(t, "HEAD", "/healthz", ""); r.StatusCode != 200 || r.body != "" {
		t.Errorf("got %d %s", r.StatusCode, r.body)
	}
	if r := s.do(t, "GET", "/readyz", ""); r.StatusCode != 200 || r.body != `{"status":"ready"}` {
		t.Errorf("got %d %s", r.StatusCode, r.body)
	}
	mu.Lock()
	reason = errors.New("the journal is full")
	mu.Unlock()
	r := s.do(t, "GET", "/readyz", "")
	r.wantError(t, 503, "not_ready")
	if !strings.Contains(r.body, "the journal is full") || r.Header.Get("Retry-After") == "" {
		t.Errorf("got %s", r.body)
	}
	s.do(t, "POST", "/in/landing", "x")
	r = s.do(t, "GET", "/metrics", "")
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "text/plain; version=0.0.4") ||
		!strings.Contains(r.body, `leadgate_edge_deliveries_total{code="accepted",source="landing"} 1`) {
		t.Errorf("got %v %s", r.Header, r.body)
	}
}

func TestAPI(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var kept []*http.Request
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		kept = append(kept, r)
		mu.Unlock()
		w.Header().Add("X-Two", "1")
		w.Header().Add("X-Two", "2")
		w.WriteHeader(http.StatusTeapot)
		_, _ = fmt.Fprintf(w, "%s %s %s %s", r.Method, r.URL.Path, r.URL.Query().Get("by"), body)
	})
	s := start(t, func(o *edge.Options, _ *ingest.Intake, _ *journal) {
		o.API, o.APIKeys = handler, []string{"first-key", "second-key"}
	})
	for _, authorization := range []string{"", "Bearer", "Bearer ", "Bearer first-ke", "Bearer first-keyy", "Basic first-key", "first-key", "Bearer first-key second-key"} {
		r := s.do(t, "GET", "/api/v1/reports/cpl", "", "Authorization: "+authorization)
		r.wantError(t, 401, "unauthorized")
		if !strings.HasPrefix(r.Header.Get("Www-Authenticate"), "Bearer") {
			t.Errorf("%q: %v", authorization, r.Header)
		}
	}
	for i, key := range []string{"first-key", "second-key"} {
		r := s.do(t, "POST", "/api/v1/reports/cpl?by=channel", "body", "Authorization: bearer "+key, fmt.Sprintf("X-Mark: %d", i))
		if r.StatusCode != 418 || r.body != "POST /api/v1/reports/cpl channel body" || fmt.Sprint(r.Header["X-Two"]) != "[1 2]" {
			t.Errorf("got %d %v %s", r.StatusCode, r.Header, r.body)
		}
	}
	s.do(t, "GET", "/api/v2/reports/cpl", "", "Authorization: Bearer first-key").wantError(t, 404, "not_found")
	for i, r := range kept { // what a handler keeps stays as it was
		if r.Header.Get("X-Mark") != strconv.Itoa(i) || r.URL.RawQuery != "by=channel" || r.RemoteAddr != "127.0.0.1" || r.Context().Err() == nil {
			t.Errorf("request %d became %+v", i, r)
		}
	}
	none := start(t, func(o *edge.Options, _ *ingest.Intake, _ *journal) { o.API = handler })
	r := none.do(t, "GET", "/api/v1/x", "", "Authorization: Bearer ")
	r.wantError(t, 401, "unauthorized")
	if !strings.Contains(r.body, "api.keys") {
		t.Errorf("it does not say how to make a key: %s", r.body)
	}
}

func TestAPI_SlowOnesDoNotHoldTheIntake(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}, 10), make(chan struct{})
	s := start(t, func(o *edge.Options, _ *ingest.Intake, _ *journal) {
		o.APIKeys, o.APIConcurrency, o.APITimeout = []string{"key"}, 2, 200*time.Millisecond
		o.API = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/api/v1/panic" {
				panic("no")
			}
			entered <- struct{}{}
			<-release
		})
	})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { s.do(t, "GET", "/api/v1/slow", "", "Authorization: Bearer key") })
		<-entered
	}
	s.do(t, "GET", "/api/v1/slow", "", "Authorization: Bearer key").wantError(t, 503, "busy")
	if r := s.do(t, "POST", "/in/landing", "x"); r.StatusCode != 200 {
		t.Errorf("got %d", r.StatusCode)
	}
	close(release)
	wg.Wait()
	for range 3 { // a panic gives its place back
		s.do(t, "GET", "/api/v1/panic", "", "Authorization: Bearer key").wantError(t, 500, "internal")
	}
}

func TestShutdown_WaitsForRequestsInFlight(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *edge.Options, _ *ingest.Intake, j *journal) {
		o.ShutdownTimeout = 10 * time.Second
		j.entered, j.hold = make(chan struct{}, 1), make(chan struct{})
	})
	silent, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	answered := make(chan reply, 1)
	go func() {
		r, err := s.try("POST", "/in/landing", strings.NewReader("x"))
		if err != nil {
			t.Error(err)
		}
		answered <- r
	}()
	<-s.journal.entered
	s.stop()
	if _, err := io.ReadAll(silent); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Error(err) // the silent connection is closed, not waited for
	}
	select {
	case err := <-s.done:
		t.Fatalf("it ended with a request in flight: %v", err)
	default:
	}
	if c, err := net.Dial("tcp", s.addr); err == nil {
		_ = c.Close()
		t.Error("it still takes connections")
	}
	close(s.journal.hold)
	if r := <-answered; r.Response == nil || r.StatusCode != 200 {
		t.Errorf("got %+v", r)
	}
	if err := <-s.done; err != nil {
		t.Error(err)
	}
	s.journal.only(t)
}

func TestShutdown_CutsOffAtTheDeadline(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *edge.Options, _ *ingest.Intake, j *journal) {
		o.ShutdownTimeout, o.RequestTimeout, o.ReadTimeout = 200*time.Millisecond, time.Minute, time.Minute
		j.entered, j.hold = make(chan struct{}, 1), make(chan struct{})
	})
	half, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = half.Close() }()
	if _, err := io.WriteString(half, "POST /in/landing HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf"); err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() {
		_, err := s.try("POST", "/in/landing", strings.NewReader("x"))
		failed <- err
	}()
	<-s.journal.entered
	s.stop()
	err = <-s.done
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("got %v", err)
	}
	<-failed
	if len(s.journal.deliveries(t)) != 0 {
		t.Error("a delivery was kept after its sender was cut off")
	}
}

func TestShutdown_BeforeServe(t *testing.T) {
	t.Parallel()
	e, err := edge.New(edge.Options{Acceptor: ingest.NewAcceptor(nil, nil), PublicURL: publicURL})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := e.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ln, err := edge.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Serve(ln); err != nil {
		t.Fatal(err)
	}
	if c, err := net.Dial("tcp", ln.Addr().String()); err == nil {
		_ = c.Close()
		t.Error("the listener is still open")
	}
}
