package ingest

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// TokenMemory remembers which tokens were used (see Tokened). It need not
// answer: what it does not know, or cannot say in time, passes, since a memory
// must not cost a lead. It is safe for concurrent use.
type TokenMemory interface {
	Seen(ctx context.Context, source, token string) (bool, error)
	Remember(ctx context.Context, source, token string, ttl time.Duration) error
}

// tokens refuses what is sent again under a token that was used. A token is
// remembered after the journal has its delivery: remembered before, it would
// turn the sender's own retry away after a crash between the two, and the lead
// with it. So such a crash lets one replay through, and the same message under
// its own id is then a duplicate.
type tokens struct {
	memory TokenMemory // nil remembers nothing
	open   sync.Map    // those of deliveries that are being taken in
}

// check refuses a token that is known. What it returns must be called when the
// delivery was kept or was not.
func (t *tokens) check(ctx context.Context, intake *Intake, d *Delivery) (done func(kept bool), err error) {
	done = func(bool) {}
	if intake.ReplayToken == nil || t.memory == nil {
		return done, nil
	}
	token, ttl := intake.ReplayToken(d)
	if token == "" {
		return done, nil
	}
	source := d.Source
	key := [2]string{source, token}
	if _, taken := t.open.LoadOrStore(key, struct{}{}); taken {
		// Which of the two will be kept is not known yet.
		return done, fmt.Errorf("%w: another delivery with the same token is being taken in", ErrUnavailable)
	}
	if seen, err := t.memory.Seen(ctx, source, token); err == nil && seen {
		t.open.Delete(key)
		return done, fmt.Errorf("%w: its token was used before", ErrReplayed)
	}
	return func(kept bool) {
		if kept {
			_ = t.memory.Remember(ctx, source, token, ttl) // then it may pass once more
		}
		t.open.Delete(key)
	}, nil
}
