package drain

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/leadgate/leadgate/ingest"
)

// item is one journal record on its way.
type item struct {
	at, next ingest.Position
	size     int
	// delivery is nil for a record that is none; data is then the record.
	delivery *ingest.Delivery
	data     []byte
	// verdict and reason are what decoding says: accepted, ignored or
	// quarantined; "" for a replay that changes nothing. Only accepted
	// deliveries have events.
	verdict ingest.Verdict
	// was is the verdict in the store, of a replay that may not change it; see
	// Replays.
	was    ingest.Verdict
	reason string
	events []ingest.Event
	claims []ingest.Claim // one for each event, once claimed
	again  *ingest.Event  // what a replay asks its platform for once more
}

// rows is the item's share of Options.MaxRows.
func (i *item) rows() int { return max(1, len(i.events)) }

// decode reads what the records mean, on half of the processors: the others have
// the batches before, and new deliveries, to deal with. The items stand in the
// order of the records.
func (d *Drain) decode(records []ingest.Record) []item {
	d.turn <- struct{}{}
	defer func() { <-d.turn }()
	items := make([]item, len(records))
	const share = 4
	workers := min(max(1, runtime.GOMAXPROCS(0)/2), (len(records)+share-1)/share)
	var next atomic.Int64
	work := func() {
		for {
			end := int(next.Add(share))
			if end-share >= len(records) {
				return
			}
			for i := end - share; i < min(end, len(records)); i++ {
				items[i] = d.decodeOne(&records[i])
			}
			runtime.Gosched() // new deliveries come first
		}
	}
	var wg sync.WaitGroup
	for range workers - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
	return items
}

func (d *Drain) decodeOne(record *ingest.Record) item {
	it := item{at: record.At, next: record.Next, size: len(record.Data), verdict: ingest.Quarantined}
	delivery, err := ingest.ParseDelivery(record.Data)
	if err != nil {
		it.data = record.Data
		return it
	}
	it.delivery = delivery
	intake, ok := d.opts.Intakes[delivery.Source]
	if !ok {
		it.reason = "its source is not configured any more"
		return d.voidReplay(it)
	}
	events, err := d.decoders.Decode(intake, delivery)
	if err == nil {
		events, err = onceEach(delivery, events)
	}
	var ignored *ingest.IgnoredError
	var again *ingest.AskAgainError
	var invalid *ingest.InvalidError
	var panicked *ingest.PanicError
	switch {
	case errors.As(err, &ignored):
		it.verdict, it.reason = ingest.IgnoredOne, redact(ignored.Reason)
	case errors.As(err, &again):
		it.verdict, it.reason, it.again = ingest.Duplicate, again.Error(), &again.Event
	case errors.As(err, &invalid):
		it.reason = redact(err.Error())
	case errors.As(err, &panicked):
		d.logger.Error("a decoder panicked; its delivery is quarantined",
			"source", delivery.Source, "delivery", delivery.ID, "err", panicked)
		it.reason = redact(panicked.Error())
	case errors.Is(err, ingest.ErrHung):
		d.logger.Error("a decoder hangs; its delivery is quarantined",
			"source", delivery.Source, "delivery", delivery.ID, "err", err)
		it.reason = redact(err.Error())
		return d.voidReplay(it)
	case err != nil:
		it.reason = redactError(err)
	case len(events) == 0:
		it.verdict, it.reason = ingest.IgnoredOne, "it holds no events"
	default:
		it.verdict, it.events = ingest.Accepted, events
	}
	return it
}

// voidReplay drops a replay that failed for reasons that are not the delivery's
// own, and perhaps pass: what was made of the delivery before stands. Other
// deliveries are left as they are.
func (d *Drain) voidReplay(it item) item {
	if it.delivery.Replay > 0 {
		d.logger.Warn("a replay changes nothing", "source", it.delivery.Source, "delivery", it.delivery.ID, "reason", it.reason)
		it.verdict, it.reason = "", ""
	}
	return it
}

var errEvent = errors.New("the decoder gave an event that is not whole")

// onceEach checks the events of one delivery and leaves each id once: of an
// immutable event the first stands, of a mutable one the latest version. Between
// deliveries that is the deduper's to decide; it lets one owner pass.
func onceEach(delivery *ingest.Delivery, events []ingest.Event) ([]ingest.Event, error) {
	for i := range events {
		if !whole(delivery, &events[i]) {
			return nil, errEvent
		}
	}
	if len(events) < 2 {
		return events, nil
	}
	kept := events[:0:0]
	at := make(map[string]int, len(events))
	for _, e := range events {
		i, known := at[e.ID]
		switch {
		case !known:
			at[e.ID] = len(kept)
			kept = append(kept, e)
		case e.Mutable && e.Version >= kept[i].Version:
			kept[i] = e
		}
	}
	return kept, nil
}

func whole(delivery *ingest.Delivery, e *ingest.Event) bool {
	if e.ID == "" || e.DeliveryID != delivery.ID || !e.ReceivedAt.Equal(delivery.ReceivedAt) {
		return false
	}
	switch e.Kind {
	case ingest.LeadKind:
		return e.Lead != nil
	case ingest.TouchKind:
		return e.Touch != nil
	case ingest.CostKind:
		return e.Cost != nil
	case ingest.StatusKind:
		return e.Status != nil
	default:
		return false
	}
}
