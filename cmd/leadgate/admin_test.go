package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest/metric"
)

// adminRequest is one request to an admin listener at leadgate.example:8081.
func adminRequest(t *testing.T, method, target, host string, header map[string]string) *httptest.ResponseRecorder {
	t.Helper()
	g := &gateway{
		settings: &Settings{Config: Config{AdminListen: "leadgate.example:8081"}}, metrics: metric.New(metric.Options{}),
		control: control{Key: "the key"},
	}
	r := httptest.NewRequest(method, target, nil)
	r.Host = host
	for name, value := range header {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	g.adminHandler().ServeHTTP(w, r)
	return w
}

// A web page can neither have its own name point here nor ask from elsewhere.
func TestAdmin_WebPagesAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, host string
		header     map[string]string
		status     int
	}{
		{"address", "127.0.0.1:8081", nil, 200},
		{"address of IPv6", "[::1]:8081", nil, 200},
		{"address of IPv6 without port", "[::1]", nil, 200},
		{"localhost", "LocalHost:8081", nil, 200},
		{"configured name", "Leadgate.example:8081", nil, 200},
		{"HTTP/1.0 without a host", "", nil, 200},
		{"own origin", "127.0.0.1:8081", map[string]string{"Origin": "http://127.0.0.1:8081"}, 200},
		{"typed into a browser", "127.0.0.1:8081", map[string]string{"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 200},
		{"a link that is followed", "127.0.0.1:8081", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 200},

		{"rebound name", "evil.example:8081", nil, 403},
		{"rebound name without port", "evil.example", nil, 403},
		{"name that begins with an address", "127.0.0.1.evil.example:8081", nil, 403},
		{"name below localhost", "x.localhost:8081", nil, 403},
		{"localhost with a dot", "localhost.:8081", nil, 403},
		{"name below the configured one", "x.leadgate.example:8081", nil, 403},
		{"number as an address", "2130706433:8081", nil, 403},
		{"short address", "127.1:8081", nil, 403},
		{"user in front", "127.0.0.1@evil.example:8081", nil, 403},
		{"port of letters", "evil.example:127.0.0.1", nil, 403},
		{"two ports", "127.0.0.1:8081:80", nil, 403},
		{"foreign origin", "127.0.0.1:8081", map[string]string{"Origin": "https://evil.example"}, 403},
		{"origin of another port", "127.0.0.1:8081", map[string]string{"Origin": "http://127.0.0.1:80"}, 403},
		{"origin null", "127.0.0.1:8081", map[string]string{"Origin": "null"}, 403},
		{"empty origin", "127.0.0.1:8081", map[string]string{"Origin": ""}, 403},
		{"origin of a file", "127.0.0.1:8081", map[string]string{"Origin": "file://127.0.0.1:8081"}, 403},
		{"image of a page", "127.0.0.1:8081", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}, 403},
		{"frame of a page", "127.0.0.1:8081", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, 403},
		{"page of another port", "127.0.0.1:8081", map[string]string{"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, 403},
	} {
		for _, target := range []string{"/metrics", "/healthz"} {
			w := adminRequest(t, http.MethodGet, target, c.host, c.header)
			if w.Code != c.status {
				t.Errorf("%s %s: status %d, want %d", c.name, target, w.Code, c.status)
			}
			for name := range w.Header() {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("%s: %s: %s", c.name, name, w.Header().Get(name))
				}
			}
		}
	}
}

func TestAdmin_MethodsPathsAndKeys(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		method, target string
		header         map[string]string
		status         int
	}{
		{"GET", "/metrics", nil, 200},
		{"HEAD", "/metrics", nil, 200},
		{"POST", "/metrics", nil, 405},
		{"OPTIONS", "/metrics", map[string]string{"Origin": "https://evil.example", "Access-Control-Request-Private-Network": "true"}, 405},
		{"TRACE", "/metrics", nil, 405},
		{"GET", "/", nil, 404},
		{"GET", "/debug/pprof/", nil, 404},
		{"GET", "/in/landing", nil, 404},
		{"GET", "/api/v1/reports/cpl", nil, 404},
		{"GET", "/metrics", map[string]string{controlHeader: "the key"}, 200},
		{"GET", "/metrics", map[string]string{controlHeader: "of another gateway"}, 401},
	} {
		if w := adminRequest(t, c.method, c.target, "127.0.0.1:8081", c.header); w.Code != c.status {
			t.Errorf("%s %s %v: status %d, want %d", c.method, c.target, c.header, w.Code, c.status)
		}
	}
}

// Since is when a state began, whoever asks in between; a part may say it.
func TestChecks_SinceAndLog(t *testing.T) {
	t.Parallel()
	var said strings.Builder
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	g := &gateway{log: slog.New(slog.NewTextHandler(&said, nil))}
	state := stateOK
	g.addCheck(func() check { return check{Name: "journal", State: state, Detail: "so and so"} })
	own := now.Add(-time.Hour)
	g.addCheck(func() check { return check{Name: "store", State: stateFault, Since: own} })
	known := map[string]string{}
	for _, step := range []struct {
		state string
		since time.Time
		logs  int
	}{
		{stateOK, now, 1}, // of the store, which is at fault from the start
		{stateOK, now, 1},
		{stateFault, now.Add(2 * time.Second), 2},
		{stateFault, now.Add(2 * time.Second), 2},
		{stateOK, now.Add(4 * time.Second), 3},
	} {
		state = step.state
		checks := g.checklist.collect(now)
		g.logChanges(known, checks)
		if len(checks) != 2 || checks[0].State != step.state || !checks[0].Since.Equal(step.since) || !checks[1].Since.Equal(own) {
			t.Errorf("got %+v, want %+v", checks, step)
		}
		if got := strings.Count(said.String(), "\n"); got != step.logs {
			t.Errorf("%d lines logged, want %d:\n%s", got, step.logs, &said)
		}
		now = now.Add(time.Second)
	}
}

// The public listener says one word; metrics and reasons are on the admin
// listener, which stands in the control file.
func TestIntegration_AdminListener(t *testing.T) {
	t.Parallel()
	p := serve(t, t.TempDir(), "api: {keys: [\"0123456789abcdef\"]}\n")
	for path, want := range map[string]int{"/metrics": 404, "/readyz?verbose": 200, "/readyz": 200, "/api/v1/readiness": 401} {
		status, text, err := p.do(http.MethodGet, path, nil, "")
		if err != nil || status != want || want == 200 && text != `{"status":"ready"}` {
			t.Errorf("%s: %d %s, %v; want %d", path, status, text, err, want)
		}
	}
	if status, _, err := p.do(http.MethodGet, "/api/v1/readiness", nil, "Authorization: Bearer 0123456789abcdef"); err != nil || status != http.StatusNotFound {
		t.Errorf("readiness by an API key: %d, %v", status, err)
	}
	c, err := p.control()
	if err != nil {
		t.Fatal(err)
	}
	if host, port, err := net.SplitHostPort(strings.TrimPrefix(c.AdminURL, "http://")); err != nil || host != "127.0.0.1" || port == "0" {
		t.Errorf("admin_url is %s, %v", c.AdminURL, err)
	}
	if !strings.Contains(p.said.String(), c.AdminURL) {
		t.Errorf("the log lacks %s", c.AdminURL)
	}
	if status, text, err := p.admin("/metrics"); err != nil || status != 200 || !strings.Contains(text, "\nleadgate_drain_lag_bytes ") {
		t.Errorf("metrics: %d, %v", status, err)
	}
	status, text, err := p.admin("/readyz?verbose")
	var answer readiness
	if err := errors.Join(err, json.Unmarshal([]byte(text), &answer)); err != nil || status != 200 || answer.Status != "ready" || len(answer.Checks) < 3 {
		t.Errorf("%d %s, %v", status, text, err)
	}
	for _, c := range answer.Checks {
		if c.State == stateFault || c.Since.IsZero() {
			t.Errorf("%+v", c)
		}
	}
	if out := p.run("doctor"); !strings.Contains(out, "gateway: journal") || !strings.Contains(out, c.AdminURL) {
		t.Errorf("doctor:\n%s", out)
	}
	// Without the admin listener, and with that of another gateway in its place.
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	for _, url := range []string{"", other.URL} {
		c.AdminURL = url
		if checks, err := c.readiness(t.Context()); err != nil || len(checks) < 3 {
			t.Errorf("by the public listener: %+v, %v", checks, err)
		}
	}
	c.Key = "another"
	if checks, err := c.readiness(t.Context()); !errors.Is(err, errNoGateway) {
		t.Errorf("by another key: %+v, %v", checks, err)
	}
}

func TestIntegration_MetricsPublic(t *testing.T) {
	t.Parallel()
	p := serve(t, t.TempDir(), "metrics_public: true\nadmin_listen: \"\"\n")
	if status, text, err := p.do(http.MethodGet, "/metrics", nil, ""); err != nil || status != 200 || !strings.Contains(text, "\nleadgate_drain_lag_bytes ") {
		t.Errorf("%d, %v", status, err)
	}
	if c, err := p.control(); err != nil || c.AdminURL != "" {
		t.Errorf("admin_url is %q, %v", c.AdminURL, err)
	}
	if out := p.run("doctor"); !strings.Contains(out, "gateway: admin listener") {
		t.Errorf("doctor:\n%s", out)
	}
}

// The default address may be taken by another program, no other may.
func TestAdmin_AddressIsTaken(t *testing.T) {
	t.Parallel()
	var listen net.ListenConfig
	taken, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	config := fmt.Sprintf("listen: 127.0.0.1:%d\nadmin_listen: %s\ndata_dir: %s\n", freePort(t), taken.Addr(), filepath.Join(t.TempDir(), "data"))
	code, _, stderr := call(t, nil, "serve", "--config", writeConfig(t, config))
	if code != 1 || !strings.Contains(stderr, "admin_listen on "+taken.Addr().String()) {
		t.Errorf("exit code %d: %s", code, stderr)
	}

	if held, err := listen.Listen(t.Context(), "tcp", defaultAdminListen); err == nil { // else somebody else has it: as well
		defer func() { _ = held.Close() }()
	}
	var said strings.Builder
	g := &gateway{
		settings: &Settings{Config: Config{AdminListen: defaultAdminListen}},
		log:      slog.New(slog.NewTextHandler(&said, nil)),
	}
	if err := g.openAdmin(t.Context()); err != nil || g.adminURL() != "" || !strings.Contains(said.String(), "another process has "+defaultAdminListen) {
		t.Errorf("%v, %q, %s", err, g.adminURL(), &said)
	}
	if checks := g.checks(); len(checks) != 1 || checks[0].State != stateWarning {
		t.Errorf("%+v", checks)
	}
}

// pipes is a listener of connections in memory.
type pipes struct{ net.Listener }

func (pipes) Accept() (net.Conn, error) {
	c, _ := net.Pipe()
	return c, nil
}

// Peers that say nothing do not keep others away: the oldest is closed for one
// more, unless it is being answered.
func TestAdmin_BoundedConnections(t *testing.T) {
	t.Parallel()
	l := &peers{Listener: pipes{}, most: 2}
	accept := func() *peer {
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		return c.(*peer)
	}
	closed := func(p *peer) bool { return errors.Is(p.SetDeadline(time.Time{}), io.ErrClosedPipe) }
	first, second := accept(), accept()
	inside := func(http.ResponseWriter, *http.Request) {
		third := accept()
		if closed(first) || !closed(second) || closed(third) {
			t.Errorf("while the first is answered: %v %v %v", closed(first), closed(second), closed(third))
		}
		fourth := accept()
		if closed(first) || !closed(third) || closed(fourth) {
			t.Errorf("while the first is answered: %v %v %v", closed(first), closed(third), closed(fourth))
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	answering(http.HandlerFunc(inside)).ServeHTTP(httptest.NewRecorder(), r.WithContext(withPeer(r.Context(), first)))
	fifth := accept()
	if !closed(first) || closed(fifth) || l.open.Len() != 2 {
		t.Errorf("after it: %v %v, %d are open", closed(first), closed(fifth), l.open.Len())
	}
	_, _ = fifth.Close(), fifth.Close()
	if l.open.Len() != 1 {
		t.Errorf("%d are open", l.open.Len())
	}
}

// A header of any size is not read.
func TestAdmin_BoundedHeader(t *testing.T) {
	t.Parallel()
	g := &gateway{settings: &Settings{Config: Config{AdminListen: "127.0.0.1:0"}}, metrics: metric.New(metric.Options{}), log: slog.New(slog.DiscardHandler)}
	if err := errors.Join(g.openAdmin(t.Context()), g.serveAdmin()); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = g.close() }()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.adminURL()+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X", strings.Repeat("x", 4*adminHeaderBytes))
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d", answer.StatusCode)
	}
}

func TestConfig_AdminWarnings(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                               "",
		"admin_listen: 127.0.0.1:0":      "",
		"admin_listen: ''":               "",
		"admin_listen: 0.0.0.0:8081":     "admin_listen: others than this machine",
		"admin_listen: ':8081'":          "admin_listen: others than this machine",
		"admin_listen: leadgate:8081":    "admin_listen: others than this machine",
		"metrics_public: true":           "metrics_public: everybody",
		"admin_listen: \"[::1]:8081\"\n": "",
	} {
		code, stdout, stderr := call(t, nil, "config", "check", "--config", writeConfig(t, text))
		if code != 0 || !strings.Contains(stdout, "configuration is good") || want == "" && stderr != "" || !strings.Contains(stderr, want) {
			t.Errorf("%s: %d %s %s", text, code, stdout, stderr)
		}
	}
}
