package edge

import (
	"context"
	"sync/atomic"
	"time"
)

// deadline gives requests a context that ends when their time is over. A context
// and a timer for each request would be a good part of what it costs: those that
// begin within a sixteenth of their time share one, which ends by that much later
// for the first of them.
type deadline struct {
	parent context.Context
	limit  time.Duration
	now    atomic.Pointer[span]
}

// span is the context of requests that begin before its end.
type span struct {
	ctx    context.Context
	cancel context.CancelFunc // nobody's: those who share it end at different times
	end    time.Time
}

// context returns the context of a request that begins now. It ends after limit
// at the earliest, a sixteenth of limit later at the latest, or with its parent.
func (d *deadline) context() context.Context {
	at := time.Now()
	shared := d.now.Load()
	if shared != nil && at.Before(shared.end) {
		return shared.ctx
	}
	share := d.limit / 16
	next := &span{end: at.Add(share)}
	next.ctx, next.cancel = context.WithTimeout(d.parent, d.limit+share)
	if d.now.CompareAndSwap(shared, next) {
		return next.ctx
	}
	next.cancel() // another request made the next one
	return d.context()
}
