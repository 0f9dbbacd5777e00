package drain

import (
	"context"
	"errors"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// Stat is the state of a drain. The counts run since New.
type Stat struct {
	Batches, Deliveries, Events, Quarantined uint64
	// Aside counts records that could neither be read nor stored and are kept
	// in files in Dir, and manifests that were set aside there.
	Aside uint64
	// Stuck counts the decoders that hang now, Abandoned those given up so far.
	Stuck     int
	Abandoned uint64
	// Committed is how far the journal is dealt with, and Uncommitted when the
	// oldest record behind it came in: zero if there is none. The lag is the
	// time since then.
	Committed   ingest.Position
	Uncommitted time.Time
	// InFlight is the number of deliveries in the batch that is written, or if
	// there is none, prepared, and Oldest when the first of them was received.
	InFlight int
	Oldest   time.Time
	// LastBatch is when a batch was last committed.
	LastBatch time.Time
	// Stage, Err and Failing tell what is being retried, why, and since when, of
	// several things what began first; Failing is zero if all is well. Err holds
	// no personal data.
	Stage   Stage
	Err     string
	Failing time.Time
	// Attempts counts the failed attempts since Failing.
	Attempts int
}

// Stat returns the state of the drain. It does no I/O of its own.
func (d *Drain) Stat() Stat {
	d.mu.Lock()
	s := d.stat
	under := d.writing
	if under.deliveries == 0 {
		under = d.preparing
	}
	s.InFlight, s.Oldest = under.deliveries, under.oldest
	for stage, f := range d.failing {
		if s.Failing.IsZero() || f.since.Before(s.Failing) {
			s.Stage, s.Err, s.Failing, s.Attempts = stage, f.err, f.since, f.attempts
		}
	}
	d.mu.Unlock()
	s.Committed = d.opts.Log.Committed()
	s.Stuck, s.Abandoned = d.decoders.Stuck()
	if d.opts.Backlog != nil {
		_, s.Uncommitted = d.opts.Backlog()
	}
	return s
}

func (d *Drain) note(change func(*Stat)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(&d.stat)
}

// announce wakes those who wait for commits.
func (d *Drain) announce() {
	d.mu.Lock()
	defer d.mu.Unlock()
	close(d.changed)
	d.changed = make(chan struct{})
}

// Drained waits until everything before upTo is counted: in the store, and
// committed. It returns ctx's error if that ends first.
func (d *Drain) Drained(ctx context.Context, upTo ingest.Position) error {
	return d.wait(ctx, func() bool { return !d.opts.Log.Committed().Less(upTo) })
}

// WaitIdle waits until everything that was appended to the journal before the
// call is counted. It needs Options.Backlog.
func (d *Drain) WaitIdle(ctx context.Context) error {
	if d.opts.Backlog == nil {
		return errors.New("drain: waiting needs Options.Backlog")
	}
	end, _ := d.opts.Backlog()
	return d.wait(ctx, func() bool {
		if !d.opts.Log.Committed().Less(end) {
			return true
		}
		// The end may be the start of a segment that holds nothing yet.
		_, oldest := d.opts.Backlog()
		return oldest.IsZero()
	})
}

func (d *Drain) wait(ctx context.Context, done func() bool) error {
	for {
		d.mu.Lock()
		changed := d.changed
		d.mu.Unlock()
		if done() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
