package edge_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/edge"
)

// journal keeps deliveries in memory.
type journal struct {
	mu      sync.Mutex
	records [][]byte
	err     error
	hold    chan struct{} // appends wait for it to be closed, if set
	entered chan struct{} // told of each append, if set
}

func (j *journal) Append(ctx context.Context, record []byte) error {
	if j.entered != nil {
		j.entered <- struct{}{}
	}
	if j.hold != nil {
		select {
		case <-j.hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err == nil {
		j.records = append(j.records, bytes.Clone(record))
	}
	return j.err
}

func (j *journal) fail(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.err = err
}

func (j *journal) deliveries(t testing.TB) []*ingest.Delivery {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	var all []*ingest.Delivery
	for _, record := range j.records {
		d, err := ingest.ParseDelivery(record)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	return all
}

func (j *journal) only(t testing.TB) *ingest.Delivery {
	t.Helper()
	all := j.deliveries(t)
	if len(all) != 1 {
		t.Fatalf("%d deliveries were kept, want 1", len(all))
	}
	return all[0]
}

// sender is a source that does as its functions say.
type sender struct {
	verify func(*ingest.Delivery) error
	decode func(*ingest.Delivery) ([]ingest.Event, error)
}

func (s sender) Verify(d *ingest.Delivery) error {
	if s.verify == nil {
		return nil
	}
	return s.verify(d)
}

func (s sender) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	if s.decode == nil {
		return nil, nil
	}
	return s.decode(d)
}

// server is an Edge on a listener of its own.
type server struct {
	*edge.Edge
	url, addr string
	journal   *journal
	intake    *ingest.Intake // of the source "landing"
	log       *lockedBuffer
	client    *http.Client
	stop      context.CancelFunc
	done      chan error
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

const publicURL = "https://leads.example.com/base"

// start serves the source "landing" with options that change may alter.
func start(t testing.TB, change func(*edge.Options, *ingest.Intake, *journal)) *server {
	t.Helper()
	s := &server{journal: &journal{}, log: &lockedBuffer{}, done: make(chan error, 1)}
	s.intake = &ingest.Intake{Config: ingest.SourceConfig{Name: "landing"}, Source: sender{}}
	o := edge.Options{PublicURL: publicURL, Log: slog.New(slog.NewTextHandler(s.log, nil))}
	if change != nil {
		change(&o, s.intake, s.journal)
	}
	if o.Acceptor == nil {
		o.Acceptor = ingest.NewAcceptor(map[string]*ingest.Intake{"landing": s.intake}, s.journal)
	}
	var err error
	if s.Edge, err = edge.New(o); err != nil {
		t.Fatal(err)
	}
	ln, err := edge.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = ln.Addr().String()
	s.url = "http://" + s.addr
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64}
	s.client = &http.Client{Transport: transport, Timeout: 20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		s.done <- s.RunOn(ctx, ln)
	}()
	t.Cleanup(func() {
		stop()
		transport.CloseIdleConnections()
		select {
		case <-finished:
		case <-time.After(20 * time.Second):
			t.Error("the edge does not end")
		}
	})
	return s
}

// reply is an answer with its body read.
type reply struct {
	*http.Response
	body string
}

// do sends a request; header lines are "Name: value".
func (s *server) do(t testing.TB, method, target, body string, header ...string) reply {
	t.Helper()
	r, err := s.try(method, target, strings.NewReader(body), header...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	return r
}

func (s *server) try(method, target string, body io.Reader, header ...string) (reply, error) {
	req, err := http.NewRequest(method, s.url+target, body)
	if err != nil {
		return reply{}, err
	}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		req.Header.Add(name, value)
	}
	res, err := s.client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	return reply{res, string(text)}, err
}

// wantError checks an error's status and code, and that it is the contract's
// JSON.
func (r reply) wantError(t testing.TB, status int, code string) {
	t.Helper()
	var got struct {
		Error struct {
			Code, Message string
			Fields        map[string]string
		}
	}
	if err := json.Unmarshal([]byte(r.body), &got); err != nil {
		t.Fatalf("status %d, not JSON: %q", r.StatusCode, r.body)
	}
	if r.StatusCode != status || got.Error.Code != code || got.Error.Message == "" {
		t.Errorf("got %d %s, want %d %s", r.StatusCode, r.body, status, code)
	}
	if r.Header.Get("X-Request-Id") == "" || r.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("an error without what all answers have: %v", r.Header)
	}
}

func packed(t testing.TB, text []byte) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestIntake_KeepsTheWholeRequest(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.FixedZone("", 3600))
	s := start(t, func(o *edge.Options, in *ingest.Intake, _ *journal) { o.Now = func() time.Time { return at } })
	r := s.do(t, "POST", "/in/landing?a=%7e&b=%C3%A9+x&a=2", "e=1\x00\xff", "Content-Type: application/x-odd",
		"X-Signature: v1,AbC", "X-Many: 1", "X-Many: 2", "Cookie: _fbc=fb.1.2.x")
	d := s.journal.only(t)
	if want := `{"id":"` + d.ID + `","status":"accepted"}`; r.StatusCode != http.StatusOK || r.body != want {
		t.Errorf("got %d %s, want %s", r.StatusCode, r.body, want)
	}
	if r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Server") != "" {
		t.Errorf("header %v", r.Header)
	}
	if len(d.ID) != 26 || d.Source != "landing" || d.Method != http.MethodPost || d.RemoteAddr != "127.0.0.1" {
		t.Errorf("got %+v", d)
	}
	if want := time.Date(2026, 3, 1, 11, 0, 0, 123456000, time.UTC); !d.ReceivedAt.Equal(want) {
		t.Errorf("received at %v, want %v", d.ReceivedAt, want)
	}
	if d.URL != publicURL+"/in/landing?a=%7e&b=%C3%A9+x&a=2" || string(d.Body) != "e=1\x00\xff" {
		t.Errorf("got %q, %q", d.URL, d.Body)
	}
	for name, want := range map[string]string{
		"Content-Type": "[application/x-odd]", "X-Signature": "[v1,AbC]", "X-Many": "[1 2]", "Cookie": "[_fbc=fb.1.2.x]",
		"Host": "[" + s.addr + "]", "Content-Length": "[]",
	} {
		if got := fmt.Sprint(d.Header[name]); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

// A multipart body is kept byte for byte: fiber would parse and rebuild it.
func TestIntake_KeepsMultipartAsSent(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	body := "--x\r\ncontent-disposition: form-data; name=\"email\"\r\n\r\na@example.com\r\n--x--\r\nepilogue"
	if r := s.do(t, "POST", "/in/landing", body, "Content-Type: multipart/form-data; boundary=x"); r.StatusCode != http.StatusOK {
		t.Fatalf("got %d %s", r.StatusCode, r.body)
	}
	if d := s.journal.only(t); string(d.Body) != body {
		t.Errorf("got %q", d.Body)
	}
}

// Deliveries that outlive their request still hold what it sent, however many
// have used its buffers since.
func TestIntake_NothingAliasesTheServersBuffers(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	kept := make(map[string]*ingest.Delivery)
	s := start(t, func(_ *edge.Options, in *ingest.Intake, _ *journal) {
		in.Source = sender{verify: func(d *ingest.Delivery) error {
			mu.Lock()
			defer mu.Unlock()
			kept[d.ID] = d
			return nil
		}}
	})
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range 50 {
				mark := fmt.Sprintf("%d-%d-%s", worker, i, strings.Repeat("x", i))
				if r, err := s.try("POST", "/in/landing?mark="+mark, strings.NewReader("body "+mark), "X-Mark: "+mark); err != nil || r.StatusCode != http.StatusOK {
					t.Errorf("%s: %v", mark, err)
				}
			}
		})
	}
	wg.Wait()
	if len(kept) != 400 {
		t.Fatalf("%d deliveries, want 400", len(kept))
	}
	for id, d := range kept {
		_, mark, _ := strings.Cut(d.URL, "?mark=")
		if d.ID != id || d.Source != "landing" || d.Method != http.MethodPost || string(d.Body) != "body "+mark || d.Header.Get("X-Mark") != mark {
			t.Errorf("%s became %+v, body %q", mark, d.Header, d.Body)
		}
	}
}

func TestIntake_AnswersAsTheSourceWants(t *testing.T) {
	t.Parallel()
	f := func(answer ingest.Answer, status int, contentType, location, body string) {
		t.Helper()
		s := start(t, func(_ *edge.Options, in *ingest.Intake, _ *journal) {
			in.Respond = func(*ingest.Delivery, []ingest.Event) ingest.Answer { return answer }
		})
		r := s.do(t, "POST", "/in/landing", "x")
		if r.StatusCode != status || r.Header.Get("Location") != location || r.body != body ||
			!strings.HasPrefix(r.Header.Get("Content-Type"), contentType) {
			t.Errorf("%+v: got %d %v %q", answer, r.StatusCode, r.Header, r.body)
		}
	}
	f(ingest.Answer{Status: 200, ContentType: "application/json", Body: []byte("{}")}, 200, "application/json", "", "{}")
	f(ingest.Answer{Body: []byte("ok")}, 200, "text/plain", "", "ok")
	f(ingest.Answer{Status: 204}, 204, "", "", "")
	f(ingest.Answer{Status: 303, Location: "https://example.com/thanks?a=b"}, 303, "", "https://example.com/thanks?a=b", "")
	f(ingest.Answer{Location: "/thanks"}, 303, "", "/thanks", "")
}

func TestIntake_ChallengeWithoutBody(t *testing.T) {
	t.Parallel()
	s := start(t, func(_ *edge.Options, in *ingest.Intake, _ *journal) {
		in.Challenge = func(d *ingest.Delivery) (ingest.Answer, bool) {
			return ingest.Answer{Status: 200, Body: []byte("42")}, strings.HasSuffix(d.URL, "?challenge=42")
		}
	})
	for _, method := range []string{"GET", "POST"} {
		if r := s.do(t, method, "/in/landing?challenge=42", ""); r.StatusCode != http.StatusOK || r.body != "42" {
			t.Errorf("%s: got %d %q", method, r.StatusCode, r.body)
		}
	}
	if len(s.journal.deliveries(t)) != 0 {
		t.Error("a challenge was kept")
	}
	s.do(t, "POST", "/in/landing", "").wantError(t, 400, "malformed")
	s.do(t, "GET", "/in/landing", "").wantError(t, 405, "method_not_allowed")
}

func TestIntake_HandshakeByOptions(t *testing.T) {
	t.Parallel()
	s := start(t, func(_ *edge.Options, in *ingest.Intake, _ *journal) {
		in.Challenge = func(d *ingest.Delivery) (ingest.Answer, bool) {
			origin := d.Header.Get("Webhook-Request-Origin")
			return ingest.Answer{Status: 200, Header: map[string]string{"Webhook-Allowed-Origin": origin}}, origin != ""
		}
	})
	r := s.do(t, "OPTIONS", "/in/landing", "", "WebHook-Request-Origin: events.example.com")
	if r.StatusCode != http.StatusOK || r.Header.Get("WebHook-Allowed-Origin") != "events.example.com" || r.body != "" {
		t.Errorf("got %d %v %q", r.StatusCode, r.Header, r.body)
	}
	if r := s.do(t, "OPTIONS", "/in/landing", ""); r.StatusCode != http.StatusNoContent || r.Header.Get("Allow") == "" {
		t.Errorf("a plain question: got %d %v", r.StatusCode, r.Header)
	}
}

// A sender for whom an error's status means more than that gets its own.
func TestIntake_RefusesAsTheSourceWants(t *testing.T) {
	t.Parallel()
	s := start(t, func(_ *edge.Options, in *ingest.Intake, j *journal) {
		in.Refuse = func(r ingest.Refusal) (ingest.Answer, bool) {
			return ingest.Answer{Status: 503, ContentType: "text/plain", Body: []byte(r.Code)}, r.Status == 401 || r.Status == 503
		}
		in.Source = sender{verify: func(d *ingest.Delivery) error {
			if string(d.Body) == "forged" {
				return ingest.ErrUnverified
			}
			return nil
		}}
	})
	if r := s.do(t, "POST", "/in/landing", "forged"); r.StatusCode != 503 || r.body != "unverified" {
		t.Errorf("forged: got %d %q", r.StatusCode, r.body)
	}
	s.do(t, "POST", "/in/landing", "").wantError(t, 400, "malformed")
	s.journal.fail(ingest.ErrFull)
	if r := s.do(t, "POST", "/in/landing", "x"); r.StatusCode != 503 || r.body != "full" || r.Header.Get("Retry-After") == "" {
		t.Errorf("full: got %d %q %v", r.StatusCode, r.body, r.Header)
	}
}

func TestNew_Refuses(t *testing.T) {
	t.Parallel()
	acceptor := ingest.NewAcceptor(nil, nil)
	f := func(o edge.Options, want string) {
		t.Helper()
		if _, err := edge.New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	f(edge.Options{PublicURL: publicURL}, "acceptor")
	f(edge.Options{Acceptor: acceptor}, `public URL: not a URL such as https://leads.example.com (got "")`)
	f(edge.Options{Acceptor: acceptor, PublicURL: "leads.example.com"}, "public URL")
	f(edge.Options{Acceptor: acceptor, PublicURL: "https://a.example?b=c"}, "public URL")
	f(edge.Options{Acceptor: acceptor, PublicURL: publicURL, TrustedProxies: []string{"10.0.0.0/33", "proxy", "::1"}}, `"proxy"`)
}

func TestListen_BusyPort(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	e, err := edge.New(edge.Options{Acceptor: ingest.NewAcceptor(nil, nil), PublicURL: publicURL, Listen: ln.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	err = e.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), ln.Addr().String()) || !strings.Contains(err.Error(), "another address with listen") {
		t.Errorf("got %v", err)
	}
	for _, addr := range []string{"nonsense", "203.0.113.1:0", "127.0.0.1:99999"} {
		if _, err := edge.Listen(t.Context(), addr); err == nil || !strings.Contains(err.Error(), addr) {
			t.Errorf("%s: got %v", addr, err)
		}
	}
}

var errDisk = errors.New("write /data/journal/1: input/output error")
