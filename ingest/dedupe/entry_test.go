package dedupe_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/dedupe"
)

// testIDs claims events and deliveries whose ids have all forms, which must not
// be taken for each other, and come back as they were.
func testIDs(t *testing.T, client redis.UniversalClient) {
	m := opened(t, client)
	digest := ingest.Digest("some", "event")
	ids := []string{
		digest, strings.ToUpper(digest), digest[:31] + "g", digest[:31], digest[:16], digest[:15], digest + "0",
		"0123456789:;<=>?", "30313233343536373839" + "3a3b3c3d3e3f", "a|b", "a", "\x10a", strings.Repeat("long", 60),
	}
	for i, id := range ids {
		at, email := start.Add(time.Duration(i)*time.Second), fmt.Sprintf("p%d@example.com", i)
		if got := claim(t, m, lead(id, "d", at, email, "")); show(got) != "new" {
			t.Errorf("%q: %s, want new", id, show(got))
		}
		again := lead(id+" again", "d", at.Add(time.Hour), email, "")
		for range 2 {
			if got := claim(t, m, again); got.DuplicateOf != id || !got.FirstReceived.Equal(again.ReceivedAt) {
				t.Errorf("%q: %+v", id, got)
			}
		}
	}

	deliveries := []string{
		"01ARZ3NDEKTSV4RRFFQ69G5FAV", "01ARZ3NDEKTSV4RRFFQ69G5FAW", "01arz3ndektsv4rrffq69g5fav", "81ARZ3NDEKTSV4RRFFQ69G5FAV",
		"01ARZ3NDEKTSV4RRFFQ69G5FAU", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "d", digest,
	}
	for i, owner := range deliveries {
		id := fmt.Sprint("owned", i)
		for _, delivery := range append([]string{owner}, deliveries...) {
			want := "duplicate"
			if delivery == owner {
				want = "new"
			}
			if got := claim(t, m, event(ingest.TouchKind, id, delivery, start)); show(got) != want {
				t.Errorf("of %s by %s: %s, want %s", owner, delivery, show(got), want)
			}
		}
	}

	// Of two states with one version, the later delivery's stands.
	for i, late := range []string{"01ARZ3NDEKTSV4RRFFQ69G5FAW", "01BRZ3NDEKTSV4RRFFQ69G5FAV", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"} {
		state := mutable(lead(fmt.Sprint("state", i), "01ARZ3NDEKTSV4RRFFQ69G5FAV", start, "", ""), "early")
		claim(t, m, state)
		state = mutable(lead(state.ID, late, start, "", ""), "late")
		if got := claim(t, m, state); show(got) != "update" {
			t.Errorf("by %s: %s, want update", late, show(got))
		}
		state = mutable(lead(state.ID, "01ARZ3NDEKTSV4RRFFQ69G5FAV", start, "", ""), "early")
		if got := claim(t, m, state); show(got) != "duplicate" {
			t.Errorf("after %s: %s, want duplicate", late, show(got))
		}
	}
	far := mutable(lead("far", "d1", start, "", ""), "far")
	far.Version = 1<<63 + 1<<20
	claim(t, m, far)
	near := mutable(lead("far", "d2", start, "", ""), "near")
	if got := claim(t, m, near); show(got) != "update" { // which changes nothing: far's state stands
		t.Errorf("an older state: %s", show(got))
	}
	if got := claim(t, m, far); show(got) != "new" {
		t.Errorf("the owner of a far version: %s", show(got))
	}
}

// testOlder meets what a version of another layout left in Redis, or wrote
// there since.
func testOlder(t *testing.T, client redis.UniversalClient) {
	m := opened(t, client)
	first := lead("l1", "d1", start, "ann@example.com", "")
	claim(t, m, first)
	if err := client.Set(t.Context(), "lg:{w}:epoch", "1772366400000000", day).Err(); err != nil {
		t.Fatal(err)
	}
	again := lead("l3", "d3", start.Add(2*day), "ann@example.com", "")
	if _, err := m.Claim(t.Context(), []ingest.Event{again}); !errors.Is(err, dedupe.ErrEmpty) {
		t.Fatalf("claim beside an older version: %v, want ErrEmpty", err)
	}
	// What that counted meanwhile is in the store.
	if err := m.Rebuild(t.Context(), rows{known("l2", "d2", -day, ingest.UniqueLead, "", "c2", "bob@example.com", "")}); err != nil {
		t.Fatal(err)
	}
	if n := client.Exists(t.Context(), "lg:{w}:epoch").Val(); n != 0 {
		t.Error("the older version is not told that its memory is gone")
	}
	if got := claim(t, m, again); got.DuplicateOf != "l1" {
		t.Errorf("of the memory from before: %s", show(got))
	}
	if got := claim(t, m, lead("l4", "d4", start, "bob@example.com", "")); got.DuplicateOf != "l2" {
		t.Errorf("of what the older version counted: %s", show(got))
	}
}
