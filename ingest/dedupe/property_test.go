package dedupe_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/dedupe"
	"github.com/leadgate/leadgate/ingest/identity"
)

// world is a store, a journal and a memory between them, for one run.
type world struct {
	t       *testing.T
	random  *rand.Rand
	client  redis.UniversalClient
	memory  *dedupe.Memory
	now     time.Time
	journal []ingest.Event        // not yet stored
	sent    map[string]bool       // event ids
	store   map[string]storedLead // by event id
	log     []string
}

type storedLead struct {
	event ingest.Event
	known ingest.Known
}

// testProperties throws deliveries, retries, updates, crashes between claim
// and write, lost memories and rebuilds at the memory and looks at the store.
func testProperties(t *testing.T, client redis.UniversalClient) {
	for seed := range uint64(12) {
		w := &world{t: t, random: rand.New(rand.NewPCG(seed, 1)), client: client, now: start,
			sent: map[string]bool{}, store: map[string]storedLead{}}
		w.memory = dedupe.New(client, dedupe.Options{
			Identify: identity.Of, Prefix: fmt.Sprintf("%d:", seed), Workspaces: []string{"w"}, Now: func() time.Time { return w.now },
		})
		for step := range 150 {
			w.deliver(step)
			switch w.random.IntN(12) {
			case 0:
				w.drain(true)
			case 1, 2, 3, 4:
				w.drain(false)
			case 5:
				if err := w.memory.Clear(t.Context()); err != nil {
					t.Fatal(err)
				}
				w.log = append(w.log, "lost")
			}
		}
		w.drain(false)
		w.check(seed)
		if t.Failed() {
			for _, line := range w.log {
				t.Log(line)
			}
			return
		}
	}
}

// deliver appends a delivery: mostly of a new lead, else of a known one again.
func (w *world) deliver(step int) {
	w.now = w.now.Add(time.Duration(w.random.Int64N(int64(2 * day))))
	n := step
	if w.random.IntN(3) == 0 {
		n = max(0, step-w.random.IntN(4))
	}
	person := rand.New(rand.NewPCG(uint64(n), 2)).IntN(5)
	var email, phone string
	switch n % 3 {
	case 0:
		email = fmt.Sprintf("p%d@example.com", person)
	case 1:
		phone = fmt.Sprintf("+1415555010%d", person)
	default: // several addresses share a phone
		email, phone = fmt.Sprintf("p%d@example.com", person), fmt.Sprintf("+1415555010%d", person/2)
	}
	e := lead(fmt.Sprint("lead", n), fmt.Sprint("d", step), w.now, email, phone)
	if n%4 == 0 {
		e = mutable(e, fmt.Sprint(w.random.IntN(2)))
		e.Lead.Test = w.random.IntN(4) == 0
	}
	w.journal = append(w.journal, e)
	w.sent[e.ID] = true
}

// drain claims what is in the journal and stores it, unless it crashes between.
func (w *world) drain(crash bool) {
	events := w.journal
	if crash && len(events) > 1 { // the batch after the crash is another
		events = events[:1+w.random.IntN(len(events)-1)]
	}
	claims, err := w.memory.Claim(w.t.Context(), events)
	for errors.Is(err, dedupe.ErrEmpty) {
		if err := w.memory.Rebuild(w.t.Context(), w); err != nil {
			w.t.Fatal(err)
		}
		claims, err = w.memory.Claim(w.t.Context(), events)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	for i, c := range claims {
		w.log = append(w.log, fmt.Sprintf("%s %s %s test=%v crash=%v %v: %s contact %.4s", events[i].ReceivedAt.Format(time.DateTime),
			events[i].ID, events[i].DeliveryID, events[i].Lead.Test, crash, events[i].Lead.Person, show(c), c.ContactID))
	}
	if crash {
		return
	}
	for i, c := range claims {
		w.write(events[i], c)
	}
	w.journal = nil
}

// write does what the drain and a ReplacingMergeTree do with a claimed event.
func (w *world) write(e ingest.Event, c ingest.Claim) {
	before, exists := w.store[e.ID]
	if exists && c.Decision == ingest.NewEvent {
		w.t.Errorf("%s of %s is new, but stored already", e.ID, e.DeliveryID)
	}
	if c.Decision == ingest.DuplicateEvent {
		return
	}
	verdict := ingest.UniqueLead
	switch {
	case e.Lead.Test:
		verdict = ingest.TestLead
	case c.DuplicateOf != "":
		verdict = ingest.DuplicateLead
	}
	if exists && before.known.Verdict == ingest.DuplicateLead && verdict == ingest.UniqueLead {
		w.t.Errorf("%s was a duplicate and is unique", e.ID)
	}
	if exists && before.known.Verdict == ingest.UniqueLead && verdict == ingest.DuplicateLead {
		w.t.Errorf("%s was unique and is a duplicate", e.ID)
	}
	if exists && (before.known.ContactID != c.ContactID || !before.known.ReceivedAt.Equal(c.FirstReceived)) {
		w.t.Errorf("%s changed its contact or time of receipt", e.ID)
	}
	w.store[e.ID] = storedLead{event: e, known: ingest.Known{
		Workspace: "w", Kind: ingest.LeadKind, EventID: e.ID, DeliveryID: e.DeliveryID, ReceivedAt: c.FirstReceived,
		Version: e.Version, ContactID: c.ContactID, Verdict: verdict, DuplicateOf: c.DuplicateOf,
		Email: e.Lead.Person.Email, Phone: e.Lead.Person.Phone,
	}}
}

// Known makes the world's store a Loader.
func (w *world) Known(_ context.Context, since time.Time, yield func(ingest.Known) error) error {
	for _, stored := range w.sorted() {
		if !stored.known.ReceivedAt.Before(since) {
			if err := yield(stored.known); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *world) sorted() []storedLead {
	return slices.SortedFunc(maps.Values(w.store), func(a, b storedLead) int {
		return a.known.ReceivedAt.Compare(b.known.ReceivedAt)
	})
}

// check holds the store against the rules.
func (w *world) check(seed uint64) {
	for id := range w.sent {
		if _, ok := w.store[id]; !ok {
			w.t.Errorf("seed %d: %s is lost", seed, id)
		}
	}
	leads := w.sorted()
	for i, a := range leads {
		if a.known.Verdict == ingest.DuplicateLead {
			first, ok := w.store[a.known.DuplicateOf]
			if !ok {
				w.t.Errorf("seed %d: %s is a duplicate of %s, which nobody stored", seed, a.event.ID, a.known.DuplicateOf)
			} else if d := a.known.ReceivedAt.Sub(first.known.ReceivedAt).Abs(); d >= 30*day {
				w.t.Errorf("seed %d: %s is a duplicate of %s, %v away", seed, a.event.ID, first.event.ID, d)
			}
		}
		for _, b := range leads[i+1:] {
			p, q := a.event.Lead.Person, b.event.Lead.Person
			same := p.Email != "" && p.Email == q.Email || p.Phone != "" && p.Phone == q.Phone
			if same && a.known.Verdict == ingest.UniqueLead && b.known.Verdict == ingest.UniqueLead &&
				b.known.ReceivedAt.Sub(a.known.ReceivedAt) < 30*day {
				w.t.Errorf("seed %d: %s and %s are one person and both unique", seed, a.event.ID, b.event.ID)
			}
		}
	}
}
