package drain

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// slowMemory needs its time for each event.
type slowMemory struct{ calls, largest int }

func (m *slowMemory) Claim(ctx context.Context, events []ingest.Event) ([]ingest.Claim, error) {
	m.calls++
	m.largest = max(m.largest, len(events))
	select {
	case <-time.After(time.Duration(len(events)) * 2 * time.Millisecond):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	claims := make([]ingest.Claim, len(events))
	for i := range events {
		claims[i] = ingest.Claim{Decision: ingest.NewEvent, ContactID: events[i].ID}
	}
	return claims, nil
}

// A memory that could not claim a large batch within one timeout claims it
// nevertheless, and at the first attempt.
func TestClaim_LargeBatchInASlowMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := &slowMemory{}
		d := &Drain{opts: Options{Deduper: memory}, logger: slog.New(slog.DiscardHandler)}
		setDefaults(&d.opts)
		const events = 4*claimRows + 1 // 40 s, where 30 s are the timeout
		b := &batch{}
		for n := range events {
			id := fmt.Sprint(n)
			b.items = append(b.items, item{delivery: &ingest.Delivery{ID: id}, events: []ingest.Event{{ID: id}}})
		}
		if err := d.claim(t.Context(), b, nil); err != nil {
			t.Fatal(err)
		}
		if memory.calls != 5 || memory.largest != claimRows {
			t.Errorf("%d calls, the largest of %d events", memory.calls, memory.largest)
		}
		for n, it := range b.items {
			if len(it.claims) != 1 || it.claims[0].ContactID != it.events[0].ID {
				t.Fatalf("event %d got %v", n, it.claims)
			}
		}
	})
}
