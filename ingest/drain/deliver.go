package drain

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/leadgate/leadgate/ingest"
)

// deliver writes items under the given id, however long that takes, and returns
// what was written. If the store will never take them all, it halves them until
// the deliveries at fault stand alone: these are stored as quarantined, without
// their events. The ids of the parts are derived, so the parts are the same
// after a crash.
func (d *Drain) deliver(stop, work context.Context, id string, items []item) (ingest.Batch, error) {
	unreadable := func(it item) bool { return it.delivery == nil }
	if slices.ContainsFunc(items, unreadable) {
		for i := range items {
			if err := d.setUnreadableAside(stop, work, &items[i]); err != nil {
				return ingest.Batch{}, err
			}
		}
		items = slices.DeleteFunc(slices.Clone(items), unreadable)
	}
	if len(items) == 0 {
		return ingest.Batch{ID: id}, nil
	}
	return d.deliverPart(stop, work, id, items)
}

func (d *Drain) deliverPart(stop, work context.Context, id string, items []item) (ingest.Batch, error) {
	b := rowsOf(id, items)
	err := d.write(stop, work, b)
	var rejected *ingest.RejectedError
	if !errors.As(err, &rejected) {
		return b, err
	}
	if len(items) == 1 {
		return d.quarantine(stop, work, id, items[0], rejected)
	}
	d.logger.Warn("the store rejects a batch; looking for the delivery at fault",
		"batch", id, "deliveries", len(items), "err", redactError(rejected))
	half := len(items) / 2
	left, err := d.deliverPart(stop, work, ingest.Digest("left", id), items[:half])
	if err != nil {
		return ingest.Batch{}, err
	}
	right, err := d.deliverPart(stop, work, ingest.Digest("right", id), items[half:])
	if err != nil {
		return ingest.Batch{}, err
	}
	return ingest.Batch{
		ID:       id,
		Outcomes: append(left.Outcomes, right.Outcomes...),
		Events:   append(left.Events, right.Events...),
	}, nil
}

func (d *Drain) write(stop, work context.Context, b ingest.Batch) error {
	return d.retry(stop, work, SinkStage, d.opts.WriteTimeout, func(ctx context.Context) error {
		return d.opts.Sink.Write(ctx, b)
	})
}

// quarantine stores what became of a delivery that the store rejects. If it
// rejects even that, the delivery goes to a file and the rest goes on.
func (d *Drain) quarantine(stop, work context.Context, id string, it item, cause *ingest.RejectedError) (ingest.Batch, error) {
	reason := redact("the store " + redactError(cause))
	d.logger.Error("a delivery is quarantined: the store rejects it",
		"source", it.delivery.Source, "delivery", it.delivery.ID, "err", reason)
	b := ingest.Batch{ID: ingest.Digest("quarantine", id), Outcomes: []ingest.Outcome{{
		Delivery: it.delivery, Verdict: ingest.Quarantined, Reason: reason, Events: len(it.events),
	}}}
	err := d.write(stop, work, b)
	var rejected *ingest.RejectedError
	if !errors.As(err, &rejected) {
		return b, err
	}
	record := ingest.AppendDelivery(nil, it.delivery)
	if err := d.setAside(stop, work, it.at, record, redactError(rejected)); err != nil {
		return ingest.Batch{}, err
	}
	return ingest.Batch{ID: id}, nil
}

func (d *Drain) setUnreadableAside(stop, work context.Context, it *item) error {
	if it.delivery != nil {
		return nil
	}
	return d.setAside(stop, work, it.at, it.data, "it is not a delivery record")
}

// setAside keeps a record that nothing else can hold in a file of Dir, named by
// its position, in the journal's form.
func (d *Drain) setAside(stop, work context.Context, at ingest.Position, record []byte, reason string) error {
	name := fmt.Sprintf("aside-%020d-%020d.record", at.Segment, at.Offset)
	err := d.retry(stop, work, ManifestStage, 0, func(context.Context) error {
		return writeFile(d.opts.Dir, name, record)
	})
	if err != nil {
		return err
	}
	d.note(func(s *Stat) { s.Aside++ })
	d.logger.Error("a record is kept in a file beside the journal: it can neither be read nor stored",
		"file", name, "dir", d.opts.Dir, "err", reason)
	return nil
}
