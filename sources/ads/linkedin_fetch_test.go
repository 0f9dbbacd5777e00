package ads

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fetch"
	"github.com/leadgate/leadgate/sources/fetch/fetchtest"
)

func standInLinkedIn(t *testing.T, leads int) (*fetchtest.LinkedIn, string) {
	t.Helper()
	l := &fetchtest.LinkedIn{Form: map[string]any{"id": 88001, "name": "Roofs", "content": map[string]any{"questions": []any{
		map[string]any{"questionId": 700000006, "predefinedField": "EMAIL"},
	}}}}
	l.Token = "AQGood"
	for i := range leads {
		l.Leads = append(l.Leads, map[string]any{
			"id": fmt.Sprintf("1f2e3d4c-%d", i), "leadType": "SPONSORED", "submittedAt": january.Add(time.Duration(i) * time.Hour).UnixMilli(),
			"owner":                   map[string]any{"sponsoredAccount": "urn:li:sponsoredAccount:510000001"},
			"versionedLeadGenFormUrn": "urn:li:versionedLeadGenForm:(urn:li:leadGenForm:88001,1)",
			"formResponse": map[string]any{"answers": []any{map[string]any{"questionId": 700000006, "answerDetails": map[string]any{
				"textQuestionAnswer": map[string]any{"answer": fmt.Sprintf("kim%d@example.com", i)},
			}}}},
		})
	}
	server := httptest.NewServer(l)
	t.Cleanup(server.Close)
	return l, server.URL
}

func newLinkedIn(t *testing.T, url, token string, owners ...string) *LinkedIn {
	t.Helper()
	config := ingest.SourceConfig{
		Secrets: []string{"client secret"}, Options: map[string]any{"api_url": url, "owners": owners}, Location: time.UTC,
	}
	if token != "" {
		config.Credentials = map[string]string{accessToken: token}
	}
	source, err := NewLinkedIn(config)
	if err != nil {
		t.Fatal(err)
	}
	return source.(*LinkedIn)
}

// decoded reads a document as the gateway does.
func decoded(t *testing.T, source ingest.Source, ref ingest.Reference, document []byte) *ingest.Lead {
	t.Helper()
	d, err := ingest.NewFetched("s", ref, document, january.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	events, err := source.Decode(d)
	if err != nil || len(events) != 1 {
		t.Fatalf("%s: %v", document, err)
	}
	return events[0].Lead
}

func TestLinkedInFetch_LeadWithItsForm(t *testing.T) {
	t.Parallel()
	l, url := standInLinkedIn(t, 1)
	source := newLinkedIn(t, url, "AQGood")
	ref := ingest.Reference{Kind: "lead", ID: "1f2e3d4c-0"}
	for name, c := range map[string]struct {
		change   func()
		requests int
		form     string
		email    bool
	}{
		"together":               {func() {}, 1, "Roofs", true},
		"fields cannot be told":  {func() { l.NoProject = true }, 3, "Roofs", true},
		"the form is not for us": {func() { l.NoForms = true }, 2, "", false},
	} {
		l.Change(func() { l.NoProject, l.NoForms = false, false; c.change() })
		step, n, err := fetchtest.Fetch(t, source, ref)
		if err != nil || n != c.requests {
			t.Errorf("%s: %v after %d requests", name, err, n)
			continue
		}
		var body struct {
			Response map[string]any
			Form     map[string]any
		}
		if err := json.Unmarshal(step.Document, &body); err != nil || body.Response["form"] != nil {
			t.Errorf("%s: %s, %v", name, step.Document, err)
		}
		lead := decoded(t, source, ref, step.Document)
		if lead.FormName != c.form || (lead.Person.Email == "kim0@example.com") != c.email || lead.FormID != "88001" {
			t.Errorf("%s: %+v", name, lead)
		}
	}
}

func TestLinkedInFetch_Failures(t *testing.T) {
	t.Parallel()
	l, url := standInLinkedIn(t, 1)
	good := newLinkedIn(t, url, "AQGood")
	for name, c := range map[string]struct {
		change  func()
		source  *LinkedIn
		id      string
		problem ingest.FetchProblem
		text    string
	}{
		"expired token":  {nil, newLinkedIn(t, url, "AQOld"), "1f2e3d4c-0", ingest.TokenRefused, "EXPIRED_ACCESS_TOKEN"},
		"no token":       {nil, newLinkedIn(t, url, ""), "1f2e3d4c-0", ingest.TokenRefused, "credentials.access_token"},
		"not there":      {nil, good, "1f2e3d4c-9", ingest.Missing, "was not found"},
		"no id":          {nil, good, "a/../b", ingest.Missing, "id"},
		"throttled":      {func() { l.Busy = 1 }, good, "1f2e3d4c-0", ingest.Throttled, "throttle"},
		"broken":         {func() { l.Broken = 1 }, good, "1f2e3d4c-0", ingest.Unavailable, "status 502"},
		"version is off": {func() { l.OldVersion = true }, good, "1f2e3d4c-0", ingest.TokenRefused, "options.api_version"},
	} {
		l.Change(func() {
			if l.Busy, l.Broken, l.OldVersion = 0, 0, false; c.change != nil {
				c.change()
			}
		})
		_, _, err := fetchtest.Fetch(t, c.source, ingest.Reference{Kind: "lead", ID: c.id})
		var failure *ingest.FetchError
		if !errors.As(err, &failure) || failure.Problem != c.problem || !strings.Contains(failure.Text, c.text) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestLinkedInFetch_List(t *testing.T) {
	t.Parallel()
	_, url := standInLinkedIn(t, 120)
	source := newLinkedIn(t, url, "AQGood", "urn:li:organization:1", "urn:li:sponsoredAccount:510000001")
	list, err := fetchtest.List(t, source, ingest.Span{From: january.Add(time.Hour), To: january.Add(119 * time.Hour)})
	if err != nil || len(list) != 118 || list[0].Ref.ID != "1f2e3d4c-1" {
		t.Fatalf("%d are listed, %v", len(list), err)
	}
	step, n, err := fetchtest.Fetch(t, source, list[1].Ref, list[1].Answers...)
	if err != nil || n != 0 {
		t.Fatalf("%v after %d requests", err, n)
	}
	if lead := decoded(t, source, list[1].Ref, step.Document); lead.Person.Email != "kim2@example.com" {
		t.Errorf("got %+v", lead)
	}
	if _, err := newLinkedIn(t, url, "AQGood").List(ingest.Span{}, nil, nil); !errors.Is(err, errLinkedInOwners) {
		t.Errorf("without owners: %v", err)
	}
	for _, o := range []linkedInFetchOptions{{APIVersion: "v2"}, {Owners: []string{"510000001"}}, {Options: fetch.Options{APIURL: "ftp://x"}}} {
		if _, err := newLinkedInFetch(ingest.SourceConfig{}, o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}

func TestYandexFetch_List(t *testing.T) {
	t.Parallel()
	y := &fetchtest.Yandex{Page: 3, Units: "10/20828/64000"}
	y.Token = "y0_good"
	for i := range 10 {
		y.Leads = append(y.Leads, fetchtest.YandexLead{
			ID: fmt.Sprint(70 + i), Email: fmt.Sprintf("kim%d@example.com", i), At: january.Add(time.Duration(i) * time.Hour),
		})
	}
	server := httptest.NewServer(y)
	defer server.Close()
	config := ingest.SourceConfig{Secrets: []string{"y0_good"}, Options: map[string]any{"api_url": server.URL}, Location: time.UTC}
	source, err := NewYandexDirect(config)
	if err != nil {
		t.Fatal(err)
	}
	yandex := source.(*YandexDirect)
	span := ingest.Span{From: january.Add(time.Hour), To: january.Add(24 * time.Hour)}
	list, err := fetchtest.List(t, yandex, span)
	if err != nil || len(list) != 9 || list[8].Ref.ID != "79" {
		t.Fatalf("%d are listed, %v", len(list), err)
	}
	step, _, err := fetchtest.Fetch(t, yandex, list[8].Ref, list[8].Answers...)
	if err != nil {
		t.Fatal(err)
	}
	if lead := decoded(t, source, list[8].Ref, step.Document); lead.Person.Email != "kim9@example.com" || lead.FormName != "Roofs" {
		t.Errorf("got %+v", lead)
	}
	if plan := yandex.FetchPlan(); plan.PullEvery != 15*time.Minute || plan.Lacks != "" {
		t.Errorf("got %+v", plan)
	}
	config.Secrets = []string{"y0_old"}
	other, err := NewYandexDirect(config)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change  func()
		source  ingest.Source
		problem ingest.FetchProblem
		after   time.Duration
	}{
		"refused":   {func() {}, other, ingest.TokenRefused, 0},
		"no points": {func() { y.Busy = 1 }, source, ingest.Throttled, time.Hour},
		"broken":    {func() { y.Broken = 1 }, source, ingest.Unavailable, 0},
	} {
		y.Change(c.change)
		_, err := fetchtest.List(t, c.source.(*YandexDirect), span)
		var failure *ingest.FetchError
		if !errors.As(err, &failure) || failure.Problem != c.problem || failure.After != c.after {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if quiet := yandexQuiet(ingest.Response{Header: map[string][]string{"Units": {"10/100/64000"}}}); quiet == 0 {
		t.Error("the last points are spent")
	}
}
