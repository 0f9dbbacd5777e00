package drain

import (
	"context"
	"slices"

	"github.com/leadgate/leadgate/ingest"
)

// keepPending hands over what written events have yet to be asked for.
func (d *Drain) keepPending(stop, work context.Context, events []ingest.Event) error {
	if d.opts.Pending == nil || len(events) == 0 {
		return nil
	}
	return d.retry(stop, work, PendingStage, 0, func(ctx context.Context) error { return d.opts.Pending(ctx, events) })
}

// asksOf returns what a written batch's events have yet to be asked for.
// Deliveries that the store would not take are left out: their replay asks.
func asksOf(b *batch, rows *ingest.Batch) []ingest.Event {
	var events []ingest.Event
	for i := range b.items {
		it := &b.items[i]
		if it.again != nil {
			events = append(events, *it.again)
		}
		for n := range it.events {
			if asks(it, n) {
				events = append(events, it.events[n])
			}
		}
	}
	if len(events) == 0 {
		return nil
	}
	refused := make(map[string]bool)
	for i := range rows.Outcomes {
		if o := &rows.Outcomes[i]; o.Verdict == ingest.Quarantined {
			refused[o.Delivery.ID] = true
		}
	}
	return slices.DeleteFunc(events, func(e ingest.Event) bool { return refused[e.DeliveryID] })
}

// asks tells whether to ask for the whole of an item's event: if it is news, if
// its source says so in any case, or if somebody replays its delivery. That an
// announcement comes again after its event was fetched is no news, though it
// differs from what is known.
func asks(it *item, n int) bool {
	e := &it.events[n]
	switch {
	case e.Fetch == nil || it.delivery == nil:
		return false
	case e.Fetch.Again || it.delivery.Replay > 0:
		return true
	}
	decision := it.claims[n].Decision
	return decision == ingest.NewEvent || decision == ingest.UpdatedEvent && e.Version > ingest.AnnouncedVersion
}
