package dedupe_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/dedupe"
	"github.com/leadgate/leadgate/ingest/identity"
)

func testClaims(t *testing.T, client redis.UniversalClient) {
	m := opened(t, client)
	call := func(delivery string, hours int, name string) ingest.Event {
		return mutable(lead("call", delivery, start.Add(time.Duration(hours)*time.Hour), "", "+14155550100"), name)
	}
	form := func(delivery, name string) ingest.Event {
		e := lead("form", delivery, start, "ann@example.com", "")
		e.Lead.Person.Name = name
		return e
	}
	older := call("d7", 4, "before")
	older.Version = uint64(start.UnixMicro()) - 1
	steps := []struct {
		name  string
		event ingest.Event
		want  string
	}{
		{"unknown", form("d1", "Ann"), "new"},
		{"its owner's retry", form("d1", "Ann"), "new"},
		{"another delivery of the same", form("d2", "Ann"), "duplicate"},
		{"another delivery with other content", form("d3", "Anna"), "duplicate"},
		{"the owner again", form("d1", "Ann"), "new"},
		{"a touch", event(ingest.TouchKind, "touch", "d1", start), "new"},
		{"the touch again", event(ingest.TouchKind, "touch", "d2", start.Add(time.Hour)), "duplicate"},
		{"a mutable one", call("d4", 0, "ringing"), "new"},
		{"its content again, received later", call("d5", 1, "ringing"), "duplicate"},
		{"its update", call("d5", 1, "answered"), "update"},
		{"the update's retry by its owner", call("d5", 1, "answered"), "update"},
		{"the update by another", call("d6", 2, "answered"), "duplicate"},
		{"an older state, late", older, "update"},
		{"the update by another, after the older state", call("d8", 5, "answered"), "duplicate"},
	}
	for _, s := range steps {
		got := claim(t, m, s.event)
		if show(got) != s.want {
			t.Errorf("%s: %s, want %s", s.name, show(got), s.want)
		}
		if !got.FirstReceived.Equal(start) {
			t.Errorf("%s: first received %v, want %v", s.name, got.FirstReceived, start)
		}
		if s.event.Lead != nil && len(got.ContactID) != 32 {
			t.Errorf("%s: contact %q", s.name, got.ContactID)
		}
	}
	other := form("d9", "Ann")
	other.Workspace = "other"
	if got := claim(t, m, other); show(got) != "new" {
		t.Errorf("another workspace: %s, want new", show(got))
	}
}

func testWindow(t *testing.T, client redis.UniversalClient) {
	m := opened(t, client)
	at := func(d time.Duration) time.Time { return start.Add(d) }
	test := lead("test", "d", at(-day), "ann@example.com", "")
	test.Lead.Test = true
	spam := lead("spam", "d", at(-day), "ann@example.com", "")
	spam.Lead.SpamReasons = []string{"honeypot"}
	steps := []struct {
		name  string
		event ingest.Event
		want  string
	}{
		{"a test opens no window", test, "new"},
		{"spam opens no window", spam, "new"},
		{"interest opens no window", lead("interest", "d", at(0), "", ""), "new"},
		{"the first", lead("a", "d1", at(0), "ann@example.com", ""), "new"},
		{"the same again", lead("b", "d2", at(20*day), "ann@example.com", ""), "new of a"},
		{"its retry by the owner", lead("b", "d2", at(20*day), "ann@example.com", ""), "new of a"},
		{"its retry by another", lead("b", "d3", at(20*day), "ann@example.com", ""), "duplicate of a"},
		{"late news from before the first", lead("c", "d4", at(-2*day), "ann@example.com", ""), "new of a"},
		{"a microsecond inside", lead("d", "d5", at(30*day-time.Microsecond), "ann@example.com", ""), "new of a"},
		{"from a whole window before", lead("e", "d6", at(-30*day), "ann@example.com", ""), "new"},
		{"still the first's window", lead("f", "d7", at(29*day), "ann@example.com", ""), "new of a"},
		{"the window does not slide", lead("g", "d8", at(30*day), "ann@example.com", ""), "new"},
		{"the next window", lead("h", "d9", at(31*day), "ann@example.com", ""), "new of g"},
		{"another person", lead("i", "d10", at(31*day), "bob@example.com", ""), "new"},
		{"the first's retry", lead("a", "d1", at(0), "ann@example.com", ""), "new"},
	}
	for _, s := range steps {
		if got := claim(t, m, s.event); show(got) != s.want {
			t.Errorf("%s: %s, want %s", s.name, show(got), s.want)
		}
	}

	// A window may outlive the memory of the lead that opened it.
	if err := client.Del(t.Context(), "lg:{w}:eg"+strings.Repeat("\x00", 16)).Err(); err != nil {
		t.Fatal(err)
	}
	if got := claim(t, m, lead("g", "d8", at(30*day), "ann@example.com", "")); show(got) != "new" {
		t.Errorf("a lead is its own duplicate: %s", show(got))
	}
}

func testIdentity(t *testing.T, client redis.UniversalClient) {
	m := opened(t, client)
	next := 0
	contact := func(at time.Time, email, phone string) ingest.Claim {
		next++
		return claim(t, m, lead(fmt.Sprint("lead", next), "d", at, email, phone))
	}
	byPhone := contact(start, "", "+14155550100")
	byEmail := contact(start.Add(time.Hour), "ann@example.com", "")
	both := contact(start.Add(2*time.Hour), "ann@example.com", "+14155550100")
	if byPhone.ContactID == byEmail.ContactID {
		t.Error("strangers share a contact")
	}
	if both.ContactID != byPhone.ContactID || both.DuplicateOf != "lead1" {
		t.Errorf("both identifiers: %+v, want the oldest contact %s", both, byPhone.ContactID)
	}
	if again := contact(start.Add(3*time.Hour), "ann@example.com", ""); again.ContactID != byEmail.ContactID {
		t.Errorf("a known identifier changed its contact: %+v", again)
	}
	linked := contact(start.Add(4*time.Hour), "ann@work.example", "+14155550100")
	if later := contact(start.Add(5*time.Hour), "ann@work.example", ""); later.ContactID != linked.ContactID {
		t.Errorf("the new address was not linked: %+v, want %s", later, linked.ContactID)
	}

	// One who is known by two contacts is one in the window.
	contact(start.Add(40*day), "ann@example.com", "+14155550100")
	if got := contact(start.Add(41*day), "ann@example.com", ""); got.DuplicateOf != "lead7" {
		t.Errorf("by the other contact: %+v, want a duplicate of lead7", got)
	}

	// Spam may carry strangers' addresses: it joins nobody.
	spam := lead("spam", "d", start, "victim@example.com", "+14155550199")
	spam.Lead.SpamReasons = []string{"honeypot"}
	claim(t, m, spam)
	if a, b := contact(start, "victim@example.com", ""), contact(start, "", "+14155550199"); a.ContactID == b.ContactID {
		t.Error("spam joined two people")
	}

	status := event(ingest.StatusKind, "status", "d", start)
	status.Status.Phone = "+14155550100"
	if got := claim(t, m, status); got.ContactID != byPhone.ContactID || show(got) != "new" {
		t.Errorf("status: %+v, want contact %s", got, byPhone.ContactID)
	}
	early := event(ingest.StatusKind, "early", "d", start)
	early.Status.Email = "carol@example.com"
	if got := claim(t, m, early); got.ContactID != contact(start, "carol@example.com", "").ContactID {
		t.Errorf("a status before its lead: %+v", got)
	}
}

// testChanges follows mutable leads whose right to the window changes.
func testChanges(t *testing.T, client redis.UniversalClient) {
	m := opened(t, client)
	at := func(hours int) time.Time { return start.Add(time.Duration(hours) * time.Hour) }
	call := func(delivery string, hours int, phone string, test bool) ingest.Event {
		e := mutable(lead("call", delivery, at(hours), "", phone), delivery)
		e.Lead.Test = test
		return e
	}
	steps := []struct {
		name  string
		event ingest.Event
		want  string
	}{
		{"a call without a number", call("d1", 0, "", false), "new"},
		{"somebody by form meanwhile", lead("form", "d2", at(1), "", "+14155550100"), "new"},
		{"the number of the call", call("d3", 2, "+14155550100", false), "update of form"},
		{"its next update keeps that", call("d4", 3, "+14155550100", false), "update of form"},
	}
	for _, s := range steps {
		if got := claim(t, m, s.event); show(got) != s.want {
			t.Errorf("%s: %s, want %s", s.name, show(got), s.want)
		}
	}

	first := mutable(lead("x", "e1", at(0), "ann@example.com", ""), "Ann")
	if got := claim(t, m, first); show(got) != "new" {
		t.Errorf("first: %s", show(got))
	}
	first.DeliveryID, first.Lead.Test, first.Version = "e2", true, first.Version+1
	if got := claim(t, m, first); show(got) != "update" || got.ContactID == "" {
		t.Errorf("turned out a test: %+v", got)
	}
	if got := claim(t, m, lead("y", "e3", at(5), "ann@example.com", "")); show(got) != "new" {
		t.Errorf("after a void window: %s, want new", show(got))
	}
	lead := *first.Lead
	lead.Test, first.Lead = false, &lead
	first.DeliveryID, first.Version = "e4", first.Version+1
	if got := claim(t, m, first); show(got) != "update of y" {
		t.Errorf("no test after all: %s, want update of y", show(got))
	}
}

func testEmpty(t *testing.T, client redis.UniversalClient) {
	m := dedupe.New(client, dedupe.Options{Identify: identity.Of, Now: func() time.Time { return start }})
	touch := event(ingest.TouchKind, "t1", "d1", start)
	if _, err := m.Claim(t.Context(), []ingest.Event{touch}); !errors.Is(err, dedupe.ErrEmpty) {
		t.Fatalf("claim of a new memory: %v, want ErrEmpty", err)
	}
	if err := m.Rebuild(t.Context(), brokenStore{}); !errors.Is(err, errBroken) {
		t.Fatalf("rebuild from a broken store: %v", err)
	}
	if _, err := m.Claim(t.Context(), []ingest.Event{touch}); !errors.Is(err, dedupe.ErrEmpty) {
		t.Fatalf("claim after half a rebuild: %v, want ErrEmpty", err)
	}
	if err := m.Rebuild(t.Context(), rows(nil)); err != nil {
		t.Fatal(err)
	}
	if got := claim(t, m, touch); show(got) != "new" {
		t.Errorf("the refused claim left a trace: %s", show(got))
	}
	if got, err := m.Claim(t.Context(), nil); err != nil || len(got) != 0 {
		t.Errorf("claim of nothing: %v, %v", got, err)
	}
	flush(t, client)
	if err := client.ScriptFlush(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Claim(t.Context(), []ingest.Event{touch}); !errors.Is(err, ingest.ErrEmpty) {
		t.Errorf("claim of a flushed memory: %v, want ErrEmpty", err)
	}
}

func testRebuild(t *testing.T, client redis.UniversalClient) {
	now := start.Add(40 * day)
	for runs := 1; runs <= 2; runs++ { // again does no harm
		progress := 0
		m := dedupe.New(client, dedupe.Options{
			Identify: identity.Of, Prefix: fmt.Sprint(runs), Now: func() time.Time { return now }, Progress: func(n int) { progress = n },
		})
		for range runs {
			if err := m.Rebuild(t.Context(), stored); err != nil {
				t.Fatal(err)
			}
		}
		if progress != len(stored) {
			t.Errorf("progress %d, want %d", progress, len(stored))
		}
		checkRebuilt(t, m, now)

		// What was claimed since is not lost to a later rebuild.
		update := mutable(lead("first", "d20", now, "", "+14155550100"), "y")
		claim(t, m, update)
		if err := m.Rebuild(t.Context(), stored); err != nil {
			t.Fatal(err)
		}
		update.DeliveryID = "d21"
		if got := claim(t, m, update); show(got) != "duplicate" {
			t.Errorf("a rebuild forgot a claim: %s", show(got))
		}
	}
}

func known(id, delivery string, at time.Duration, verdict ingest.LeadVerdict, of, contact, email, phone string) ingest.Known {
	return ingest.Known{
		Workspace: "w", Kind: ingest.LeadKind, EventID: id, DeliveryID: delivery, ReceivedAt: start.Add(at),
		Version: uint64(start.Add(at).UnixMicro()), ContactID: contact, Verdict: verdict, DuplicateOf: of,
		Email: email, Phone: phone,
	}
}

var stored = rows{
	known("dup", "d2", 20*day, ingest.DuplicateLead, "first", "c1", "ann@example.com", "+14155550100"), // before its first
	known("first", "d1", 15*day, ingest.UniqueLead, "", "c0", "", "+14155550100"),
	known("test", "d3", 39*day, ingest.TestLead, "", "c9", "bob@example.com", ""),
	known("gone", "d4", -60*day, ingest.UniqueLead, "", "c7", "old@example.com", ""),
	{Workspace: "w", Kind: ingest.TouchKind, EventID: "touch", DeliveryID: "d5", ReceivedAt: start},
	{Workspace: "x", Kind: ingest.StatusKind, EventID: "status", DeliveryID: "d6", ReceivedAt: start, ContactID: "c1"},
}

// checkRebuilt looks at a memory rebuilt from stored.
func checkRebuilt(t *testing.T, m *dedupe.Memory, now time.Time) {
	t.Helper()
	candidate := identity.Of("w", "bob@example.com", "").Contact
	steps := []struct {
		name    string
		event   ingest.Event
		want    string
		contact string
	}{
		{"the owner's retry", lead("first", "d1", start.Add(15*day), "", "+14155550100"), "new", "c0"},
		{"the duplicate's owner", lead("dup", "d2", start.Add(20*day), "ann@example.com", "+14155550100"), "new of first", "c1"},
		{"another delivery", lead("first", "d8", now, "", "+14155550100"), "duplicate", "c0"},
		{"an update", mutable(lead("first", "d9", now, "", "+14155550100"), "x"), "update", "c0"},
		{"the window by e-mail", lead("n2", "d11", now, "ann@example.com", ""), "new of first", "c1"},
		{"the window by phone", lead("n1", "d10", now, "", "+14155550100"), "new of first", "c0"},
		{"a test holds no window and no address", lead("n3", "d12", now, "bob@example.com", ""), "new", candidate},
		{"a window that is over", lead("n4", "d13", now, "old@example.com", ""), "new", "c7"},
		{"an event past its time", lead("gone", "d14", now.Add(time.Hour), "old@example.com", ""), "new of n4", "c7"},
		{"a touch", event(ingest.TouchKind, "touch", "d15", now), "duplicate", ""},
	}
	for _, s := range steps {
		got := claim(t, m, s.event)
		if show(got) != s.want || got.ContactID != s.contact {
			t.Errorf("%s: %s of contact %q, want %s of %q", s.name, show(got), got.ContactID, s.want, s.contact)
		}
	}
	status := event(ingest.StatusKind, "status", "d16", now)
	status.Workspace = "x"
	if got := claim(t, m, status); show(got) != "duplicate" || got.ContactID != "c1" {
		t.Errorf("status: %+v", got)
	}
}

// testManyInOrder claims more than one script call takes, in one batch, of
// several workspaces, with every event twice.
func testManyInOrder(t *testing.T, client redis.UniversalClient) {
	m := opened(t, client)
	var events []ingest.Event
	for i := range 700 {
		e := lead(fmt.Sprint("lead", i/2), fmt.Sprint("d", i), start.Add(time.Duration(i)*time.Second),
			fmt.Sprintf("p%d@example.com", i/4), "")
		if i%3 == 0 {
			e = event(ingest.TouchKind, fmt.Sprint("touch", i), "d", start)
		}
		e.Workspace = []string{"w", "other"}[i/4%2]
		events = append(events, e)
	}
	if err := client.ScriptFlush(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	claims, err := m.Claim(t.Context(), events)
	if err != nil {
		t.Fatal(err)
	}
	again, err := m.Claim(t.Context(), events)
	if err != nil || !slices.Equal(claims, again) {
		t.Errorf("the owners' retry differs: %v", err)
	}
	seen, people := map[string]bool{}, map[string]string{}
	for i, e := range events {
		want := "new"
		if seen[e.ID] {
			want = "duplicate"
		}
		if e.Lead != nil {
			if first := people[e.Lead.Person.Email]; first == "" {
				people[e.Lead.Person.Email] = e.ID
			} else if first != e.ID {
				want += " of " + first
			}
		}
		seen[e.ID] = true
		if show(claims[i]) != want {
			t.Fatalf("event %d (%s): %s, want %s", i, e.ID, show(claims[i]), want)
		}
	}
}

// testKeys looks at what stands in Redis: no personal data, nothing for ever,
// one slot for each workspace.
func testKeys(t *testing.T, client redis.UniversalClient) {
	m := dedupe.New(client, dedupe.Options{Identify: identity.Of, Prefix: "my*app:", Workspaces: []string{"a}b w"}})
	if err := m.Rebuild(t.Context(), rows{{
		Workspace: "a}b w", Kind: ingest.LeadKind, EventID: "old", DeliveryID: "d0", ReceivedAt: time.Now().Add(-time.Hour),
		Verdict: ingest.UniqueLead, ContactID: identity.Of("a}b w", "carol@example.com", "").Contact,
		Email: "carol@example.com", Phone: "+14155550111",
	}}); err != nil {
		t.Fatal(err)
	}
	e := lead("lead", "d", start, "ann@example.com", "+14155550100")
	e.Workspace, e.Lead.Person.Name = "a}b w", "Ann Doe"
	claim(t, m, mutable(e, "Ann Doe"))
	keys, err := client.Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	if len(keys) != 7 { // mark, 2 events, 2 e-mails with their windows, 2 phones
		t.Errorf("%d keys: %q", len(keys), keys)
	}
	for _, key := range keys {
		value, err := client.Get(t.Context(), key).Result()
		if err != nil {
			t.Fatal(err)
		}
		for _, personal := range []string{"ann", "Ann", "carol", "4155550"} {
			if strings.Contains(key+value, personal) {
				t.Errorf("personal data in %s = %s", key, value)
			}
		}
		if !strings.HasPrefix(key, "my*app:{a%7Db+w}:") {
			t.Errorf("key %s is not in the workspace's slot", key)
		}
		if ttl := client.TTL(t.Context(), key).Val(); ttl <= 0 || ttl > 400*day {
			t.Errorf("key %s lives for %v", key, ttl)
		}
	}
}

func testClear(t *testing.T, client redis.UniversalClient) {
	m := opened(t, client)
	for i := range 300 {
		claim(t, m, event(ingest.TouchKind, fmt.Sprint(i), "d1", start))
	}
	if err := client.Set(t.Context(), "somebody-else", 1, 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := m.Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := client.DBSize(t.Context()).Val(); n != 1 {
		t.Errorf("%d keys left, want somebody else's one", n)
	}
	if _, err := m.Claim(t.Context(), []ingest.Event{event(ingest.TouchKind, "1", "d2", start)}); !errors.Is(err, dedupe.ErrEmpty) {
		t.Errorf("claim after Clear: %v, want ErrEmpty", err)
	}
}

func testCancelled(t *testing.T, client redis.UniversalClient) {
	m := opened(t, client)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Claim(ctx, []ingest.Event{event(ingest.TouchKind, "1", "d", start)}); !errors.Is(err, context.Canceled) {
		t.Errorf("claim: %v, want context.Canceled", err)
	}
	if err := m.Rebuild(ctx, rows(nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("rebuild: %v, want context.Canceled", err)
	}
}

func TestMemory_NeedsIdentify(t *testing.T) {
	t.Parallel()
	m := dedupe.New(miniClient(t), dedupe.Options{})
	if _, err := m.Claim(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "identity.Of") {
		t.Errorf("claim: %v", err)
	}
	if err := m.Rebuild(t.Context(), rows(nil)); err == nil {
		t.Error("rebuild without Identify")
	}
}
