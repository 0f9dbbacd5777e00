package edge_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/edge"
)

// A first-party delivery whose decoder hangs or panics cannot be checked: it is
// refused and not kept, and the sender's next one is answered.
func TestErrors_Decoder(t *testing.T) {
	t.Parallel()
	told := &told{}
	release := make(chan struct{})
	s := start(t, func(o *edge.Options, in *ingest.Intake, kept *journal) {
		o.Metrics = told
		o.Acceptor = ingest.NewAcceptor(map[string]*ingest.Intake{"landing": in}, kept)
		o.Acceptor.Decoders().Limit = 500 * time.Millisecond
		in.FirstParty = true
		in.Source = sender{decode: func(d *ingest.Delivery) ([]ingest.Event, error) {
			switch string(d.Body) {
			case "hang":
				<-release
				return nil, errors.New("late")
			case "panic":
				panic("secret-body")
			}
			return nil, nil
		}}
	})
	s.do(t, "POST", "/in/landing", "panic").wantError(t, 500, "internal")
	s.do(t, "POST", "/in/landing", "hang").wantError(t, 500, "internal")
	close(release)
	log := s.log.String()
	if !strings.Contains(log, "a decoder panicked") || !strings.Contains(log, "hang_test.go") || !strings.Contains(log, "a decoder hangs") || strings.Contains(log, "secret-body") {
		t.Errorf("log: %s", log)
	}
	if kept := s.journal.deliveries(t); len(kept) != 0 {
		t.Errorf("%d are kept", len(kept))
	}
	if told.count("panic") != 1 || told.count("landing internal") != 2 {
		t.Errorf("told %v", told.all())
	}
}

// The key of commands on the same machine opens the API, and does not count as
// one that is configured.
func TestAPI_ControlKey(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *edge.Options, _ *ingest.Intake, _ *journal) {
		o.API, o.ControlKey = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), "control-key"
	})
	if r := s.do(t, "GET", "/api/v1/x", "", "Authorization: Bearer control-key"); r.StatusCode != http.StatusOK {
		t.Errorf("got %d %s", r.StatusCode, r.body)
	}
	r := s.do(t, "GET", "/api/v1/x", "", "Authorization: Bearer other")
	r.wantError(t, 401, "unauthorized")
	if !strings.Contains(r.body, "the API has no keys") {
		t.Errorf("got %s", r.body)
	}
}
