package dedupe_test

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/leadgate/leadgate/ingest"
)

// testReplays follows deliveries that are read again, perhaps by a decoder that
// was changed.
func testReplays(t *testing.T, client redis.UniversalClient) {
	m := opened(t, client)
	steps := func(steps ...claimStep) {
		t.Helper()
		for _, s := range steps {
			got := claim(t, m, s.event)
			if show(got) != s.want || s.event.Lead != nil && (got.ContactID != "") != (s.event.Lead.Person.Email != "") {
				t.Errorf("%s: %s, contact %q; want %s", s.name, show(got), got.ContactID, s.want)
			}
		}
	}
	a, b := lead("a", "d1", start, "ann@example.com", ""), lead("b", "d2", start.Add(day), "ann@example.com", "")
	none := lead("c", "d3", start.Add(2*day), "", "")
	steps(claimStep{"the first", a, "new"}, claimStep{"the second", b, "new of a"}, claimStep{"nobody", none, "new"},
		claimStep{"the first again", a, "new"}, claimStep{"the second again", b, "new of a"}, claimStep{"nobody again", none, "new"})

	found := lead("c", "d3", start.Add(2*day), "bob@example.com", "")
	steps(claimStep{"a person is found", found, "new"}, claimStep{"and again", found, "new"},
		claimStep{"and holds the window", lead("e", "d4", start.Add(3*day), "bob@example.com", ""), "new of c"})
	found.Lead.Test = true
	steps(claimStep{"it is a test after all", found, "new"},
		claimStep{"so another opens the window", lead("f", "d5", start.Add(4*day), "bob@example.com", ""), "new"})

	// The first is read as another event: it gives back its window and its id.
	release := func(delivery string) {
		t.Helper()
		for range 2 {
			if err := m.Release(t.Context(), []ingest.Known{{Workspace: "w", EventID: "a", DeliveryID: delivery}, {Workspace: "w", EventID: "unknown", DeliveryID: "d1"}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	release("d9") // not its owner
	steps(claimStep{"still the first's window", lead("g", "d6", start.Add(5*day), "ann@example.com", ""), "new of a"})
	release("d1")
	other := lead("a2", "d1", start, "ann@example.com", "")
	steps(claimStep{"the first by its new id", other, "new"}, claimStep{"the second keeps its answer", b, "new of a"},
		claimStep{"a third", lead("h", "d7", start.Add(6*day), "ann@example.com", ""), "new of a2"},
		claimStep{"the old id by somebody else", lead("a", "d8", start.Add(7*day), "ann@example.com", ""), "new of a2"})

	// Of two states with one version the later delivery's stands.
	state := func(delivery, name string) ingest.Event {
		e := mutable(lead("call", delivery, start, "", "+14155550100"), name)
		e.Version = 7
		return e
	}
	for _, s := range []claimStep{
		{"ringing", state("e1", "ringing"), "new"}, {"answered", state("e2", "answered"), "update"},
		{"ringing, replayed", state("e1", "ringing"), "duplicate"}, {"answered, replayed", state("e2", "answered"), "update"},
	} {
		if got := claim(t, m, s.event); show(got) != s.want {
			t.Errorf("%s: %s, want %s", s.name, show(got), s.want)
		}
	}
	flush(t, client)
	release("d1") // of an empty memory: no error
}

type claimStep struct {
	name  string
	event ingest.Event
	want  string
}
