package edge_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/edge"
)

func TestErrors_StatusAndCode(t *testing.T) {
	t.Parallel()
	var next atomic.Value
	s := start(t, func(_ *edge.Options, in *ingest.Intake, _ *journal) {
		in.FirstParty, in.Methods = true, []string{"POST", "PUT"}
		in.Source = sender{decode: func(*ingest.Delivery) ([]ingest.Event, error) { return nil, next.Load().(error) }}
	})
	f := func(err error, status int, code, shows string) {
		t.Helper()
		next.Store(fmt.Errorf("wrapped: %w", err))
		r := s.do(t, "POST", "/in/landing", "secret-body")
		r.wantError(t, status, code)
		if !strings.Contains(r.body, shows) {
			t.Errorf("%q is not in %s", shows, r.body)
		}
	}
	f(ingest.ErrUnverified, 401, "unverified", "could not be verified")
	f(ingest.ErrMalformed, 400, "malformed", "malformed")
	f(ingest.ErrMediaType, 415, "unsupported_media_type", "unsupported media type")
	f(ingest.ErrTooLarge, 413, "too_large", "larger")
	f(&ingest.InvalidError{Fields: map[string]string{"email": "is not an address"}}, 422, "invalid_fields", `"fields":{"email":"is not an address"}`)
	f(errors.New("parsing secret-body"), 500, "internal", "ours")
	if strings.Contains(s.log.String(), "secret-body") {
		t.Errorf("what was sent is in the log: %s", s.log)
	}

	s.do(t, "POST", "/in/nobody", "x").wantError(t, 404, "unknown_source")
	s.do(t, "POST", "/in/Landing", "x").wantError(t, 404, "unknown_source")
	for _, path := range []string{"/", "/IN/landing", "/in/landing/", "/in/", "/in", "/in/a/b", "/metrics", "/api/v1/x"} {
		s.do(t, "POST", path, "x").wantError(t, 404, "not_found")
	}
	r := s.do(t, "DELETE", "/in/landing", "x")
	r.wantError(t, 405, "method_not_allowed")
	if allow := r.Header.Get("Allow"); allow != "POST, PUT, OPTIONS" {
		t.Errorf("Allow: %s", allow)
	}
	r = s.do(t, "POST", "/healthz", "x")
	r.wantError(t, 405, "method_not_allowed")
	if allow := r.Header.Get("Allow"); !strings.Contains(allow, "GET") {
		t.Errorf("Allow: %s", allow)
	}
	s.do(t, "PROPFIND", "/in/landing", "x").wantError(t, 405, "method_not_allowed")
}

func TestErrors_JournalRefuses(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	f := func(err error, code, retry string) {
		t.Helper()
		s.journal.fail(err)
		r := s.do(t, "POST", "/in/landing", "x")
		r.wantError(t, 503, code)
		if r.Header.Get("Retry-After") != retry || strings.Contains(r.body, "/data") {
			t.Errorf("Retry-After %q, body %s", r.Header.Get("Retry-After"), r.body)
		}
	}
	f(fmt.Errorf("append: %w", ingest.ErrFull), "full", "60")
	f(ingest.ErrClosed, "not_kept", "5")
	f(errDisk, "not_kept", "5")
	s.journal.fail(nil)
	if r := s.do(t, "POST", "/in/landing", "x"); r.StatusCode != http.StatusOK {
		t.Errorf("got %d", r.StatusCode)
	}
	log := s.log.String()
	if strings.Count(log, "are refused") != 1 || strings.Count(log, "are kept again") != 1 {
		t.Errorf("each change is told once, not so:\n%s", log)
	}
}

func TestErrors_JournalTooSlow(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *edge.Options, _ *ingest.Intake, j *journal) {
		o.RequestTimeout, j.hold = 20*time.Millisecond, make(chan struct{})
	})
	s.do(t, "POST", "/in/landing", "x").wantError(t, 503, "not_kept")
}

func TestErrors_Panic(t *testing.T) {
	t.Parallel()
	told := &told{}
	s := start(t, func(o *edge.Options, in *ingest.Intake, _ *journal) {
		o.Metrics = told
		in.Source = sender{verify: func(d *ingest.Delivery) error { panic(fmt.Sprintf("cannot read %s", d.Body)) }}
	})
	for range 3 {
		r := s.do(t, "POST", "/in/landing", "secret-body", "X-Request-Id: req-1")
		r.wantError(t, 500, "internal")
		if r.Header.Get("X-Request-Id") != "req-1" || strings.Contains(r.body, "cannot") {
			t.Errorf("got %v %s", r.Header, r.body)
		}
	}
	if told.count("panic") != 3 || told.count("landing internal") != 3 {
		t.Errorf("told %v", told.all())
	}
	log := s.log.String()
	if !strings.Contains(log, "refuse_test.go") || !strings.Contains(log, "req-1") || strings.Contains(log, "secret-body") {
		t.Errorf("log: %s", log)
	}
}

func TestBody_Caps(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *edge.Options, _ *ingest.Intake, _ *journal) {
		o.MaxBody = func(source string) int64 {
			if source == "landing" {
				return 1000
			}
			return 0
		}
	})
	if r := s.do(t, "POST", "/in/landing", strings.Repeat("x", 1000)); r.StatusCode != http.StatusOK {
		t.Errorf("at the cap: %d", r.StatusCode)
	}
	chunked := func(n int) io.Reader { return io.MultiReader(strings.NewReader(strings.Repeat("x", n))) }
	for _, size := range []int{1001, 50_000, 3 << 20} {
		s.do(t, "POST", "/in/landing", strings.Repeat("x", size)).wantError(t, 413, "too_large")
		r, err := s.try("POST", "/in/landing", chunked(size))
		if err != nil {
			t.Fatalf("%d bytes in chunks: %v", size, err)
		}
		r.wantError(t, 413, "too_large")
	}
	// A source that is not configured has the default of 1 MiB.
	s.do(t, "POST", "/in/nobody", strings.Repeat("x", 2<<20)).wantError(t, 413, "too_large")
	s.do(t, "POST", "/in/nobody", strings.Repeat("x", 1000_000)).wantError(t, 404, "unknown_source")
	// The script of an allowed page can read the refusal.
	r := s.do(t, "POST", "/in/landing", strings.Repeat("x", 2000), "Origin: https://leads.example.com")
	if r.StatusCode != http.StatusRequestEntityTooLarge || r.Header.Get("Access-Control-Allow-Origin") != "https://leads.example.com" {
		t.Errorf("got %d %v", r.StatusCode, r.Header)
	}
	if n := len(s.journal.deliveries(t)); n != 1 {
		t.Errorf("%d deliveries were kept, want 1", n)
	}
}

func TestBody_Expect100Continue(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	r := s.do(t, "POST", "/in/landing", "x", "Expect: 100-continue")
	if d := s.journal.only(t); r.StatusCode != http.StatusOK || string(d.Body) != "x" || d.Header.Get("Expect") != "" {
		t.Errorf("got %d, kept %+v", r.StatusCode, d)
	}
}

func TestBody_Encodings(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *edge.Options, _ *ingest.Intake, _ *journal) {
		o.MaxBody = func(string) int64 { return 1 << 20 }
	})
	text := []byte("email=a%40example.com")
	var zlibbed, deflated bytes.Buffer
	zw := zlib.NewWriter(&zlibbed)
	fw, err := flate.NewWriter(&deflated, 9)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []io.WriteCloser{zw, fw} {
		if _, err := w.Write(text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	gzipped := packed(t, text)
	for _, c := range []struct{ encoding, body string }{
		{"gzip", gzipped}, {"GZIP", gzipped}, {"x-gzip", gzipped},
		{"deflate", zlibbed.String()}, {"deflate", deflated.String()}, {"identity", string(text)},
	} {
		before := len(s.journal.deliveries(t))
		if r := s.do(t, "POST", "/in/landing", c.body, "Content-Encoding: "+c.encoding); r.StatusCode != http.StatusOK {
			t.Errorf("%s: got %d %s", c.encoding, r.StatusCode, r.body)
			continue
		}
		d := s.journal.deliveries(t)[before]
		if !bytes.Equal(d.Body, text) || len(d.Header["Content-Encoding"]) != 0 {
			t.Errorf("%s: kept %q, %v", c.encoding, d.Body, d.Header)
		}
	}
	kept := len(s.journal.deliveries(t))

	refuse := func(encoding, body string, status int, code string) reply {
		t.Helper()
		r := s.do(t, "POST", "/in/landing", body, "Content-Encoding: "+encoding)
		r.wantError(t, status, code)
		return r
	}
	for _, encoding := range []string{"br", "zstd", "gzip, gzip", "compress"} {
		if r := refuse(encoding, gzipped, 415, "unsupported_media_type"); r.Header.Get("Accept-Encoding") != "gzip, deflate" {
			t.Errorf("%s: does not say what would do: %v", encoding, r.Header)
		}
	}
	refuse("gzip", string(text), 400, "malformed")                     // not gzip
	refuse("gzip", gzipped[:len(gzipped)-6], 400, "malformed")         // cut off
	refuse("gzip", gzipped[:len(gzipped)-1]+"\x01", 400, "malformed")  // wrong length at the end
	refuse("deflate", "\xff\xff\xff\xff", 400, "malformed")            // nothing of the kind
	refuse("gzip", packed(t, make([]byte, 16<<20)), 413, "too_large")  // a bomb of 16 KiB
	refuse("gzip", packed(t, make([]byte, 1<<20+1)), 413, "too_large") // just over
	if n := len(s.journal.deliveries(t)); n != kept {
		t.Errorf("%d refused bodies were kept", n-kept)
	}
	if r := s.do(t, "POST", "/in/landing", packed(t, make([]byte, 1<<20)), "Content-Encoding: gzip"); r.StatusCode != http.StatusOK {
		t.Errorf("at the cap: got %d", r.StatusCode)
	}
}

func TestHeader_TooLarge(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	if r := s.do(t, "POST", "/in/landing", "x", "X-Long: "+strings.Repeat("a", 12<<10)); r.StatusCode != http.StatusOK {
		t.Errorf("12 KiB: got %d", r.StatusCode)
	}
	s.do(t, "POST", "/in/landing", "x", "X-Long: "+strings.Repeat("a", 40<<10)).wantError(t, 431, "headers_too_large")
}

// raw sends bytes and returns the answer as it comes.
func raw(t *testing.T, s *server, text string) string {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	return rawOn(t, c, text)
}

// rawOn is raw on a connection, which it closes.
func rawOn(t testing.TB, c net.Conn, text string) string {
	t.Helper()
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d %s", res.StatusCode, body)
}

func TestRead_SlowOrBroken(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *edge.Options, _ *ingest.Intake, _ *journal) { o.ReadTimeout = 100 * time.Millisecond })
	f := func(sent, want string) {
		t.Helper()
		if got := raw(t, s, sent); !strings.Contains(got, want) {
			t.Errorf("%q: got %q, want %q", sent, got, want)
		}
	}
	f("POST /in/landing HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf", `408 {"error":{"code":"timeout"`)
	f("POST /in/landing HTTP/1.1\r\nHos", `408 {"error":{"code":"timeout"`)
	f("nonsense\r\n\r\n", `400 {"error":{"code":"malformed"`)
	f("POST /in/landing HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", `400 {"error":{"code":"malformed"`)
	if len(s.journal.deliveries(t)) != 0 {
		t.Error("half a request was kept")
	}
	f("POST http://elsewhere.example/in/landing?a=b#c HTTP/1.1\r\nHost: elsewhere.example\r\nContent-Length: 1\r\n\r\nx", `"status":"accepted"`)
	if d := s.journal.only(t); d.URL != publicURL+"/in/landing?a=b" {
		t.Errorf("got %s", d.URL)
	}
}

// The second request of a connection has its time too, although reading it
// begins under the far deadline of waiting for one.
func TestRead_SlowSecond(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *edge.Options, _ *ingest.Intake, _ *journal) { o.ReadTimeout = 100 * time.Millisecond })
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	r, began := bufio.NewReader(c), time.Now()
	for _, part := range []struct {
		sent   string
		status int
	}{{"x", http.StatusOK}, {"", http.StatusRequestTimeout}} {
		if _, err := io.WriteString(c, "POST /in/landing HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n"+part.sent); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != part.status {
			t.Errorf("sent %q: %d, %v; want %d", part.sent, res.StatusCode, err, part.status)
		}
		_ = res.Body.Close()
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("cut off after %v", took)
	}
}

func TestErrors_Page(t *testing.T) {
	t.Parallel()
	fields := map[string]string{"email": "is not an address", "<b>name": "is <i>missing"}
	s := start(t, func(_ *edge.Options, in *ingest.Intake, _ *journal) {
		in.FirstParty = true
		in.Source = sender{decode: func(*ingest.Delivery) ([]ingest.Event, error) {
			return nil, &ingest.InvalidError{Fields: fields}
		}}
	})
	browser := "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	r := s.do(t, "POST", "/in/landing", "email=x", browser, "Referer: https://www.example.com/offer?a=1&b=2")
	if r.StatusCode != http.StatusUnprocessableEntity || r.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("got %d %v", r.StatusCode, r.Header)
	}
	for _, want := range []string{"Please check the form", "<dt>email</dt><dd>is not an address</dd>", "&lt;b&gt;name", "is &lt;i&gt;missing",
		`href="https://www.example.com/offer?a=1&amp;b=2">Go back</a>`, "422 invalid_fields"} {
		if !strings.Contains(r.body, want) {
			t.Errorf("the page lacks %q:\n%s", want, r.body)
		}
	}
	if strings.Contains(r.body, "<i>missing") || !strings.Contains(r.Header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Error("the page lets markup through, or has no policy")
	}
	r = s.do(t, "POST", "/in/landing", "email=x", browser, "Referer: javascript:alert(1)")
	if strings.Contains(r.body, "alert(1)") {
		t.Errorf("a script became a link:\n%s", r.body)
	}
	r = s.do(t, "POST", "/in/landing", strings.Repeat("x", 2<<20), browser)
	if r.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(r.body, "That was too much") {
		t.Errorf("got %d %s", r.StatusCode, r.body)
	}
	for _, accept := range []string{"*/*", "application/json", "application/json, text/html;q=0.5"} {
		s.do(t, "POST", "/in/landing", "email=x", "Accept: "+accept).wantError(t, 422, "invalid_fields")
	}
	s.do(t, "GET", "/nowhere", "", browser).wantError(t, 404, "not_found")
}
