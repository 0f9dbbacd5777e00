package edge_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/edge"
)

// A sender that adds paths to its address is the source's, under its name, its
// limit and its way to be refused; for all other sources there is nothing there.
func TestBelow(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *edge.Options, in *ingest.Intake, _ *journal) {
		in.Below = true
		in.Refuse = func(r ingest.Refusal) (ingest.Answer, bool) {
			return ingest.Answer{Status: r.Status, Body: []byte("no: " + r.Code)}, true
		}
		o.MaxBody = func(source string) int64 {
			if source == "landing" {
				return 100
			}
			return 1 << 20
		}
	})
	for _, path := range []string{"/in/landing/events/summary?x=%41", "/in/landing/", "/in/landing"} {
		if r := s.do(t, "POST", path, "x"); r.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s", path, r.StatusCode, r.body)
		}
	}
	all := s.journal.deliveries(t)
	if len(all) != 3 || all[0].Source != "landing" || !strings.HasSuffix(all[0].URL, "/in/landing/events/summary?x=%41") {
		t.Errorf("%d deliveries are kept, the first %+v", len(all), all[0])
	}
	if r := s.do(t, "POST", "/in/landing/events", strings.Repeat("x", 101)); r.StatusCode != 413 || r.body != "no: too_large" {
		t.Errorf("too large: %d %s", r.StatusCode, r.body)
	}
	if r := s.do(t, "DELETE", "/in/landing/events", "x"); r.StatusCode != 405 {
		t.Errorf("DELETE: %d", r.StatusCode)
	}
	s.do(t, "POST", "/in/nobody/events", "x").wantError(t, 404, "not_found")
	s.do(t, "POST", "/in//events", "x").wantError(t, 404, "not_found")
}
