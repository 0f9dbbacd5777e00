package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leadgate/leadgate/analytics/clickhouse"
	"github.com/leadgate/leadgate/analytics/clickhouse/clickhousetest"
	"github.com/leadgate/leadgate/analytics/schema"
	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/dedupe"
	"github.com/leadgate/leadgate/ingest/drain"
	"github.com/leadgate/leadgate/ingest/identity"
	"github.com/leadgate/leadgate/ingest/journal"
)

// shifty is a source whose decoder can be changed: what it reads from a body's
// things is up to meaning.
type shifty struct{ meaning atomic.Pointer[meaning] }

type meaning func(*ingest.Delivery, int, *shiftyThing) (ingest.Event, error)

type shiftyThing struct {
	Kind    ingest.Kind
	Key     string
	Email   string
	Visitor string
	Note    string
	Mutable bool
}

func (*shifty) Verify(*ingest.Delivery) error { return nil }

func (s *shifty) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	var things []shiftyThing
	if err := json.Unmarshal(d.Body, &things); err != nil {
		return nil, fmt.Errorf("%w: not things", ingest.ErrMalformed)
	}
	events := make([]ingest.Event, 0, len(things))
	for i := range things {
		e, err := (*s.meaning.Load())(d, i, &things[i])
		if err != nil {
			return nil, err
		}
		events = append(events, e)
	}
	return events, nil
}

// plain is the decoder before any change.
func plain(d *ingest.Delivery, _ int, t *shiftyThing) (ingest.Event, error) {
	e := ingest.Event{
		ID: ingest.EventID("default", d.Source, t.Kind, t.Key), Kind: t.Kind, Key: t.Key, Mutable: t.Mutable,
		Version: uint64(d.ReceivedAt.UnixMicro()), Workspace: "default", Source: d.Source,
		DeliveryID: d.ID, ReceivedAt: d.ReceivedAt, OccurredAt: d.ReceivedAt,
	}
	switch t.Kind {
	case ingest.LeadKind:
		e.Lead = &ingest.Lead{ExternalID: t.Key, VisitorID: t.Visitor, FormName: t.Note, Person: ingest.Person{Email: t.Email}}
	case ingest.TouchKind:
		e.Touch = &ingest.Touch{VisitorID: t.Visitor, PageURL: t.Note}
	case ingest.CostKind:
		e.Cost = &ingest.Cost{Platform: "google", Day: "2026-01-02", Campaign: t.Note, Amount: 12_500_000, Currency: "EUR"}
	case ingest.StatusKind:
		e.Status = &ingest.Status{Email: t.Email, Status: t.Note}
	}
	return e, nil
}

// works are a journal, a drain, the memory and the real engine, with a source
// whose decoder can be changed.
type works struct {
	t        *testing.T
	conn     *clickhouse.Conn
	journal  *journal.Log
	memory   *dedupe.Memory
	source   *shifty
	settings *Settings
	options  drain.Options
	clock    time.Time
	sent     int
}

func newWorks(t *testing.T) *works {
	t.Helper()
	engine := clickhousetest.Start(t)
	var err error
	w := &works{t: t, source: &shifty{}, clock: time.Now().UTC().Add(-48 * time.Hour).Truncate(time.Second)}
	if w.conn, err = clickhouse.Open(clickhouse.Options{URL: engine.URL()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closes(t, w.conn) })
	if _, err := schema.Migrate(t.Context(), w.conn, schema.Params{}); err != nil {
		t.Fatal(err)
	}
	w.means(plain)
	intake := &ingest.Intake{Config: ingest.SourceConfig{Name: "shifty", Workspace: "default"}, Source: w.source}
	config := DefaultConfig()
	config.DataDir = t.TempDir()
	w.settings = &Settings{Config: config, Intakes: map[string]*ingest.Intake{"shifty": intake}}
	if w.journal, err = journal.Open(w.settings.journalOptions()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closes(t, w.journal) })
	w.forget()
	return w
}

func closes(t *testing.T, c interface{ Close() error }) {
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func (w *works) means(m meaning) { w.source.meaning.Store(&m) }

// forget begins with an empty memory, as after a restart.
func (w *works) forget() {
	redis := dedupe.NewEmbedded(time.Now)
	w.t.Cleanup(func() { closes(w.t, redis) })
	w.memory = dedupe.New(redis.Client(), dedupe.Options{Identify: identity.Of, Workspaces: []string{"default"}})
	sink := clickhouse.NewSink(w.conn, clickhouse.SinkOptions{Workspaces: map[string]string{"shifty": "default"}})
	w.options = drain.Options{
		Log: w.journal, Intakes: w.settings.Intakes, Deduper: w.memory, Sink: sink,
		Rebuild: func(ctx context.Context) error { return w.memory.Rebuild(ctx, clickhouse.NewLoader(w.conn)) },
		Replays: &supersede{usable: func(context.Context) (*clickhouse.Conn, error) { return w.conn, nil }, memory: w.memory},
		Dir:     filepath.Join(w.settings.DataDir, "drain"), FlushInterval: time.Millisecond,
		Backlog: func() (ingest.Position, time.Time) {
			stat := w.journal.Stat()
			return stat.End, stat.OldestUncommitted
		},
	}
}

// send appends a delivery and returns its id. A second lies between two.
func (w *works) send(things ...shiftyThing) string {
	w.t.Helper()
	body, err := json.Marshal(things)
	if err != nil {
		w.t.Fatal(err)
	}
	w.sent++
	w.clock = w.clock.Add(time.Second)
	d := &ingest.Delivery{
		ID: fmt.Sprintf("01KE%022d", w.sent), Source: "shifty", ReceivedAt: w.clock, Method: "POST", URL: "http://x/in/shifty", Body: body,
	}
	if err := w.journal.Append(w.t.Context(), ingest.AppendDelivery(nil, d)); err != nil {
		w.t.Fatal(err)
	}
	return d.ID
}

// drained carries all that the journal has into the store.
func (w *works) drained() {
	w.t.Helper()
	d, err := drain.New(w.options)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	wait, release := context.WithTimeout(ctx, 2*time.Minute)
	defer release()
	if err := d.WaitIdle(wait); err != nil {
		w.t.Errorf("not drained: %v: %+v", err, d.Stat())
	}
	cancel()
	if err := <-done; err != nil {
		w.t.Fatal(err)
	}
}

func (w *works) replay(request replayRequest) replayAnswer {
	w.t.Helper()
	r := &replayer{settings: w.settings, conn: w.conn, journal: w.journal}
	var total replayAnswer
	for {
		answer, err := r.run(w.t.Context(), request)
		if err != nil {
			w.t.Fatal(err)
		}
		total.Queued += answer.Queued
		total.Expired += answer.Expired
		total.Unconfigured += answer.Unconfigured
		total.ExpiredIDs = append(total.ExpiredIDs, answer.ExpiredIDs...)
		total.Unknown = append(total.Unknown, answer.Unknown...)
		if request.After = answer.Next; answer.Next == "" {
			return total
		}
	}
}

func (w *works) ask(query string) string {
	w.t.Helper()
	var out strings.Builder
	if err := w.conn.Print(w.t.Context(), &out, query, clickhouse.TSV); err != nil {
		w.t.Fatal(err)
	}
	return strings.ReplaceAll(strings.TrimSpace(out.String()), "\t", "|")
}

// picture is all that the views show.
func (w *works) picture() string {
	w.t.Helper()
	var all []string
	for _, query := range []string{
		"SELECT * FROM leads ORDER BY lead_id", "SELECT * FROM submissions ORDER BY lead_id", "SELECT * FROM contacts ORDER BY contact_id",
		"SELECT * FROM touches ORDER BY touch_id, visitor_id", "SELECT * FROM costs ORDER BY cost_id", "SELECT * FROM statuses ORDER BY status_id",
		"SELECT * EXCEPT (version) FROM deliveries ORDER BY delivery_id",
	} {
		all = append(all, query, w.ask(query))
	}
	return strings.Join(all, "\n")
}

func (w *works) want(query, rows string) {
	w.t.Helper()
	if got := w.ask(query); got != rows {
		w.t.Errorf("%s\n got %s\nwant %s", query, got, rows)
	}
}

// merge has the engine put all parts together, as it may at any time.
func (w *works) merge() {
	w.t.Helper()
	for _, table := range []string{"leads_log", "contacts_log", "touches_log", "costs_log", "cost_slices_log", "statuses_log", "deliveries_log"} {
		if err := w.conn.Exec(w.t.Context(), "OPTIMIZE TABLE "+table+" FINAL"); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *works) sendEverything() {
	w.send(shiftyThing{Kind: ingest.LeadKind, Key: "a", Email: "ann@example.com", Visitor: "v1"})
	w.send(shiftyThing{Kind: ingest.LeadKind, Key: "b", Email: "ann@example.com"})                // the same person
	w.send(shiftyThing{Kind: ingest.LeadKind, Key: "a", Email: "ann@example.com", Visitor: "v1"}) // the same lead
	w.send(shiftyThing{Kind: ingest.LeadKind, Key: "c"})                                          // an interest
	w.send(shiftyThing{Kind: ingest.TouchKind, Key: "t1", Visitor: "v1", Note: "https://x.example/?utm_source=g"},
		shiftyThing{Kind: ingest.TouchKind, Key: "t2", Visitor: "v2"})
	w.send(shiftyThing{Kind: ingest.CostKind, Key: "k", Note: "spring", Mutable: true})
	w.send(shiftyThing{Kind: ingest.CostKind, Key: "k", Note: "summer", Mutable: true})
	w.send(shiftyThing{Kind: ingest.CostKind, Key: "k", Note: "spring", Mutable: true}) // as at first
	w.send(shiftyThing{Kind: ingest.StatusKind, Key: "s", Email: "ann@example.com", Note: "won"})
	w.send(shiftyThing{Kind: ingest.LeadKind, Key: "call", Note: "ringing", Email: "bob@example.com", Mutable: true})
	w.send(shiftyThing{Kind: ingest.LeadKind, Key: "call", Note: "answered", Email: "bob@example.com", Mutable: true})
}

var everything = replayRequest{From: &time.Time{}, Source: "shifty"}

func TestIntegrationReplay_ChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorks(t)
	w.sendEverything()
	w.drained()
	before := w.picture()
	w.want("SELECT verdict, count() FROM leads GROUP BY verdict ORDER BY verdict", "duplicate|1\ninterest|1\nunique|2")
	for round := range 3 {
		if round == 2 {
			w.forget()
		}
		if answer := w.replay(replayRequest{Source: "shifty", Limit: 3}); answer.Queued != 11 || answer.Expired != 0 {
			t.Errorf("round %d: %+v", round, answer)
		}
		w.drained()
		if after := w.picture(); after != before {
			t.Errorf("round %d: before\n%s\nafter\n%s", round, before, after)
		}
		w.want("SELECT count(), max(version) FROM deliveries WHERE bitShiftRight(version, 8) = "+fmt.Sprint(round+1), fmt.Sprintf("11|%d", (round+1)<<8|4))
		w.want("SELECT count(), uniqExact(delivery_id) FROM raw_log", "11|11")
		w.merge()
		if after := w.picture(); after != before {
			t.Errorf("round %d, merged: before\n%s\nafter\n%s", round, before, after)
		}
	}
	// One by one, and the first of several states: the latest stands.
	w.replay(replayRequest{IDs: []string{"01KE0000000000000000000006", "01KE0000000000000000000010", "01KE0000000000000000000002"}})
	w.drained()
	if after := w.picture(); after != before {
		t.Errorf("some: before\n%s\nafter\n%s", before, after)
	}
}

// A decoder that reads other content under the same keys replaces rows.
func TestIntegrationReplay_ChangedContent(t *testing.T) {
	t.Parallel()
	w := newWorks(t)
	w.sendEverything()
	w.drained()
	counts := `SELECT (SELECT count() FROM leads), (SELECT count() FROM submissions), (SELECT count() FROM touches), (SELECT count() FROM costs),
		(SELECT count() FROM statuses), (SELECT count() FROM deliveries), (SELECT count() FROM leads WHERE verdict = 'unique')`
	w.want(counts, "4|4|2|1|1|11|2")
	w.means(func(d *ingest.Delivery, i int, thing *shiftyThing) (ingest.Event, error) {
		e, err := plain(d, i, thing)
		switch {
		case e.Touch != nil: // under another sorting key
			e.Touch.VisitorID, e.OccurredAt = "new-"+thing.Visitor, d.ReceivedAt.Add(-time.Minute)
		case e.Lead != nil:
			e.Lead.FormID = "form"
			e.Version /= 2 // of an older kind
			if thing.Key == "c" {
				e.Lead.Person.Email = "carol@example.com" // it was missed before
			}
		case e.Cost != nil:
			e.Cost.Amount *= 2
		}
		return e, err
	})
	for round := range 2 {
		w.replay(everything)
		w.drained()
		for range 2 {
			w.want(counts, "4|4|2|1|1|11|3")
			w.want("SELECT visitor_id FROM touches ORDER BY visitor_id", "new-v1\nnew-v2")
			w.want("SELECT groupUniqArray(form_id) FROM leads", "['form']")
			w.want("SELECT cost, campaign FROM costs", "25.000000|spring")
			w.want("SELECT verdict, contact_id != '' FROM leads WHERE external_id = 'c'", "unique|1")
			w.want("SELECT form_name FROM leads WHERE external_id = 'call'", "answered")
			w.merge()
		}
		if t.Failed() {
			t.Fatalf("round %d", round)
		}
	}
}

// A decoder that gives the things other keys: the old ones disappear, also from
// the person's window, and come back if it is changed back.
func TestIntegrationReplay_OtherEvents(t *testing.T) {
	t.Parallel()
	w := newWorks(t)
	w.sendEverything()
	w.drained()
	before := w.picture()
	shape := `SELECT (SELECT count() FROM leads), (SELECT count() FROM submissions), (SELECT count() FROM contacts), (SELECT count() FROM touches),
		(SELECT count() FROM costs), (SELECT count() FROM statuses), (SELECT groupArray(verdict) FROM (SELECT verdict FROM leads ORDER BY received_at))`
	same := w.ask(shape)
	w.means(func(d *ingest.Delivery, i int, thing *shiftyThing) (ingest.Event, error) {
		other := *thing
		other.Key = "other-" + thing.Key
		return plain(d, i, &other)
	})
	for range 2 {
		w.replay(everything)
		w.drained()
		for range 2 {
			w.want(shape, same)
			w.want("SELECT countIf(startsWith(external_id, 'other-')) FROM leads", "4")
			w.merge()
		}
	}
	w.want("SELECT duplicate_of = (SELECT lead_id FROM leads WHERE external_id = 'other-a') FROM leads WHERE external_id = 'other-b'", "1")
	// Rows that are gone hold nothing of a person.
	w.want("SELECT count(), countIf(email != '' OR length(answers) > 0) FROM contacts_log WHERE gone", "4|0")
	w.means(plain)
	w.replay(everything)
	w.drained()
	w.merge()
	w.want(shape, same)
	if strings.Count(before, "\n") != strings.Count(w.picture(), "\n") || strings.Contains(w.picture(), "other-") {
		t.Errorf("changed back, the views show\n%s", w.picture())
	}
}

func TestIntegrationReplay_VerdictsFollowTheDecoder(t *testing.T) {
	t.Parallel()
	w := newWorks(t)
	broken := func(*ingest.Delivery, int, *shiftyThing) (ingest.Event, error) {
		return ingest.Event{}, errors.New("not understood")
	}
	w.means(broken)
	first := w.send(shiftyThing{Kind: ingest.LeadKind, Key: "a", Email: "ann@example.com"})
	w.send(shiftyThing{Kind: ingest.LeadKind, Key: "b", Email: "bob@example.com"})
	w.drained()
	state := "SELECT (SELECT count() FROM leads WHERE verdict = 'unique'), (SELECT groupArray(verdict) FROM (SELECT verdict FROM deliveries ORDER BY delivery_id))"
	w.want(state, "0|['quarantined','quarantined']")
	w.means(plain)
	if answer := w.replay(replayRequest{IDs: []string{first, "nobody"}, Verdict: ingest.Quarantined}); answer.Queued != 1 || len(answer.Unknown) != 1 {
		t.Errorf("one of quarantine: %+v", answer)
	}
	w.drained()
	w.want(state, "1|['accepted','quarantined']")
	for range 2 {
		w.replay(replayRequest{Verdict: ingest.Quarantined})
		w.drained()
		w.want(state, "2|['accepted','accepted']")
	}
	for range 2 {
		w.replay(everything)
		w.drained()
		w.want(state, "2|['accepted','accepted']")
	}
	w.means(broken)
	w.replay(everything)
	w.drained()
	w.want(state, "0|['quarantined','quarantined']")
	w.means(plain)
	w.replay(everything)
	w.drained()
	w.want(state, "2|['accepted','accepted']")
	w.merge()
	w.want(state, "2|['accepted','accepted']")

	// A source that is gone is no reason to forget what it brought.
	intakes := w.settings.Intakes
	w.replay(everything)
	w.settings.Intakes = map[string]*ingest.Intake{}
	w.options.Intakes = w.settings.Intakes
	w.drained()
	w.want(state, "2|['accepted','accepted']")
	if answer := w.replay(everything); answer.Queued != 0 || answer.Unconfigured != 2 {
		t.Errorf("of no source: %+v", answer)
	}
	w.settings.Intakes, w.options.Intakes = intakes, intakes
}

func TestIntegrationReplay_ExpiredAndFull(t *testing.T) {
	t.Parallel()
	w := newWorks(t)
	w.sendEverything()
	w.drained()
	before := w.picture()
	if err := w.conn.Exec(t.Context(), "ALTER TABLE raw_log DELETE WHERE delivery_id < '01KE0000000000000000000003' SETTINGS mutations_sync = 2"); err != nil {
		t.Fatal(err)
	}
	matched, kept, err := w.conn.CountReplayable(t.Context(), clickhouse.ReplayFilter{Sources: []string{"shifty"}})
	if err != nil || matched != 11 || kept != 9 {
		t.Errorf("counted %d, %d, %v", matched, kept, err)
	}
	answer := w.replay(everything)
	if answer.Queued != 9 || answer.Expired != 2 || strings.Join(answer.ExpiredIDs, " ") != "01KE0000000000000000000001 01KE0000000000000000000002" {
		t.Errorf("expired: %+v", answer)
	}
	w.drained()
	if after := w.picture(); after != before {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
	// More than a quarter of the budget waits: what comes in has the rest.
	closes(t, w.journal)
	w.settings.Journal.MaxBytes, w.settings.Journal.SegmentBytes = 4<<20, 1<<20
	if w.journal, err = journal.Open(w.settings.journalOptions()); err != nil {
		t.Fatal(err)
	}
	for w.journal.Stat().Uncommitted <= 1<<20 {
		w.send(shiftyThing{Kind: ingest.TouchKind, Key: "big", Note: strings.Repeat("x", 200_000)})
	}
	var busy *busyError
	r := &replayer{settings: w.settings, conn: w.conn, journal: w.journal}
	if _, err := r.run(t.Context(), everything); !errors.As(err, &busy) || busy.after <= 0 {
		t.Errorf("with a full journal: %v", err)
	}
}
