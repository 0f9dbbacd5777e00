package edge_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/edge"
)

// until waits for a state that other goroutines bring about.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(20 * time.Second); !done(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("not %s after 20 s", what)
		}
	}
}

// dial opens a connection that sends something and stays.
func dial(t *testing.T, s *server, sent string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := io.WriteString(c, sent); err != nil {
		t.Fatal(err)
	}
	return c
}

func authorised(d *ingest.Delivery) error {
	if len(d.Body) == 0 && d.Header.Get("Authorization") == "Bearer good" {
		return nil
	}
	return ingest.ErrUnverified
}

// Every kind of request that does not come to an end has reserved exactly what it
// may have in memory, and nothing once it is gone. Others are answered meanwhile.
func TestMemory_OfEachKind(t *testing.T) {
	t.Parallel()
	const head = "POST /in/landing HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer good\r\n"
	x := func(n int) string { return strings.Repeat("x", n) }
	chunk := func(n int) string { return fmt.Sprintf("%x\r\n%s\r\n", n, x(n)) }
	for _, kind := range []struct {
		name, sent string
		want       int64
	}{
		{"idle", "", 0},
		{"half a header", head + "X-Long: " + x(12<<10), 0},
		{"a length and a byte", head + "Content-Length: 1048000\r\n\r\nx", 0},
		{"a length and what comes with the header", head + "Content-Length: 1048000\r\n\r\n" + x(8<<10), 64 << 10},
		{"a length and 60 KB", head + "Content-Length: 1048000\r\n\r\n" + x(60_000), 64 << 10},
		{"half of 1 MB", head + "Content-Length: 1048000\r\n\r\n" + x(500_000), 2 * 1048000},
		{"a small one but for a byte", head + "Content-Length: 60000\r\n\r\n" + x(59_999), 2 * 60000},
		{"a tiny one but for a byte", head + "Content-Length: 8192\r\n\r\n" + x(8191), 0},
		{"a byte in a chunk", head + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n", 4 << 10},
		{"60 KB in chunks", head + "Transfer-Encoding: chunked\r\n\r\n" + chunk(60_000), 64 << 10},
		{"500 KB in chunks", head + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat(chunk(50_000), 10), 512 << 10},
		{"half of a compressed one", head + "Content-Encoding: gzip\r\nContent-Length: 50000\r\n\r\n" + x(20_000), 50000},
		{"a compressed one in chunks", head + "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(3000), 4 << 10},
	} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, func(o *edge.Options, in *ingest.Intake, _ *journal) {
				o.ReadTimeout, in.Authorized = time.Minute, authorised
			})
			const connections = 3
			var open []net.Conn
			for range connections {
				open = append(open, dial(t, s, kind.sent))
			}
			until(t, "reserved", func() bool { return s.Connections() >= connections && s.BodyMemory() >= connections*kind.want })
			if r := s.do(t, "POST", "/in/landing", "email=x", "Authorization: Bearer good"); r.StatusCode != http.StatusOK {
				t.Errorf("another one: %d", r.StatusCode)
			}
			if n := s.BodyMemory(); n != connections*kind.want {
				t.Errorf("%d bytes are reserved, want %d times %d", n, connections, kind.want)
			}
			for _, c := range open {
				_ = c.Close()
			}
			until(t, "given back", func() bool { return s.BodyMemory() == 0 })
		})
	}
}

// What comes to an end holds nothing any more, whatever became of it.
func TestMemory_GivenBack(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *edge.Options, in *ingest.Intake, _ *journal) {
		in.Authorized = authorised
		o.API, o.APIKeys = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }), []string{"key"}
	})
	half := bytes.Repeat([]byte("0123456789abcdef"), 1<<15)
	good := "Authorization: Bearer good"
	for _, c := range []struct {
		path, body string
		status     int
		header     []string
	}{
		{"/in/landing", string(half), 200, []string{good}},
		{"/in/landing", strings.Repeat("x", 60_000), 200, []string{good}}, // what declares no length may be large
		{"/in/landing", string(half), 401, nil},
		{"/in/landing", packed(t, half), 200, []string{"Content-Encoding: gzip", good}},
		{"/in/landing", packed(t, half) + "x", 400, []string{"Content-Encoding: gzip", good}},
		{"/in/landing", packed(t, make([]byte, 2<<20)), 413, []string{"Content-Encoding: gzip", good}},
		{"/in/landing", string(half), 415, []string{"Content-Encoding: br", good}},
		{"/in/nobody", string(half), 404, nil},
		{"/api/v1/x", string(half), 200, []string{"Authorization: Bearer key"}},
		{"/api/v1/x", string(half), 401, nil},
	} {
		for _, chunked := range []bool{false, true} {
			var body io.Reader = strings.NewReader(c.body)
			if chunked {
				body = io.MultiReader(body)
			}
			r, err := s.try("POST", c.path, body, c.header...)
			if err != nil {
				t.Errorf("%s %v: %v", c.path, c.header, err)
			} else if r.StatusCode != c.status {
				t.Errorf("%s %v, chunked %v: %d, want %d", c.path, c.header, chunked, r.StatusCode, c.status)
			}
			until(t, "given back", func() bool { return s.BodyMemory() == 0 })
		}
	}
}

// A source whose token is in the header or the URL has nothing of a large body read
// before that is right; what its other checks say of a small one is as ever.
func TestMemory_TokenBeforeTheBody(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *edge.Options, in *ingest.Intake, _ *journal) {
		o.MaxBody = func(string) int64 { return 32 << 20 }
		in.Authorized = authorised
	})
	const length = "Content-Length: 33000000\r\n"
	for _, header := range []string{length, length + "Authorization: Bearer bad\r\n", length + "Expect: 100-continue\r\n", "Transfer-Encoding: chunked\r\n"} {
		body := strings.Repeat("x", 9<<10)
		if strings.HasPrefix(header, "T") {
			body = ""
		}
		c := dial(t, s, "POST /in/landing HTTP/1.1\r\nHost: a\r\n"+header+"\r\n"+body)
		if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		r := bufio.NewReader(c)
		status, err := r.ReadString('\n')
		if status == "HTTP/1.1 100 Continue\r\n" {
			_, _ = r.ReadString('\n')
			status, err = r.ReadString('\n')
		}
		if err != nil || !strings.Contains(status, " 401 ") {
			t.Errorf("%q: %q, %v", header, status, err)
		}
		if n := s.BodyMemory(); n != 0 {
			t.Errorf("%q: %d bytes are reserved", header, n)
		}
	}
	if r := s.do(t, "POST", "/in/landing", "small"); r.StatusCode != http.StatusOK {
		t.Errorf("a small one, which its source verifies: %d", r.StatusCode)
	}
}

// Who declares much and sends little costs little: that is what is allocated, not
// what is reserved.
func TestMemory_Allocated(t *testing.T) { // not parallel: it counts what the process allocates
	s := start(t, func(o *edge.Options, _ *ingest.Intake, _ *journal) {
		o.MaxBody, o.ReadTimeout = func(string) int64 { return 32 << 20 }, time.Minute
	})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const connections = 50
	for range connections {
		dial(t, s, "POST /in/landing HTTP/1.1\r\nHost: a\r\nContent-Length: 33000000\r\n\r\n"+strings.Repeat("x", 20<<10))
	}
	until(t, "reserved", func() bool { return s.BodyMemory() >= connections*(64<<10) })
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / connections; each > 256<<10 {
		t.Errorf("a connection that declares 33 MB and sends 20 KB costs %d bytes", each)
	}
}

// An address has only so many connections; those beyond are closed at once, and
// counted. When one ends there is space for another. A trusted proxy has any number.
func TestConnectionsPerAddress(t *testing.T) {
	t.Parallel()
	told := &told{}
	limited := func(o *edge.Options, _ *ingest.Intake, _ *journal) { o.ConnectionsPerAddress, o.Metrics = 3, told }
	s := start(t, limited)
	alive := func(c net.Conn) bool {
		if _, err := io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
			return false
		}
		status, err := bufio.NewReader(c).ReadString('\n')
		return err == nil && strings.Contains(status, " 200 ")
	}
	var open []net.Conn
	for range 3 {
		open = append(open, dial(t, s, ""))
	}
	for i, c := range open {
		if !alive(c) {
			t.Errorf("connection %d is closed", i)
		}
	}
	for range 5 {
		if alive(dial(t, s, "")) {
			t.Error("a fourth connection is taken")
		}
	}
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}}
	other, err := d.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	if !alive(other) {
		t.Error("another address is refused")
	}
	if n := told.count(" limited by connections"); n != 5 {
		t.Errorf("%d refusals were counted, want 5", n)
	}
	if log := s.log.String(); strings.Count(log, "connections are refused") != 1 {
		t.Errorf("not one line for all: %s", log)
	}
	_ = open[0].Close()
	until(t, "free", func() bool { return s.Connections() == 3 })
	if !alive(dial(t, s, "")) {
		t.Error("no connection is taken after one has ended")
	}

	proxied := start(t, func(o *edge.Options, in *ingest.Intake, j *journal) {
		limited(o, in, j)
		o.TrustedProxies = []string{"127.0.0.1"}
	})
	for range 10 {
		if !alive(dial(t, proxied, "")) {
			t.Fatal("a trusted proxy is refused")
		}
	}
}
