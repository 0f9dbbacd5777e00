package drain

import (
	"context"
	"errors"
	"fmt"

	"github.com/leadgate/leadgate/ingest"
)

// claim asks which events of the batch count, however long that takes. What
// needs the store to know everything that was claimed earlier waits until the
// batch before is settled.
func (d *Drain) claim(ctx context.Context, b, before *batch) error {
	events := 0
	var replays replays
	for i := range b.items {
		it := &b.items[i]
		events += len(it.events)
		if it.delivery != nil && it.delivery.Replay > 0 && it.verdict != "" && d.opts.Replays != nil {
			replays.add(it)
		}
	}
	if events == 0 && len(replays.items) == 0 {
		return nil
	}
	if len(replays.items) > 0 {
		if err := settled(ctx, before); err != nil {
			return err
		}
	}
	return d.retry(ctx, ctx, DedupeStage, 0, func(ctx context.Context) error {
		err := d.claimOnce(ctx, b.items, events, &replays)
		if !errors.Is(err, ingest.ErrEmpty) {
			return err
		}
		if err := settled(ctx, before); err != nil {
			return err
		}
		d.logger.Info("the memory of event ids is empty: filling it from the store")
		if err := d.opts.Rebuild(ctx); err != nil {
			return fmt.Errorf("rebuild the memory of event ids: %w", err)
		}
		return d.claimOnce(ctx, b.items, events, &replays)
	})
}

// settled waits for a batch, which nothing after it can join any more.
func settled(ctx context.Context, b *batch) error {
	select {
	case <-b.awaited:
	default:
		close(b.awaited)
	}
	select {
	case <-b.settled:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
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
func (d *Drain) claimOnce(ctx context.Context, items []item, events int, replays *replays) error {
	if len(replays.items) > 0 {
		ctx, cancel := context.WithTimeout(ctx, d.opts.WriteTimeout)
		defer cancel()
		was, err := d.opts.Replays.Supersede(ctx, replays.deliveries, replays.events)
		if err != nil {
			return fmt.Errorf("look up what replayed deliveries meant: %w", err)
		}
		for _, it := range replays.items {
			it.was = was[it.delivery.ID]
		}
	}
	claims := make([]ingest.Claim, 0, events)
	part := make([]ingest.Event, 0, min(events, claimRows))
	for i := range items {
		for rest := items[i].events; len(rest) > 0; {
			n := min(len(rest), claimRows-len(part))
			part, rest = append(part, rest[:n]...), rest[n:]
			if events -= n; len(part) < claimRows && events > 0 {
				continue
			}
			answers, err := d.claimPart(ctx, part)
			if err != nil {
				return err
			}
			claims, part = append(claims, answers...), part[:0]
		}
	}
	for i := range items {
		n := len(items[i].events)
		items[i].claims, claims = claims[:n:n], claims[n:]
	}
	return nil
}

// claimRows bounds the events of one round trip, so that a slow memory, or a
// busy machine, needs more time for a large batch but is never out of time with
// each attempt, and so that who else asks the same Redis, a shared limit at the
// door, waits for some milliseconds only.
const claimRows = 250

func (d *Drain) claimPart(ctx context.Context, events []ingest.Event) ([]ingest.Claim, error) {
	ctx, cancel := context.WithTimeout(ctx, d.opts.ClaimTimeout)
	defer cancel()
	claims, err := d.opts.Deduper.Claim(ctx, events)
	if err == nil && len(claims) != len(events) {
		err = fmt.Errorf("%d claims for %d events", len(claims), len(events))
	}
	return claims, err
}
