package edge

import (
	"context"
	"sync"

	"github.com/leadgate/leadgate/ingest"
)

// acceptLarge is Acceptor.AcceptIf for a large body. As many as there are slots are
// verified and decoded at once: that takes several times their memory, and all
// processors from those who send little. Nobody holds a slot while the journal
// writes. Errors: errNoMemory besides.
func (e *Edge) acceptLarge(ctx context.Context, d *ingest.Delivery, admission ingest.Admission) (ingest.Answer, error) {
	select {
	case e.decoding <- struct{}{}:
	case <-ctx.Done():
		return ingest.Answer{}, errNoMemory
	}
	leave := sync.OnceFunc(func() { <-e.decoding })
	defer leave()
	return e.o.Acceptor.AcceptIf(ctx, d, decoded{leave, admission})
}

// decoded is asked when a delivery is verified and decoded.
type decoded struct {
	leave func()
	next  ingest.Admission // nil: nobody else is asked
}

// Admit implements ingest.Admission.
func (a decoded) Admit(ctx context.Context, d *ingest.Delivery, events int) error {
	a.leave()
	if a.next == nil {
		return nil
	}
	return a.next.Admit(ctx, d, events)
}
