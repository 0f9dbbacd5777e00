package dedupe_test

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/leadgate/leadgate/ingest"
)

// A Redis at its maxmemory refuses a claim as a whole, and it can be made
// again when there is room.
func TestIntegrationMemory_Full(t *testing.T) {
	t.Parallel()
	client := realClient(t)
	m := opened(t, client)
	first, second := lead("l1", "d1", start, "a@example.com", ""), lead("l2", "d2", start, "a@example.com", "")
	limit := func(bytes string) {
		t.Helper()
		if err := client.ConfigSet(t.Context(), "maxmemory", bytes).Err(); err != nil {
			t.Fatal(err)
		}
	}
	claim(t, m, first)
	limit("1")
	if _, err := m.Claim(t.Context(), []ingest.Event{second}); !redis.HasErrorPrefix(err, "OOM") {
		t.Errorf("claim in a full Redis: %v, want OOM", err)
	}
	limit("0")
	for range 2 {
		if got := claim(t, m, second); got.DuplicateOf != "l1" {
			t.Errorf("after the refusal: %s", show(got))
		}
	}
}
