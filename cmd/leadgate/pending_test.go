package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/pending"
)

// pendingApp has a configuration with two sources that fetch, and what they left.
func pendingApp(t *testing.T, options string) (*app, *Settings, *pending.Store, *bytes.Buffer) {
	t.Helper()
	path := writeConfig(t, fmt.Sprintf(`data_dir: %s
sources:
  - {name: facebook, type: meta, secrets: [s], credentials: {access_token: EAAVerySecret}, options: {forms: [990000000000011], %s}}
  - {name: b2b, type: linkedin, secrets: [s]}
`, t.TempDir(), options))
	var out bytes.Buffer
	a := &app{stdout: &out, stderr: &out, configPath: path}
	s, err := a.settings()
	if err != nil {
		t.Fatal(err)
	}
	store, err := pending.Open(pending.StoreOptions{Dir: s.pendingDir(), Now: func() time.Time { return time.Now().Add(-2 * time.Hour) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closes(t, store) })
	return a, s, store, &out
}

func (d *doctor) finding(subject string) finding {
	for _, f := range d.findings {
		if f.subject == subject {
			return f
		}
	}
	return finding{}
}

func TestDoctor_TellsOfTokensAndOfWhatWaits(t *testing.T) {
	t.Parallel()
	day := func(days int) string { return "token_expires: " + time.Now().AddDate(0, 0, days).Format(time.DateOnly) }
	event := func(source string) []ingest.Event {
		return []ingest.Event{{ID: "e-" + source, Source: source, Kind: ingest.LeadKind, Fetch: &ingest.Reference{Kind: "lead", ID: "7"}}}
	}
	for name, c := range map[string]struct {
		options string
		change  func(*pending.Store) error
		subject string
		state   string
		seen    string
	}{
		"nothing":      {"pages: [108877665544332]", nil, "pending work", "ok", "nothing waits"},
		"good":         {"", nil, "token of facebook", "ok", "not refused"},
		"no token":     {"", nil, "token of b2b", "warning", "credentials.access_token"},
		"far":          {day(60), nil, "token of facebook", "ok", "good until"},
		"soon":         {day(3), nil, "token of facebook", "warning", "it ends on"},
		"ended":        {day(-1), nil, "token of facebook", "fault", "it ended on"},
		"waits for it": {"", func(s *pending.Store) error { return s.Save(event("b2b")) }, "token of b2b", "fault", "what is announced waits"},
		"old":          {"", func(s *pending.Store) error { return s.Save(event("facebook")) }, "pending work", "warning", "1 wait"},
		"refused": {"", func(s *pending.Store) error {
			return s.SetState(pending.SourceState{Source: "facebook", Refused: time.Now(), Text: "Session has expired"})
		}, "token of facebook", "fault", "Session has expired"},
		"told by the platform": {"", func(s *pending.Store) error {
			return s.SetState(pending.SourceState{Source: "facebook", Expires: time.Now().Add(time.Hour)})
		}, "token of facebook", "warning", "it ends on"},
	} {
		_, s, store, _ := pendingApp(t, c.options)
		if c.change != nil {
			if err := c.change(store); err != nil {
				t.Fatal(err)
			}
		}
		d := &doctor{settings: s}
		d.fetching()
		if f := d.finding(c.subject); f.state != c.state || !strings.Contains(f.seen, c.seen) || f.state != "ok" && f.remedy == "" {
			t.Errorf("%s: got %+v", name, f)
		}
	}
	_, s, store, _ := pendingApp(t, "")
	if err := store.Save(event("gone")); err != nil {
		t.Fatal(err)
	}
	d := &doctor{settings: s}
	if d.fetching(); !strings.Contains(fmt.Sprint(d.findings), "1 things wait for sources that fetch nothing") {
		t.Errorf("got %+v", d.findings)
	}
}

func TestPendingList(t *testing.T) {
	t.Parallel()
	a, _, store, out := pendingApp(t, "")
	list := func(args ...string) string {
		t.Helper()
		out.Reset()
		cmd := a.pendingCommand()
		cmd.SetArgs(append([]string{"list"}, args...))
		if err := cmd.Execute(); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	if got := list(); got != "nothing waits to be fetched\n" {
		t.Errorf("got %s", got)
	}
	var events []ingest.Event
	for i := range 3 {
		events = append(events, ingest.Event{
			ID: fmt.Sprint("e", i), Source: "facebook", Kind: ingest.LeadKind, Fetch: &ingest.Reference{Kind: "lead", ID: fmt.Sprint(1500 + i)},
		})
	}
	if err := store.Save(events); err != nil {
		t.Fatal(err)
	}
	task, _, _ := store.Take("facebook", time.Now())
	task.Attempts, task.Problem, task.Text = 4, ingest.Missing, "no such object"
	if err := store.Retry(task); err != nil {
		t.Fatal(err)
	}
	if got := list(); !strings.Contains(got, "missing: no such object") || !strings.Contains(got, "1502") {
		t.Errorf("got %s", got)
	}
	if got := list("--limit", "2"); !strings.Contains(got, "1 more: --limit 0") {
		t.Errorf("got %s", got)
	}
	if got := list("--source", "b2b"); got != "nothing waits to be fetched\n" {
		t.Errorf("got %s", got)
	}
	if got := list("--format", "json"); strings.Count(got, "\n") != 3 || strings.Contains(got, "EAAVerySecret") {
		t.Errorf("got %s", got)
	}
}

func TestConfig_Credentials(t *testing.T) {
	t.Parallel()
	config, err := LoadConfig(writeConfig(t, `sources:
  - {name: facebook, type: meta, secrets: [s], credentials: {access_token: "env:LEADGATE_TEST_NOT_SET"}}
  - {name: landing, type: form, credentials: {access_token: EAAVerySecret}}
  - {name: other, type: meta, secrets: [s], credentials: {acces_token: EAAVerySecret}}
  - {name: third, type: meta, secrets: [s], credentials: {access_token: EAAVerySecret}, options: {api_url: "http://graph.example.com"}}
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = config.Check()
	for _, want := range []string{
		"sources[0].credentials.access_token: environment variable LEADGATE_TEST_NOT_SET is not set",
		"sources[1] (landing): credentials.access_token: not known", "sources[2] (other): credentials.acces_token: not known",
		"sources[3] (third): options.api_url",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the problems lack %q: %v", want, err)
		}
	}
	if strings.Contains(fmt.Sprint(err), "EAAVerySecret") || strings.Contains(fmt.Sprintf("%+v", config), "EAAVerySecret") {
		t.Error("a credential is printed")
	}
}
