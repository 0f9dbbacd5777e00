package drain_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/leadgate/leadgate/ingest"
)

// announcer is fakeSource whose leads have yet to be asked for.
type announcer struct{ fakeSource }

func (a announcer) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	events, err := a.fakeSource.Decode(d)
	for i := range events {
		if events[i].Mutable {
			events[i].Fetch = &ingest.Reference{Kind: "lead", ID: events[i].Key, Again: events[i].Key == "again"}
		}
	}
	return events, err
}

// asked collects what is handed over, by event.
type asked struct {
	ids  []string
	fail int
}

func (a *asked) pending(_ context.Context, events []ingest.Event) error {
	if a.fail > 0 {
		a.fail--
		return errors.New("disk full")
	}
	for _, e := range events {
		a.ids = append(a.ids, e.ID)
	}
	return nil
}

func announcing(key string, version uint64, email string) thing {
	return thing{Kind: ingest.LeadKind, Key: key, Mutable: true, Version: version, Email: email}
}

func TestPending_NewsOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, a := newRig(t), &asked{fail: 3}
		r.opts.Intakes["landing"].Source, r.opts.Pending = announcer{}, a.pending
		r.things(announcing("a", ingest.AnnouncedVersion, ""), announcing("b", ingest.AnnouncedVersion, ""))
		r.things(announcing("a", ingest.AnnouncedVersion, "")) // again: a duplicate
		r.lead("c", "kim@example.com")                         // whole already
		r.drained()
		if !slices.Equal(a.ids, []string{"a", "b"}) {
			t.Fatalf("asked for %v", a.ids)
		}
		a.ids = nil
		r.things(announcing("a", 99, "ann@example.com"))        // what was fetched, and names more to fetch
		r.things(announcing("b", ingest.AnnouncedVersion, "x")) // differs from what is known, and is no news
		r.things(announcing("again", ingest.AnnouncedVersion, ""))
		r.things(announcing("again", ingest.AnnouncedVersion, ""))
		r.drained()
		if !slices.Equal(a.ids, []string{"a", "again", "again"}) {
			t.Fatalf("asked for %v", a.ids)
		}
	})
}

func TestPending_ReplayAsksAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, a := newRig(t), &asked{}
		r.opts.Intakes["landing"].Source, r.opts.Pending = announcer{}, a.pending
		r.things(announcing("a", ingest.AnnouncedVersion, ""))
		r.things(announcing("a", ingest.AnnouncedVersion, ""))
		r.drained()
		for _, data := range []int{0, 1} {
			d, err := ingest.ParseDelivery(r.log.records[data].Data)
			if err != nil {
				t.Fatal(err)
			}
			d.Replay = 1
			r.log.append(ingest.AppendDelivery(nil, d))
		}
		r.drained()
		if !slices.Equal(a.ids, []string{"a", "a", "a"}) {
			t.Errorf("asked for %v", a.ids)
		}
	})
}

// It is on disk before the commit, and what the store refuses is left out.
func TestPending_BeforeTheCommit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, a := newRig(t), &asked{}
		r.opts.Intakes["landing"].Source, r.opts.Pending = announcer{}, a.pending
		r.things(announcing("a", ingest.AnnouncedVersion, ""))
		r.things(announcing("bad", ingest.AnnouncedVersion, ""))
		refuse := func(b ingest.Batch, do func()) error {
			if slices.ContainsFunc(b.Events, func(e ingest.Event) bool { return e.ID == "bad" }) {
				return &ingest.RejectedError{Err: errors.New("no")}
			}
			do()
			return nil
		}
		r.crash(func(die func() error) {
			r.sink.onWrite = refuse
			r.log.onCommit = func(func()) error { return die() }
		})
		if !slices.Equal(a.ids, []string{"a"}) {
			t.Fatalf("before the commit: %v", a.ids)
		}
		r.sink.onWrite = refuse
		r.drained()
		if !slices.Equal(a.ids, []string{"a", "a"}) {
			t.Errorf("after the crash: %v", a.ids)
		}
	})
}

// What was asked for in vain is asked for again when somebody replays it, and
// changes nothing that is stored.
func TestPending_AskAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, a := newRig(t), &asked{}
		r.opts.Intakes["landing"].Source, r.opts.Pending = vain{}, a.pending
		id := r.send("vain")
		r.drained()
		if o := r.sink.outcome(id); o.Verdict != ingest.Quarantined || len(a.ids) > 0 {
			t.Fatalf("%+v, asked for %v", o, a.ids)
		}
		d, err := ingest.ParseDelivery(r.log.records[0].Data)
		if err != nil {
			t.Fatal(err)
		}
		d.Replay = 1
		r.log.append(ingest.AppendDelivery(nil, d))
		r.drained()
		if o := r.sink.outcome(id); o.Verdict != ingest.Duplicate || o.Events != 0 || !slices.Equal(a.ids, []string{"lead"}) {
			t.Errorf("%+v, asked for %v", o, a.ids)
		}
	})
}

// vain is a source whose platform said no.
type vain struct{ fakeSource }

func (vain) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	if d.Replay == 0 {
		return nil, errors.New("no such object")
	}
	return nil, &ingest.AskAgainError{Event: ingest.Event{ID: "lead", DeliveryID: d.ID, Fetch: &ingest.Reference{Kind: "lead", ID: "7"}}}
}
