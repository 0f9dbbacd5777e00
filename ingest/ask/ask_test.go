package ask_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/ask"
)

var _ ingest.CertificateStore = (*ask.Certificates)(nil)

var noon = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)

// platform is what stands at every address of platform.example.
func platform(t *testing.T, handler http.HandlerFunc) ask.Options {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return ask.Options{
		Allowed:   func(u *url.URL) bool { return u.Host == "platform.example" },
		Transport: transport, Timeout: 5 * time.Second, Retry: time.Millisecond,
		Now: func() time.Time { return noon },
	}
}

func newPEM(t *testing.T, from, to time.Time) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "platform"}, NotBefore: from, NotAfter: to}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func TestCertificates_AsksOnce(t *testing.T) {
	t.Parallel()
	text := newPEM(t, noon.Add(-time.Hour), noon.Add(time.Hour))
	var asked atomic.Int64
	release := make(chan struct{})
	o := platform(t, func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		<-release
		_, _ = w.Write(text)
	})
	now := noon
	o.Now = func() time.Time { return now }
	store := ask.NewCertificates(o)
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if c, err := store.Certificate("https://platform.example/a.pem"); err != nil || c.SerialNumber.Int64() != 7 {
				t.Errorf("got %v, %v", c, err)
			}
		})
	}
	close(release)
	group.Wait()
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	// One that has run out is asked for again, and refused.
	now = noon.Add(2 * time.Hour)
	if _, err := store.Certificate("https://platform.example/a.pem"); !errors.Is(err, ingest.ErrUnavailable) || asked.Load() != 2 {
		t.Errorf("an old certificate: %v after %d questions", err, asked.Load())
	}
}

func TestCertificates_RefusesWhatIsNone(t *testing.T) {
	t.Parallel()
	good := newPEM(t, noon.Add(-time.Hour), noon.Add(time.Hour))
	var asked atomic.Int64
	var elsewhere atomic.Int64
	o := platform(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		switch r.URL.Path {
		case "/not-found.pem":
			http.NotFound(w, r)
		case "/redirect.pem":
			http.Redirect(w, r, "https://platform.example/target.pem", http.StatusFound)
		case "/target.pem":
			elsewhere.Add(1)
			_, _ = w.Write(good)
		case "/large.pem":
			_, _ = w.Write(append(bytes.Repeat([]byte("\n"), 1<<20), good...))
		case "/key.pem":
			_, _ = w.Write(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")}))
		case "/broken.pem":
			_, _ = w.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}))
		case "/future.pem":
			_, _ = w.Write(newPEM(t, noon.Add(time.Hour), noon.Add(2*time.Hour)))
		}
	})
	store := ask.NewCertificates(o)
	for _, name := range []string{"not-found", "redirect", "large", "key", "broken", "future", "empty"} {
		if _, err := store.Certificate("https://platform.example/" + name + ".pem"); !errors.Is(err, ingest.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if elsewhere.Load() > 0 {
		t.Error("a redirect was followed")
	}
	// Nobody else is asked, and a failure is not asked for again at once.
	before := asked.Load()
	for _, address := range []string{
		"http://platform.example/a.pem", "https://other.example/a.pem", "https://u:p@platform.example/a.pem", "https://platform.example:8443/a.pem",
		"://", "file:///etc/passwd", "https://platform.example/not-found.pem",
	} {
		if _, err := store.Certificate(address); !errors.Is(err, ingest.ErrUnavailable) {
			t.Errorf("%s: %v", address, err)
		}
	}
	if asked.Load() != before {
		t.Errorf("asked %d times more", asked.Load()-before)
	}
}

func TestCertificates_RecoversFromFailure(t *testing.T) {
	t.Parallel()
	text := newPEM(t, noon.Add(-time.Hour), noon.Add(time.Hour))
	var broken atomic.Bool
	broken.Store(true)
	now := noon
	o := platform(t, func(w http.ResponseWriter, _ *http.Request) {
		if broken.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write(text)
	})
	o.Now = func() time.Time { return now }
	store := ask.NewCertificates(o)
	const address = "https://platform.example/a.pem"
	if _, err := store.Certificate(address); !errors.Is(err, ingest.ErrUnavailable) {
		t.Fatal(err)
	}
	broken.Store(false)
	now = now.Add(10 * time.Second)
	if _, err := store.Certificate(address); err != nil {
		t.Error(err)
	}
}

func TestConfirmer_TriesUntilItSucceeds(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	done := make(chan string, 1)
	o := platform(t, func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) < 3 {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		done <- r.URL.RequestURI()
	})
	var log syncBuffer
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	c := ask.NewConfirmer(o)
	c.Confirm("ses", "https://platform.example/?Action=ConfirmSubscription&Token=secret-token")
	select {
	case got := <-done:
		if got != "/?Action=ConfirmSubscription&Token=secret-token" {
			t.Errorf("asked %s", got)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("not confirmed")
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if text := log.String(); strings.Contains(text, "secret-token") {
		t.Errorf("the log holds the token: %s", text)
	}
	c.Confirm("ses", "https://platform.example/late")
	if n := asked.Load(); n != 3 {
		t.Errorf("asked %d times", n)
	}
}

// What cannot be done is given up, with a word of what to do.
func TestConfirmer_GivesUp(t *testing.T) {
	t.Parallel()
	o := platform(t, func(http.ResponseWriter, *http.Request) { t.Error("somebody else was asked") })
	var log syncBuffer
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	o.Retry = time.Nanosecond
	c := ask.NewConfirmer(o)
	c.Confirm("ses", "https://other.example/?Token=x")
	for end := time.Now().Add(20 * time.Second); !strings.Contains(log.String(), "send the request again"); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not give up")
		}
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// Closing does not wait for a platform that does not answer.
func TestConfirmer_Close(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 1)
	o := platform(t, func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	})
	o.Timeout = time.Hour
	c := ask.NewConfirmer(o)
	c.Confirm("ses", "https://platform.example/")
	<-asked
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
