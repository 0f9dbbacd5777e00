package drain

import (
	"context"
	"errors"
	"fmt"

	"github.com/leadgate/leadgate/ingest"
)

// claim asks which events of the batch count, however long that takes.
func (d *Drain) claim(stop, work context.Context, b *batch) error {
	var events []ingest.Event
	for i := range b.items {
		events = append(events, b.items[i].events...)
	}
	if len(events) == 0 {
		return nil
	}
	return d.retry(stop, work, DedupeStage, 0, func(ctx context.Context) error {
		claims, err := d.claimOnce(ctx, events)
		if errors.Is(err, ingest.ErrEmpty) {
			d.logger.Info("the memory of event ids is empty: filling it from the store")
			if err := d.opts.Rebuild(ctx); err != nil {
				return fmt.Errorf("rebuild the memory of event ids: %w", err)
			}
			claims, err = d.claimOnce(ctx, events)
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

func (d *Drain) claimOnce(ctx context.Context, events []ingest.Event) ([]ingest.Claim, error) {
	ctx, cancel := context.WithTimeout(ctx, d.opts.ClaimTimeout)
	defer cancel()
	claims, err := d.opts.Deduper.Claim(ctx, events)
	if err == nil && len(claims) != len(events) {
		err = fmt.Errorf("%d claims for %d events", len(claims), len(events))
	}
	return claims, err
}
