package dedupe_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/dedupe"
	"github.com/leadgate/leadgate/ingest/identity"
)

// forgetful is a store under whose reading Redis is restarted, after so many rows.
type forgetful struct {
	rows
	after  int
	forget func()
}

func (f *forgetful) Known(ctx context.Context, since time.Time, yield func(ingest.Known) error) error {
	n := 0
	return f.rows.Known(ctx, since, func(k ingest.Known) error {
		if n++; n == f.after {
			f.forget()
		}
		return yield(k)
	})
}

// A Redis that is restarted while it is filled is not opened with what was
// written since alone: somebody whose first lead is among the rest would count
// twice. The next rebuild fills all of it.
func testLostMeanwhile(t *testing.T, client redis.UniversalClient) {
	var stored rows
	for i := range 120 { // a round trip has fifty calls, each of one workspace
		k := known(fmt.Sprint("l", i), fmt.Sprint("d", i), 0, ingest.UniqueLead, "", fmt.Sprint("c", i), fmt.Sprintf("p%d@example.com", i), "")
		if i%60 != 7 {
			k.Workspace = fmt.Sprint("w", i%60)
		}
		stored = append(stored, k)
	}
	for i, after := range []int{55, 110, 120} {
		m := dedupe.New(client, dedupe.Options{Identify: identity.Of, Prefix: fmt.Sprint(i), Now: func() time.Time { return start }})
		again := lead("again", "d", start, "p7@example.com", "")
		store := &forgetful{rows: stored, after: after, forget: func() {
			flush(t, client)
			if err := client.ScriptFlush(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
		}}
		if err := m.Rebuild(t.Context(), store); err == nil {
			t.Errorf("restarted after %d rows: the rebuild is done", after)
		}
		if _, err := m.Claim(t.Context(), []ingest.Event{again}); !errors.Is(err, dedupe.ErrEmpty) {
			t.Errorf("restarted after %d rows: %v, want ErrEmpty", after, err)
		}
		if err := m.Rebuild(t.Context(), stored); err != nil {
			t.Fatal(err)
		}
		if got := claim(t, m, again); got.DuplicateOf != "l7" {
			t.Errorf("restarted after %d rows: %s", after, show(got))
		}
	}
}
