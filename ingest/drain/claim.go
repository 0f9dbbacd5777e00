package drain

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/leadgate/leadgate/ingest"
)

// claim asks which events of the batch count, however long that takes.
func (d *Drain) claim(stop, work context.Context, b *batch) error {
	var events []ingest.Event
	var replays replays
	for i := range b.items {
		it := &b.items[i]
		events = append(events, it.events...)
		if it.delivery != nil && it.delivery.Replay > 0 && it.verdict != "" && d.opts.Replays != nil {
			replays.add(it)
		}
	}
	if len(events) == 0 && len(replays.items) == 0 {
		return nil
	}
	return d.retry(stop, work, DedupeStage, 0, func(ctx context.Context) error {
		claims, err := d.claimOnce(ctx, events, &replays)
		if errors.Is(err, ingest.ErrEmpty) {
			d.logger.Info("the memory of event ids is empty: filling it from the store")
			if err := d.opts.Rebuild(ctx); err != nil {
				return fmt.Errorf("rebuild the memory of event ids: %w", err)
			}
			claims, err = d.claimOnce(ctx, events, &replays)
		}
		if err != nil {
			return err
		}
		for i := range b.items {
			n := len(b.items[i].events)
			b.items[i].claims, claims = claims[:n:n], claims[n:]
		}
		return nil
	})
}

// replays are a batch's replayed deliveries and what they mean now.
type replays struct {
	items      []*item
	deliveries []*ingest.Delivery
	events     []ingest.Event
}

func (r *replays) add(it *item) {
	r.items = append(r.items, it)
	r.deliveries = append(r.deliveries, it.delivery)
	r.events = append(r.events, it.events...)
}

// claimOnce first takes back what replays do not mean any more, each time: a
// rebuild of the memory brings it back.
func (d *Drain) claimOnce(ctx context.Context, events []ingest.Event, replays *replays) ([]ingest.Claim, error) {
	if len(replays.items) > 0 {
		ctx, cancel := context.WithTimeout(ctx, d.opts.WriteTimeout)
		defer cancel()
		was, err := d.opts.Replays.Supersede(ctx, replays.deliveries, replays.events)
		if err != nil {
			return nil, fmt.Errorf("look up what replayed deliveries meant: %w", err)
		}
		for _, it := range replays.items {
			it.was = was[it.delivery.ID]
		}
	}
	claims := make([]ingest.Claim, 0, len(events))
	for part := range slices.Chunk(events, claimRows) {
		answers, err := d.claimPart(ctx, part)
		if err != nil {
			return nil, err
		}
		claims = append(claims, answers...)
	}
	return claims, nil
}

// claimRows bounds the events of one round trip, so that a slow memory, or a
// busy machine, needs more time for a large batch but is never out of time with
// each attempt.
const claimRows = 1000

func (d *Drain) claimPart(ctx context.Context, events []ingest.Event) ([]ingest.Claim, error) {
	ctx, cancel := context.WithTimeout(ctx, d.opts.ClaimTimeout)
	defer cancel()
	claims, err := d.opts.Deduper.Claim(ctx, events)
	if err == nil && len(claims) != len(events) {
		err = fmt.Errorf("%d claims for %d events", len(claims), len(events))
	}
	return claims, err
}
