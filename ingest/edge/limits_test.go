package edge_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/edge"
)

// byBody is a source whose deliveries say in their body what is wrong with them,
// or how many events they are.
func byBody(intake *ingest.Intake) {
	intake.FirstParty = true
	intake.Source = sender{
		verify: func(d *ingest.Delivery) error {
			switch {
			case strings.HasPrefix(string(d.Body), "forged"):
				return ingest.ErrUnverified
			case strings.HasPrefix(string(d.Body), "away"):
				return ingest.ErrUnavailable
			}
			return nil
		},
		decode: func(d *ingest.Delivery) ([]ingest.Event, error) {
			var n int
			switch {
			case strings.HasPrefix(string(d.Body), "invalid"):
				return nil, &ingest.InvalidError{Fields: map[string]string{"email": "is none"}}
			case strings.HasPrefix(string(d.Body), "garbage"):
				return nil, ingest.ErrMalformed
			case strings.HasPrefix(string(d.Body), "ignored"):
				return nil, ingest.Ignored("a test")
			}
			_, _ = fmt.Sscanf(string(d.Body), "%d", &n)
			return make([]ingest.Event, n), nil
		},
	}
}

func (s *server) postFrom(t *testing.T, address, body string, header ...string) reply {
	t.Helper()
	return s.do(t, "POST", "/in/landing", body, append(header, "X-Forwarded-For: "+address)...)
}

// What is refused for what it is takes nothing from the source, however much of
// it comes from however many addresses: it is no way to keep genuine leads out.
func TestLimits_JunkTakesNothingFromTheSource(t *testing.T) {
	t.Parallel()
	const limit = 20
	s := start(t, func(o *edge.Options, intake *ingest.Intake, _ *journal) {
		o.TrustedProxies = []string{"127.0.0.1"}
		o.SourceLimits = edge.Limits{
			Deliveries: limiter(t, fmt.Sprint(limit, "/h")), Events: limiter(t, fmt.Sprint(limit, "/h")), Bytes: limiter(t, "1000000/h"),
		}
		byBody(intake)
	})
	for n := range 3 * limit {
		from := fmt.Sprintf("203.0.113.%d", n%5)
		s.postFrom(t, from, "forged").wantError(t, 401, "unverified")
		s.postFrom(t, from, "invalid").wantError(t, 422, "invalid_fields")
		s.postFrom(t, from, "garbage").wantError(t, 400, "malformed")
		s.postFrom(t, from, "").wantError(t, 400, "malformed")
		s.postFrom(t, from, "away").wantError(t, 503, "unavailable")
		s.do(t, "DELETE", "/in/landing", "x", "X-Forwarded-For: "+from).wantError(t, 405, "method_not_allowed")
	}
	for n := range limit {
		if r := s.postFrom(t, "198.51.100.7", "1 lead"); r.StatusCode != http.StatusOK {
			t.Fatalf("lead %d: %d %s", n, r.StatusCode, r.body)
		}
	}
	s.postFrom(t, "198.51.100.7", "1 lead").wantError(t, 429, "rate_limited")
	if n := len(s.journal.deliveries(t)); n != limit {
		t.Errorf("%d were persisted, want %d", n, limit)
	}
}

// tokensOf is a memory of tokens that tells what it was asked to remember.
type tokensOf struct{ remembered []string }

func (m *tokensOf) Seen(_ context.Context, _, token string) (bool, error) {
	return strings.HasPrefix(token, "used"), nil
}

func (m *tokensOf) Remember(_ context.Context, _, token string, _ time.Duration) error {
	m.remembered = append(m.remembered, token)
	return nil
}

// A token that was used takes nothing from the source either, and a limit does
// not use a token up: the sender's next try is taken.
func TestLimits_Tokens(t *testing.T) {
	t.Parallel()
	memory := &tokensOf{}
	s := start(t, func(o *edge.Options, intake *ingest.Intake, j *journal) {
		o.SourceLimits.Deliveries = limiter(t, "1/h")
		o.Acceptor = ingest.NewAcceptor(map[string]*ingest.Intake{"landing": intake}, j)
		o.Acceptor.RememberTokens(memory)
		intake.ReplayToken = func(d *ingest.Delivery) (string, time.Duration) { return string(d.Body), time.Hour }
	})
	for range 3 {
		s.do(t, "POST", "/in/landing", "used before").wantError(t, 409, "replayed")
	}
	if r := s.do(t, "POST", "/in/landing", "first"); r.StatusCode != http.StatusOK {
		t.Fatalf("got %d %s", r.StatusCode, r.body)
	}
	for range 3 {
		s.do(t, "POST", "/in/landing", "second").wantError(t, 429, "rate_limited")
	}
	if fmt.Sprint(memory.remembered) != "[first]" {
		t.Errorf("remembered %q", memory.remembered)
	}
}

func TestLimits_Events(t *testing.T) {
	t.Parallel()
	told := &told{}
	s := start(t, func(o *edge.Options, intake *ingest.Intake, _ *journal) {
		o.TrustedProxies = []string{"127.0.0.1"}
		o.AddressLimits.Events, o.SourceLimits.Events, o.Metrics = limiter(t, "1000/h"), limiter(t, "1200/h"), told
		byBody(intake)
	})
	accepted := func(from, body string) {
		t.Helper()
		if r := s.postFrom(t, from, body); r.StatusCode != http.StatusOK {
			t.Errorf("%s from %s: %d %s", body, from, r.StatusCode, r.body)
		}
	}
	accepted("203.0.113.1", "500 clicks")
	accepted("203.0.113.1", "499 clicks")
	r := s.postFrom(t, "203.0.113.1", "2 clicks")
	r.wantError(t, 429, "rate_limited")
	if r.Header.Get("RateLimit-Limit") != "1000" || r.Header.Get("RateLimit-Remaining") != "1" || r.Header.Get("Retry-After") == "" {
		t.Errorf("got %v", r.Header)
	}
	accepted("203.0.113.1", "ignored") // counts as one
	s.postFrom(t, "203.0.113.1", "1 click").wantError(t, 429, "rate_limited")
	s.postFrom(t, "203.0.113.2", "500 clicks").wantError(t, 429, "rate_limited") // the source's
	accepted("203.0.113.2", "200 clicks")
	if told.all()["landing limited by address_events"] != 2 || told.all()["landing limited by source_events"] != 1 {
		t.Errorf("told %v", told.all())
	}
	if n := len(s.journal.deliveries(t)); n != 4 {
		t.Errorf("%d were persisted, want 4", n)
	}
}

// A third-party webhook is not decoded before it is persisted: it is one event.
func TestLimits_EventsOfAWebhook(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *edge.Options, intake *ingest.Intake, _ *journal) {
		o.SourceLimits.Events = limiter(t, "2/h")
		byBody(intake)
		intake.FirstParty = false
	})
	for range 2 {
		if r := s.do(t, "POST", "/in/landing", "500 leads"); r.StatusCode != http.StatusOK {
			t.Errorf("got %d %s", r.StatusCode, r.body)
		}
	}
	s.do(t, "POST", "/in/landing", "500 leads").wantError(t, 429, "rate_limited")
}

// Bytes are those that are persisted: a body's after inflating, and the header's.
func TestLimits_Bytes(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *edge.Options, _ *ingest.Intake, _ *journal) {
		o.TrustedProxies = []string{"127.0.0.1"}
		o.AddressLimits.Bytes = limiter(t, "100000/h")
	})
	body := strings.Repeat("x", 60_000)
	if r := s.postFrom(t, "203.0.113.1", packed(t, []byte(body)), "Content-Encoding: gzip"); r.StatusCode != http.StatusOK {
		t.Errorf("got %d %s", r.StatusCode, r.body)
	}
	s.postFrom(t, "203.0.113.1", packed(t, []byte(body)), "Content-Encoding: gzip").wantError(t, 429, "rate_limited")
	header := "X-Padding: " + strings.Repeat("y", 12_000)
	for n := range 4 {
		r := s.postFrom(t, "203.0.113.1", "x", header)
		if want := n < 3; want != (r.StatusCode == http.StatusOK) {
			t.Errorf("a long header, the %d. time: %d", n+1, r.StatusCode)
		}
	}
	if r := s.postFrom(t, "203.0.113.2", strings.Repeat("x", 150_000)); r.StatusCode != http.StatusOK {
		t.Errorf("larger than the limit: %d %s", r.StatusCode, r.body)
	}
	s.postFrom(t, "203.0.113.2", "x").wantError(t, 429, "rate_limited")
}

// The /64s of a /48 are addresses of their own up to the limit of the /48, and
// what one of them sends beyond its own limit takes nothing from the others.
func TestLimits_Networks(t *testing.T) {
	t.Parallel()
	told := &told{}
	s := start(t, func(o *edge.Options, _ *ingest.Intake, _ *journal) {
		o.TrustedProxies = []string{"127.0.0.1"}
		o.AddressLimits.Deliveries, o.NetworkLimits.Deliveries, o.Metrics = limiter(t, "3/h"), limiter(t, "24/h"), told
		o.NetworkLimits.Events, o.NetworkLimits.Bytes = limiter(t, "1/h"), limiter(t, "1/h") // without an address's they say nothing
	})
	for range 50 {
		s.postFrom(t, "2001:db8:1:ffff::1", "x")
	}
	passed := 3
	for n := range 100 {
		r := s.postFrom(t, fmt.Sprintf("2001:db8:1:%x::%x", n, n), "x")
		if r.StatusCode == http.StatusOK {
			passed++
		}
	}
	if passed != 24 {
		t.Errorf("%d of a /48 passed, want 24", passed)
	}
	for _, other := range []string{"2001:db8:2::1", "203.0.113.9", "::ffff:203.0.113.10"} {
		if r := s.postFrom(t, other, "x"); r.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", other, r.StatusCode)
		}
	}
	if got := told.all(); got["landing limited by address"] != 47 || got["landing limited by network"] != 79 {
		t.Errorf("told %v", got)
	}
}
