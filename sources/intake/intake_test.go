package intake_test

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/intake"
)

// given is a source that means what the test gives it.
type given struct {
	events []ingest.Event
	err    error
}

func (g given) Verify(*ingest.Delivery) error { return nil }
func (g given) Decode(*ingest.Delivery) ([]ingest.Event, error) {
	return slices.Clone(g.events), g.err
}

var received = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)

func decode(firstParty bool, events ...ingest.Event) ([]ingest.Event, error) {
	config := ingest.SourceConfig{Name: "src", Workspace: "ws", DefaultRegion: "US", Currency: "EUR"}
	in := intake.Wrap(given{events: events}, config, intake.Options{FirstParty: firstParty})
	return in.Decode(&ingest.Delivery{ID: "d1", ReceivedAt: received})
}

func lead(l ingest.Lead) ingest.Event { return ingest.Event{Kind: ingest.LeadKind, Key: "k", Lead: &l} }

func one(t *testing.T, event ingest.Event) ingest.Event {
	t.Helper()
	events, err := decode(false, event)
	if err != nil || len(events) != 1 {
		t.Fatalf("%d events, %v", len(events), err)
	}
	return events[0]
}

func TestDecode_Stamps(t *testing.T) {
	t.Parallel()
	e := one(t, lead(ingest.Lead{}))
	if e.ID != ingest.EventID("ws", "src", ingest.LeadKind, "k") || e.Workspace != "ws" || e.Source != "src" ||
		e.DeliveryID != "d1" || e.ReceivedAt != received || e.OccurredAt != received || e.Version != uint64(received.UnixMicro()) {
		t.Errorf("%+v", e)
	}
	event := lead(ingest.Lead{})
	event.Version, event.OccurredAt, event.Zone = 7, received.Add(-time.Hour).In(time.FixedZone("", 3600)).Add(time.Nanosecond), "+01:00"
	if e := one(t, event); e.Version != 7 || e.OccurredAt != received.Add(-time.Hour) || e.Zone != "+01:00" {
		t.Errorf("%+v", e)
	}
}

// A key that cannot be stored as it is still tells its event from others.
func TestDecode_OddKeys(t *testing.T) {
	t.Parallel()
	seen := make(map[string]string)
	for _, key := range []string{"a", "a b", "ä", "a\x00", "a\x00\x00", "a\xff", "a\nb", "\ufffe"} {
		event := lead(ingest.Lead{})
		event.Key = key
		e := one(t, event)
		if !utf8.ValidString(e.Key) || strings.ContainsAny(e.Key, "\x00\n\ufffe") || len(key) == 1 && e.Key != key {
			t.Errorf("%q became %q", key, e.Key)
		}
		if other, ok := seen[e.ID]; ok {
			t.Errorf("%q and %q are one event", key, other)
		}
		seen[e.ID] = key
	}
}

func TestDecode_Future(t *testing.T) {
	t.Parallel()
	event := lead(ingest.Lead{})
	event.OccurredAt, event.Zone = received.Add(25*time.Hour), "UTC"
	if e := one(t, event); e.OccurredAt != received || e.Zone != "" {
		t.Errorf("a third party's time in the future: %s", e.OccurredAt)
	}
	var invalid *ingest.InvalidError
	if _, err := decode(true, event); !errors.As(err, &invalid) || invalid.Fields["occurred_at"] == "" {
		t.Errorf("a first party's time in the future: %v", err)
	}
	event.OccurredAt = received.Add(23 * time.Hour)
	if e := one(t, event); e.OccurredAt != event.OccurredAt {
		t.Errorf("an hour of a wrong zone is not forgiven: %s", e.OccurredAt)
	}
}

func TestDecode_NormalisesLead(t *testing.T) {
	t.Parallel()
	e := one(t, lead(ingest.Lead{
		Person: ingest.Person{
			Email: " KIM@Example.com ", Phone: "(512) 555-0142", FirstName: " Kim\n", LastName: "Lee", Company: strings.Repeat("c", 300),
			Message: " a\r\nb\x00 ", Answers: map[string]string{"q": " x ", "empty": " ", "list": `["e\u0301","b"]`},
		},
		PageURL:     "https://e.com/p?utm_source=google&utm_term={keyword}&gclid=AbC&sid=1",
		Referrer:    "https://www.google.com/search?q=roof",
		Tagging:     ingest.Tagging{Campaign: " spring  sale ", Medium: "{{placement}}", ClickIDs: map[string]string{"GCLID": "own", "nope": "x"}},
		CampaignID:  "{campaignid}",
		SpamReasons: []string{"b", "a", "b"},
		Attrs:       map[string]string{"Lead Score": " 7 ", "none": ""},
	}))
	want := ingest.Lead{
		Person: ingest.Person{
			Email: "kim@example.com", Phone: "+15125550142", Name: "Kim Lee", FirstName: "Kim", LastName: "Lee",
			Company: strings.Repeat("c", 200), Message: "a\nb", Answers: map[string]string{"q": "x", "list": `["é","b"]`},
		},
		PageURL:     "https://e.com/p?utm_source=google&gclid=AbC",
		Referrer:    "https://www.google.com/search",
		Tagging:     ingest.Tagging{Source: "google", Campaign: "spring sale", ClickIDs: map[string]string{"gclid": "own"}},
		SpamReasons: []string{"a", "b"},
		Attrs:       map[string]string{"lead_score": "7"},
	}
	if !reflect.DeepEqual(*e.Lead, want) {
		t.Errorf("got  %+v\nwant %+v", *e.Lead, want)
	}
}

// A third party cannot mend what was typed: who can be reached one way is a lead.
func TestDecode_KeepsWhoCanBeReached(t *testing.T) {
	t.Parallel()
	f := func(email, phone, wantEmail, wantPhone string, answer map[string]string) {
		t.Helper()
		given := lead(ingest.Lead{Person: ingest.Person{Email: email, Phone: phone, Answers: map[string]string{"q": "a"}}})
		p := one(t, given).Lead.Person
		answer["q"] = "a"
		if p.Email != wantEmail || p.Phone != wantPhone || !maps.Equal(p.Answers, answer) {
			t.Errorf("%q, %q: got %+v", email, phone, p)
		}
		if _, err := decode(true, lead(ingest.Lead{Person: ingest.Person{Email: email, Phone: phone}})); err == nil {
			t.Errorf("%q, %q: a first party is not told", email, phone)
		}
	}
	f("kim@example.com", "none of yours", "kim@example.com", "", map[string]string{"unreadable_phone": "none of yours"})
	f("kim at example", "(512) 555-0142", "", "+15125550142", map[string]string{"unreadable_email": "kim at example"})
	for _, p := range []ingest.Person{{Email: "x"}, {Phone: "1"}, {Email: "x", Phone: "1"}} {
		if _, err := decode(false, lead(ingest.Lead{Person: p})); err == nil {
			t.Errorf("%+v: nobody can be reached, and it is no error", p)
		}
	}
}

func TestDecode_Caller(t *testing.T) {
	t.Parallel()
	f := func(phone string, call *ingest.Call, want string, good bool) {
		t.Helper()
		events, err := decode(false, lead(ingest.Lead{Person: ingest.Person{Phone: phone}, Call: call}))
		if (err == nil) != good || good && events[0].Lead.Person.Phone != want {
			t.Errorf("phone %q: %v", phone, err)
		}
	}
	f("anonymous", &ingest.Call{}, "", true)
	f("+266696687", &ingest.Call{}, "", true)
	f("anonymous", nil, "", false)
	f("12", &ingest.Call{}, "", false)
	f("5125550142", &ingest.Call{TrackingNumber: "ext 12", RecordingURL: "javascript:x"}, "+15125550142", true)
	week := int64(8 * 24 * 3600)
	f("", &ingest.Call{Duration: &week}, "", false)
}

func TestDecode_NamesInvalidFields(t *testing.T) {
	t.Parallel()
	f := func(want map[string]bool, events ...ingest.Event) {
		t.Helper()
		_, err := decode(true, events...)
		var invalid *ingest.InvalidError
		if !errors.As(err, &invalid) {
			t.Errorf("want %v, got %v", want, err)
			return
		}
		for field := range invalid.Fields {
			if !want[field] {
				t.Errorf("%s is called invalid: %s", field, invalid.Fields[field])
			}
		}
		if len(invalid.Fields) != len(want) {
			t.Errorf("want %v, got %v", slices.Sorted(maps.Keys(want)), invalid.Fields)
		}
	}
	bad := lead(ingest.Lead{Person: ingest.Person{Email: "x", Phone: "1"}})
	f(map[string]bool{"email": true, "phone": true}, bad)
	f(map[string]bool{"[1].email": true, "[1].phone": true}, lead(ingest.Lead{}), bad)
	f(map[string]bool{"url": true}, ingest.Event{Kind: ingest.TouchKind, Key: "k", Touch: &ingest.Touch{PageURL: "nowhere"}})
	minus := int64(-1)
	f(map[string]bool{"date": true, "currency": true, "clicks": true},
		ingest.Event{Kind: ingest.CostKind, Key: "k", Cost: &ingest.Cost{Day: "2026-02-30", Currency: "EURO", Clicks: &minus}})
	f(map[string]bool{"lead_id": true, "status": true}, ingest.Event{Kind: ingest.StatusKind, Key: "k", Status: &ingest.Status{}})
}

func TestDecode_Currency(t *testing.T) {
	t.Parallel()
	e := one(t, ingest.Event{Kind: ingest.CostKind, Key: "k", Cost: &ingest.Cost{Day: "2026-01-05"}})
	if e.Cost.Currency != "EUR" {
		t.Errorf("cost in %q", e.Cost.Currency)
	}
	value := ingest.Micros(5)
	e = one(t, ingest.Event{Kind: ingest.StatusKind, Key: "k", Status: &ingest.Status{LeadID: "l", Status: "won", Value: &value, Currency: "usd"}})
	if e.Status.Currency != "USD" {
		t.Errorf("value in %q", e.Status.Currency)
	}
}

func TestDecode_Refuses(t *testing.T) {
	t.Parallel()
	if _, err := decode(false, ingest.Event{Kind: ingest.LeadKind, Lead: &ingest.Lead{}}); !errors.Is(err, ingest.ErrMalformed) {
		t.Errorf("an event without a key: %v", err)
	}
	if _, err := decode(false, ingest.Event{Kind: ingest.LeadKind, Key: "k", Touch: &ingest.Touch{}}); err == nil {
		t.Error("an event whose part is not that of its kind is accepted")
	}
	if _, err := decode(false, make([]ingest.Event, intake.MaxEvents+1)...); !errors.Is(err, ingest.ErrTooLarge) {
		t.Errorf("too many events: %v", err)
	}
	in := intake.Wrap(given{err: ingest.Ignored("x")}, ingest.SourceConfig{}, intake.Options{})
	var ignored *ingest.IgnoredError
	if _, err := in.Decode(&ingest.Delivery{}); !errors.As(err, &ignored) {
		t.Errorf("the source's own error is changed: %v", err)
	}
}

func TestDecode_BoundsLists(t *testing.T) {
	t.Parallel()
	many := make(map[string]string)
	for i := range 500 {
		many["q"+strconv.Itoa(1000+i)] = strings.Repeat("x", 6000)
	}
	l := one(t, lead(ingest.Lead{Person: ingest.Person{Answers: many, Message: strings.Repeat("m", 20_000)}, Attrs: many})).Lead
	if len(l.Person.Answers) != 200 || len(l.Attrs) != 64 || len(l.Person.Answers["q1000"]) != 5000 || len(l.Person.Message) != 10_000 {
		t.Errorf("%d answers, %d attrs, %d bytes of message", len(l.Person.Answers), len(l.Attrs), len(l.Person.Message))
	}
}
