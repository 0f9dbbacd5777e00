package drain

import (
	"context"
	"time"
)

// heldUpEvery is how often a drain that is held up says so again.
const heldUpEvery = time.Minute

// tellHeldUp logs every minute, until ctx ends, that something is held up: a
// stage that fails, or an attempt that takes longer than a minute while
// deliveries wait.
func (d *Drain) tellHeldUp(ctx context.Context) {
	tick := time.NewTicker(heldUpEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			d.tellOnce()
		}
	}
}

func (d *Drain) tellOnce() {
	s, now := d.Stat(), d.opts.Now()
	var backlog int64
	if d.opts.BacklogBytes != nil {
		backlog = d.opts.BacklogBytes()
	}
	waiting := time.Duration(0)
	if !s.Uncommitted.IsZero() {
		waiting = now.Sub(s.Uncommitted)
	}
	switch {
	case !s.Failing.IsZero():
		d.logger.Warn("drain is still held up; deliveries are persisted in the journal", "stage", s.Stage, "attempts", s.Attempts,
			"err", s.Err, "since", s.Failing.UTC().Format(time.RFC3339), "oldest_waits", waiting.Round(time.Second), "backlog_bytes", backlog)
	case waiting >= heldUpEvery && now.Sub(s.LastBatch) >= heldUpEvery:
		d.logger.Warn("drain has counted nothing for a while, though nothing failed; deliveries are persisted in the journal",
			"oldest_waits", waiting.Round(time.Second), "in_flight", s.InFlight, "backlog_bytes", backlog)
	}
}
