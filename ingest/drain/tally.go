package drain

import (
	"strings"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// Tally tells what was written of a batch, or of several that were written
// together.
type Tally struct {
	ID         string // of the first
	Deliveries []Settled
	Events     int
	// Leads counts those that are not a replay's.
	Leads map[LeadCount]int
}

// Settled is a delivery that was written.
type Settled struct {
	Source     string
	Verdict    ingest.Verdict
	ReceivedAt time.Time
	Replay     bool
}

// LeadCount is what leads are counted by.
type LeadCount struct {
	Source  string
	Verdict ingest.LeadVerdict
}

// written is what is kept of batches until they are committed. None of it keeps
// the memory of a record.
type written struct {
	Tally

	started time.Time
	to      ingest.Position
	records int
	asks    []ingest.Event
	names   map[string]string // of sources
}

func newWritten(b *batch) written {
	return written{
		Tally: Tally{ID: b.id, Leads: make(map[LeadCount]int)}, started: b.started, names: make(map[string]string),
	}
}

// add adds a batch and what was written of it.
func (w *written) add(b *batch, rows *ingest.Batch) {
	w.to = b.to()
	w.records += len(b.items)
	w.Events += len(rows.Events)
	w.asks = append(w.asks, asksOf(b, rows)...)
	replayed := make(map[string]bool)
	for i := range rows.Outcomes {
		o := &rows.Outcomes[i]
		again := o.Delivery.Replay > 0
		if again {
			replayed[o.Delivery.ID] = true
		}
		w.Deliveries = append(w.Deliveries, Settled{w.name(o.Delivery.Source), o.Verdict, o.Delivery.ReceivedAt, again})
	}
	for i := range rows.Events {
		if e := &rows.Events[i]; e.Lead != nil && !replayed[e.DeliveryID] {
			w.Leads[LeadCount{w.name(e.Source), e.Lead.Verdict}]++
		}
	}
}

// name returns a source's name as it was first seen.
func (w *written) name(source string) string {
	name, ok := w.names[source]
	if !ok {
		name = strings.Clone(source)
		w.names[name] = name
	}
	return name
}
