package edge_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/edge"
)

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
		if r.StatusCode != http.StatusTeapot || r.body != "POST /api/v1/reports/cpl channel body" || fmt.Sprint(r.Header["X-Two"]) != "[1 2]" {
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
	if r := s.do(t, "POST", "/in/landing", "x"); r.StatusCode != http.StatusOK {
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
	if r := <-answered; r.Response == nil || r.StatusCode != http.StatusOK {
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
	err = <-s.done
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("got %v", err)
	}
	if r := <-answered; r.Response != nil {
		r.wantError(t, 503, "not_kept")
	}
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

// From the moment the stop begins /readyz says so, to whoever is connected
// still, while a request in flight is finished.
func TestShutdown_NotReadyWhileRequestsFinish(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *edge.Options, _ *ingest.Intake, j *journal) {
		o.ShutdownTimeout, o.ReadTimeout = 10*time.Second, time.Minute
		j.entered, j.hold = make(chan struct{}, 1), make(chan struct{})
	})
	if r := s.do(t, "GET", "/readyz", ""); r.StatusCode != http.StatusOK {
		t.Fatalf("got %d", r.StatusCode)
	}
	probe, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = probe.Close() }()
	if _, err := io.WriteString(probe, "GET /readyz HTTP/1.1\r\nHost: a\r\n"); err != nil {
		t.Fatal(err)
	}
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
	for { // until the stop has begun
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			break
		}
		_ = c.Close()
	}
	if _, err := io.WriteString(probe, "\r\n"); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(probe)
	if err != nil || !strings.HasPrefix(string(text), "HTTP/1.1 503") || !strings.Contains(string(text), `"message":"not ready"`) {
		t.Errorf("got %q, %v", text, err)
	}
	select {
	case r := <-answered:
		t.Fatalf("answered before it was kept: %+v", r)
	default:
	}
	close(s.journal.hold)
	if r := <-answered; r.Response == nil || r.StatusCode != http.StatusOK {
		t.Errorf("got %+v", r)
	}
	if err := <-s.done; err != nil {
		t.Error(err)
	}
	s.journal.only(t)
}
