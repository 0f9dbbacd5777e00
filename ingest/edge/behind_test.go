package edge_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/edge"
)

// post sends a body through the proxy; header lines are "Name: value".
func (p *proxied) post(t testing.TB, client *http.Client, target string, body io.Reader, header ...string) reply {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, "https://"+proxyHost+target, body)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		req.Header.Add(name, value)
	}
	return p.answered(t, client, req)
}

func (p *proxied) answered(t testing.TB, client *http.Client, req *http.Request) reply {
	t.Helper()
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{res, string(text)}
}

// forgeries are what a client may say of itself. Nothing of it is believed.
var forgeries = []string{
	"X-Forwarded-For: 203.0.113.7", "X-Forwarded-For: 203.0.113.7, 127.0.0.1", "X-Forwarded-Host: evil.example", "X-Forwarded-Proto: http",
	"Forwarded: for=203.0.113.7;host=evil.example;proto=http", "X-Real-Ip: 203.0.113.7", "X_Forwarded_For: 203.0.113.7",
}

// What the README says of nginx, Caddy and HAProxy is so with the real programs:
// the client's own address and the URL that it called arrive, and nothing that it
// invents; limits and errors are the edge's.
func TestIntegration_Proxies(t *testing.T) {
	t.Parallel()
	for _, kind := range proxyKinds {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			p := kind.behind(t, func(o *edge.Options, in *ingest.Intake, _ *journal) {
				o.MaxBody = func(string) int64 { return 10 << 20 }
				o.AddressLimits = edge.Limits{Deliveries: edge.LimiterFunc(func(_ context.Context, key string, _ int64) (edge.Result, error) {
					return edge.Result{Limit: 1, Allowed: key != "127.0.0.6", Reset: time.Now().Add(time.Minute)}, nil
				})}
				in.Source = sender{verify: func(d *ingest.Delivery) error { // as allow_ips does
					if string(d.Body) == "guarded" && d.RemoteAddr != "203.0.113.7" {
						return ingest.ErrUnverified
					}
					return nil
				}}
			})
			p.client = p.from(t, "127.0.0.5")
			p.testClient(t)
			p.testForged(t)
			p.testAnswers(t)
			p.testConnections(t)
		})
	}
}

func (p *proxied) testClient(t *testing.T) {
	t.Helper()
	const target = "/in/landing?q=%2F&x=%7e+%C3%A9&x=2"
	if r := p.post(t, p.client, target, strings.NewReader("x"), forgeries...); r.StatusCode != http.StatusOK || r.ProtoMajor != 2 {
		t.Fatalf("%s %d %s", r.Proto, r.StatusCode, r.body)
	}
	d := p.journal.only(t)
	if want := "https://" + proxyHost + target; d.RemoteAddr != "127.0.0.5" || d.URL != want {
		t.Errorf("came from %s by %s, want 127.0.0.5 and %s", d.RemoteAddr, d.URL, want)
	}
	if r := p.post(t, p.from(t, "127.0.0.6"), target, strings.NewReader("x"), forgeries...); r.StatusCode != http.StatusTooManyRequests || r.Header.Get("Retry-After") == "" {
		t.Errorf("an address that is over its limit: %d %s", r.StatusCode, r.body)
	}
	// Who asks for the proxy's own fields to be dropped is no less known.
	if got := p.exchange(t, "POST /in/landing?dropped HTTP/1.1\r\nHost: "+proxyHost+"\r\nConnection: close, X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto\r\n"+
		"Content-Length: 5\r\n\r\nhello"); fmt.Sprint(got) != "[200]" {
		t.Errorf("fields of the connection: %v", got)
	}
	for _, d := range p.journal.deliveries(t)[1:] {
		if want := "https://" + proxyHost + "/in/landing?dropped"; d.RemoteAddr != "127.0.0.10" || d.URL != want {
			t.Errorf("came from %s by %s, want 127.0.0.10 and %s", d.RemoteAddr, d.URL, want)
		}
	}
	if len(p.Forwarders()) != 0 {
		t.Errorf("a trusted proxy is warned of: %v", p.Forwarders())
	}
}

// testForged tries to be another address than one's own, in the header and in a
// trailer.
func (p *proxied) testForged(t *testing.T) {
	t.Helper()
	if r := p.post(t, p.client, "/in/landing", strings.NewReader("guarded"), forgeries...); r.StatusCode != http.StatusUnauthorized {
		t.Errorf("by header: %d %s", r.StatusCode, r.body)
	}
	for _, forgery := range forgeries {
		name, value, _ := strings.Cut(forgery, ": ")
		for _, forced := range []string{"h1", "h2"} {
			client := p.client
			if forced == "h1" {
				client = p.from(t, "127.0.0.5")
				client.Transport.(*http.Transport).ForceAttemptHTTP2 = false //nolint:forcetypeassert // from made it
			}
			req, err := http.NewRequest(http.MethodPost, "https://"+proxyHost+"/in/landing", io.MultiReader(strings.NewReader("guarded"))) // of unknown length
			if err != nil {
				t.Fatal(err)
			}
			req.Trailer = http.Header{name: {value}}
			res, err := client.Do(req)
			if err != nil {
				continue // refused, as by nginx, which takes no trailers over HTTP/2
			}
			_ = res.Body.Close()
			if res.StatusCode != http.StatusUnauthorized && res.StatusCode != http.StatusBadRequest {
				t.Errorf("by trailer %s over %s: %d", name, res.Proto, res.StatusCode)
			}
		}
	}
	for _, d := range p.journal.deliveries(t) {
		if string(d.Body) == "guarded" {
			t.Errorf("taken in from %s: %v", d.RemoteAddr, d.Header)
		}
	}
}

func (p *proxied) testAnswers(t *testing.T) {
	t.Helper()
	before := len(p.journal.deliveries(t))
	if r := p.post(t, p.client, "/in/landing", repeated("x", 8<<20)); r.StatusCode != http.StatusOK {
		t.Errorf("8 MiB in chunks: %d %s", r.StatusCode, r.body)
	}
	if r := p.post(t, p.client, "/in/landing", strings.NewReader(strings.Repeat("x", 8<<20))); r.StatusCode != http.StatusOK {
		t.Errorf("8 MiB: %d %s", r.StatusCode, r.body)
	}
	for _, d := range p.journal.deliveries(t)[before:] {
		if len(d.Body) != 8<<20 {
			t.Errorf("%d bytes arrived", len(d.Body))
		}
	}
	p.post(t, p.client, "/in/landing", strings.NewReader(strings.Repeat("x", 11<<20))).wantError(t, 413, "too_large")
	p.journal.fail(ingest.ErrFull)
	r := p.post(t, p.client, "/in/landing", strings.NewReader("x"))
	r.wantError(t, 503, "full")
	if r.Header.Get("Retry-After") != "60" {
		t.Errorf("Retry-After: %q", r.Header.Get("Retry-After"))
	}
	p.journal.fail(nil)
	p.post(t, p.client, "/in/nobody", strings.NewReader("x")).wantError(t, 404, "unknown_source")
}

// testConnections posts over one connection of the client's.
func (p *proxied) testConnections(t *testing.T) {
	t.Helper()
	client := p.from(t, "127.0.0.8")
	client.Transport.(*http.Transport).ForceAttemptHTTP2 = false //nolint:forcetypeassert // from made it
	reused := 0
	for i := range 20 {
		req, err := http.NewRequest(http.MethodPost, "https://"+proxyHost+"/in/landing", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		trace := &httptrace.ClientTrace{GotConn: func(got httptrace.GotConnInfo) {
			if got.Reused {
				reused++
			}
		}}
		if r := p.answered(t, client, req.WithContext(httptrace.WithClientTrace(req.Context(), trace))); r.StatusCode != http.StatusOK || r.ProtoMajor != 1 {
			t.Errorf("request %d: %s %d", i, r.Proto, r.StatusCode)
		}
	}
	if reused != 19 {
		t.Errorf("%d of 19 requests came over the first connection", reused)
	}
}

// No framing, however it is meant, makes an edge behind a proxy see a request that
// the proxy did not, or answer a client what another one asked.
func TestIntegration_Proxies_Framing(t *testing.T) {
	t.Parallel()
	for _, kind := range proxyKinds {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			p := kind.behind(t, nil)
			p.client = p.from(t, "127.0.0.9")
			n, answers := 0, make(map[int]int)
			for _, table := range [][]framing{lengths, chunks, headers, trailers} {
				for _, f := range table {
					n++
					p.testFraming(t, n, f, answers)
				}
			}
			t.Logf("%d requests through %s: statuses %v", n, kind.name, answers)
		})
	}
}

func (p *proxied) testFraming(t *testing.T, n int, f framing, answers map[int]int) {
	t.Helper()
	before := len(p.journal.deliveries(t))
	sent := strings.Replace(f.sent, "Host: a\r\n", "Host: "+proxyHost+"\r\n", 1)
	got := p.exchange(t, sent+"GET /healthz HTTP/1.1\r\nHost: "+proxyHost+"\r\nConnection: close\r\n\r\n")
	for _, status := range got {
		answers[status]++
	}
	if len(got) > 2 {
		t.Errorf("%s: two requests are answered %v", f.name, got)
	}
	p.probe(t, n, f.name, f.body, before)
}

// probe sends what the next client would, and checks that it gets its own answer,
// and that besides its delivery at most one of the attempt before came in, as its
// sender's.
func (p *proxied) probe(t *testing.T, n int, name, body string, before int) {
	t.Helper()
	probe := fmt.Sprintf("probe-%d", n)
	if r := p.post(t, p.client, "/in/landing", strings.NewReader(probe), "X-Request-Id: "+probe); r.StatusCode != http.StatusOK || r.Header.Get("X-Request-Id") != probe {
		t.Errorf("%s: the next client gets %d, %s", name, r.StatusCode, r.Header.Get("X-Request-Id"))
	}
	added := p.journal.deliveries(t)[before:]
	if len(added) > 2 || len(added) == 0 || string(added[len(added)-1].Body) != probe {
		t.Errorf("%s: %d deliveries", name, len(added))
		return
	}
	for _, d := range added[:len(added)-1] {
		all := fmt.Sprint(d.Header, d.URL, d.RemoteAddr)
		if string(d.Body) != "hello" && string(d.Body) != body || strings.Contains(all, "203.0.113.7") || strings.Contains(all, "evil") || d.RemoteAddr != "127.0.0.10" {
			t.Errorf("%s: %q from %s arrived, %s %v", name, d.Body, d.RemoteAddr, d.URL, d.Header)
		}
	}
}

// dial opens a connection to the proxy from an address of its own, for one
// protocol, and with a deadline.
func (p *proxied) dial(t *testing.T, protocol string) *tls.Conn {
	t.Helper()
	dialer := tls.Dialer{
		NetDialer: &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP("127.0.0.10")}},
		Config:    &tls.Config{InsecureSkipVerify: true, ServerName: proxyHost, NextProtos: []string{protocol}},
	}
	c, err := dialer.DialContext(t.Context(), "tcp", p.front)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c.(*tls.Conn) //nolint:forcetypeassert // a tls.Dialer made it
}

// exchange sends bytes to the proxy and returns the statuses of its answers until
// it closes. Where it waits for more, it is told that there is none.
func (p *proxied) exchange(t *testing.T, text string) (answers []int) {
	t.Helper()
	c := p.dial(t, "http/1.1")
	defer func() { _ = c.Close() }()
	more := time.AfterFunc(500*time.Millisecond, func() { _ = c.CloseWrite() })
	defer more.Stop()
	_, _ = io.WriteString(c, text) // it may close before it has all
	r := bufio.NewReader(c)
	for {
		answer, err := http.ReadResponse(r, nil)
		if err != nil {
			return answers
		}
		_, err = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusContinue {
			answers = append(answers, answer.StatusCode)
		}
		if err != nil {
			return answers
		}
	}
}
