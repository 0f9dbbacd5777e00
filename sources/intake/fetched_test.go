package intake_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/intake"
)

// What a platform would not tell is quarantined with its words; its replay asks
// again.
func TestIntake_FetchedInVain(t *testing.T) {
	t.Parallel()
	in := intake.Wrap(undecoded{}, ingest.SourceConfig{Name: "ads", Workspace: "w"}, intake.Options{})
	ref := ingest.Reference{Kind: "lead", ID: "77", Args: map[string]string{"form_id": "7"}}
	d, err := ingest.NewFetched("ads", ref, nil, time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	d.ID = "D1"
	d.Header.Set(ingest.FetchErrorHeader, "Unsupported get request")
	d.Header.Set(ingest.EventKindHeader, "lead")
	d.Header.Set(ingest.EventKeyHeader, "77")
	if _, err := in.Decode(d); err == nil || !strings.Contains(err.Error(), "Unsupported get request") {
		t.Errorf("got %v", err)
	}
	d.Replay = 1
	_, err = in.Decode(d)
	var again *ingest.AskAgainError
	if !errors.As(err, &again) {
		t.Fatalf("replayed: %v", err)
	}
	e := again.Event
	if e.ID != ingest.EventID("w", "ads", ingest.LeadKind, "77") || e.Source != "ads" || e.DeliveryID != "D1" ||
		e.Fetch == nil || e.Fetch.ID != "77" || e.Fetch.Args["form_id"] != "7" {
		t.Errorf("replayed: %+v", e)
	}
	d.Header.Del(ingest.EventKeyHeader)
	if _, err := in.Decode(d); !errors.Is(err, ingest.ErrMalformed) {
		t.Errorf("of no event: %v", err)
	}
	d.Header.Del(ingest.ReferenceHeader)
	if _, err := in.Decode(d); err == nil {
		t.Error("asked for nothing")
	}
}

// undecoded is a source that must not be asked.
type undecoded struct{}

func (undecoded) Verify(*ingest.Delivery) error { return nil }

func (undecoded) Decode(*ingest.Delivery) ([]ingest.Event, error) { panic("it is asked") }
