package drain

import (
	"log/slog"

	"github.com/leadgate/leadgate/ingest"
)

// Dry says what a kept record would come to if none of its events were known,
// and nobody had asked before: its outcome, and the events as they would be
// stored. It changes nothing. The outcome has no Delivery if the record is none.
func Dry(record []byte, intakes map[string]*ingest.Intake) (ingest.Outcome, []ingest.Event) {
	d := &Drain{opts: Options{Intakes: intakes}, logger: slog.New(slog.DiscardHandler)}
	it := d.decodeOne(&ingest.Record{Data: record})
	if it.delivery == nil {
		return ingest.Outcome{Verdict: ingest.Quarantined, Reason: "it is not a delivery record"}, nil
	}
	it.claims = make([]ingest.Claim, len(it.events))
	for i := range it.events {
		it.claims[i] = ingest.Claim{Decision: ingest.NewEvent, FirstReceived: it.events[i].ReceivedAt}
	}
	batch := rowsOf("", []item{it})
	return batch.Outcomes[0], batch.Events
}
