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

var january = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)

func standIn(t *testing.T) (*fetchtest.Meta, string) {
	t.Helper()
	m := &fetchtest.Meta{Token: "EAAGoodToken", PageSize: 2}
	for i := range 5 {
		m.Leads = append(m.Leads, fetchtest.MetaLead{
			ID: fmt.Sprint(1500000000000001 + i), Form: fmt.Sprint(990000000000011 + i%2), Email: fmt.Sprintf("kim%d@example.com", i),
			Created: january.Add(time.Duration(i) * 24 * time.Hour),
		})
	}
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	return m, server.URL
}

func newMeta(t *testing.T, url, token string, o metaFetchOptions) *metaFetch {
	t.Helper()
	o.APIURL = url
	config := ingest.SourceConfig{Secrets: []string{"app secret"}}
	if token != "" {
		config.Credentials = map[string]string{"access_token": token}
	}
	f, err := newMetaFetch(config, o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func metaRef(id string) ingest.Reference {
	return ingest.Reference{Kind: "lead", ID: id, Args: map[string]string{"page_id": "108877665544332"}}
}

func TestMetaFetch_Lead(t *testing.T) {
	t.Parallel()
	m, url := standIn(t)
	f := newMeta(t, url, "EAAGoodToken", metaFetchOptions{AppSecretProof: true})
	step, n, err := fetchtest.Fetch(t, f, metaRef("1500000000000001"))
	if err != nil || n != 1 {
		t.Fatalf("%v after %d requests", err, n)
	}
	var lead map[string]any
	if err := json.Unmarshal(step.Document, &lead); err != nil || lead["campaign_name"] != "Winter" || lead["id"] != "1500000000000001" {
		t.Errorf("got %s, %v", step.Document, err)
	}
	// Without the permission for names there is the lead all the same.
	m.Change(func(m *fetchtest.Meta) { m.NoNames = true })
	step, n, err = fetchtest.Fetch(t, f, metaRef("1500000000000001"))
	if err != nil || n != 2 || !strings.Contains(string(step.Document), "kim0@example.com") {
		t.Errorf("got %s, %v after %d requests", step.Document, err, n)
	}
}

func TestMetaFetch_Failures(t *testing.T) {
	t.Parallel()
	m, url := standIn(t)
	good := newMeta(t, url, "EAAGoodToken", metaFetchOptions{})
	for name, c := range map[string]struct {
		change  func(*fetchtest.Meta)
		fetch   *metaFetch
		id      string
		problem ingest.FetchProblem
		text    string
	}{
		"expired token": {nil, newMeta(t, url, "EAAOldToken", metaFetchOptions{}), "", ingest.TokenRefused, "Session has expired"},
		"no token":      {nil, newMeta(t, url, "", metaFetchOptions{}), "", ingest.TokenRefused, "credentials.access_token"},
		"not there":     {nil, good, "1500000000009999", ingest.Missing, "does not exist"},
		"no id":         {nil, good, "../me", ingest.Missing, "id"},
		"denied":        {func(m *fetchtest.Meta) { m.Denied = true }, good, "", ingest.Missing, "(#10) Application does not have permission"},
		"throttled":     {func(m *fetchtest.Meta) { m.Busy = 1 }, good, "", ingest.Throttled, "too many calls"},
		"broken":        {func(m *fetchtest.Meta) { m.Broken = 1 }, good, "", ingest.Unavailable, "status 503"},
	} {
		m.Change(func(m *fetchtest.Meta) { m.Denied, m.Busy, m.Broken = false, 0, 0 })
		if c.change != nil {
			m.Change(c.change)
		}
		id := c.id
		if id == "" {
			id = "1500000000000001"
		}
		_, _, err := fetchtest.Fetch(t, c.fetch, metaRef(id))
		var failure *ingest.FetchError
		if !errors.As(err, &failure) || failure.Problem != c.problem || !strings.Contains(failure.Text, c.text) {
			t.Errorf("%s: got %v", name, err)
		} else if c.problem == ingest.Throttled && failure.After < time.Minute {
			t.Errorf("%s: ask again after %v", name, failure.After)
		}
	}
}

// What a lead's own page has a token for is asked with that.
func TestMetaFetch_TokenOfThePage(t *testing.T) {
	t.Parallel()
	_, url := standIn(t)
	f, err := newMetaFetch(ingest.SourceConfig{Credentials: map[string]string{
		"access_token": "EAAOther", "108877665544332": "EAAGoodToken",
	}}, metaFetchOptions{Options: fetch.Options{APIURL: url}})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := fetchtest.Fetch(t, f, metaRef("1500000000000001")); err != nil {
		t.Error(err)
	}
}

func TestMetaFetch_Usage(t *testing.T) {
	t.Parallel()
	for usage, want := range map[string]time.Duration{
		`{"call_count":20,"total_cputime":25,"total_time":10}`: 0,
		`{"call_count":80}`:       10 * time.Second,
		`{"total_cputime":95.5}`:  time.Minute,
		`{"total_time":100}`:      5 * time.Minute,
		`not JSON`:                0,
		`{"call_count":"ninety"}`: 0,
	} {
		quiet, _ := metaUsage(ingest.Response{Header: map[string][]string{"X-App-Usage": {usage}}})
		if quiet != want {
			t.Errorf("%s: %v, want %v", usage, quiet, want)
		}
	}
	_, regain := metaUsage(ingest.Response{Header: map[string][]string{
		"X-Business-Use-Case-Usage": {`{"1":[{"type":"leadgen","call_count":100,"estimated_time_to_regain_access":7}]}`},
	}})
	if regain != 7*time.Minute {
		t.Errorf("regain %v", regain)
	}
}

func TestMetaFetch_List(t *testing.T) {
	t.Parallel()
	m, url := standIn(t)
	ids := func(list []ingest.Listed) (all string) {
		for _, item := range list {
			all += item.Ref.ID[15:] + " "
		}
		return all
	}
	byForm := newMeta(t, url, "EAAGoodToken", metaFetchOptions{Forms: []text{"990000000000011"}})
	byPage := newMeta(t, url, "EAAGoodToken", metaFetchOptions{Pages: []text{"108877665544332"}})
	until := january.Add(365 * 24 * time.Hour)
	span := ingest.Span{From: january, To: until}
	for name, c := range map[string]struct {
		f    *metaFetch
		span ingest.Span
		want string
	}{
		"a form":  {byForm, span, "5 3 1 "},
		"a page":  {byPage, span, "5 3 1 4 2 "},
		"later":   {byPage, ingest.Span{From: january.Add(time.Hour), To: until}, "5 3 4 2 "},
		"between": {byPage, ingest.Span{From: january.Add(time.Hour), To: january.Add(48 * time.Hour)}, "2 "},
	} {
		for _, m.NoNames = range []bool{false, true} {
			list, err := fetchtest.List(t, c.f, c.span)
			if err != nil || ids(list) != c.want {
				t.Errorf("%s: %s, %v; want %s", name, ids(list), err, c.want)
			}
			for _, item := range list {
				step, n, err := fetchtest.Fetch(t, c.f, item.Ref, item.Answers...)
				if err != nil || n != 0 || !strings.Contains(string(step.Document), "@example.com") {
					t.Errorf("%s: %s: %v after %d requests", name, item.Ref.ID, err, n)
				}
			}
		}
	}
	if _, err := newMeta(t, url, "EAAGoodToken", metaFetchOptions{}).List(span, nil, nil); !errors.Is(err, errMetaForms) {
		t.Errorf("got %v", err)
	}
	if _, err := fetchtest.List(t, newMeta(t, url, "EAAOld", metaFetchOptions{Forms: []text{"1"}}), span); err == nil {
		t.Error("a list without a good token")
	}
}

func TestMetaFetch_Options(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]struct {
		o           metaFetchOptions
		credentials map[string]string
	}{
		"api_url":         {metaFetchOptions{Options: fetch.Options{APIURL: "http://graph.example.com"}}, nil},
		"give_up_after":   {metaFetchOptions{Options: fetch.Options{GiveUpAfter: "soon"}}, nil},
		"token_expires":   {metaFetchOptions{Options: fetch.Options{TokenExpires: "2026"}}, nil},
		"api_version":     {metaFetchOptions{APIVersion: "latest"}, nil},
		"forms":           {metaFetchOptions{Forms: []text{"me/accounts"}}, nil},
		"appsecret_proof": {metaFetchOptions{AppSecretProof: true}, nil},
		"credentials.key": {metaFetchOptions{}, map[string]string{"key": "value-of-it"}},
	} {
		_, err := newMetaFetch(ingest.SourceConfig{Credentials: c.credentials}, c.o)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "value-of-it") {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestMetaFetch_Prove(t *testing.T) {
	t.Parallel()
	m, url := standIn(t)
	m.Expires = january
	for name, c := range map[string]struct {
		token   string
		app     text
		expires time.Time
		problem ingest.FetchProblem
	}{
		"good":                   {"EAAGoodToken", "", time.Time{}, ""},
		"good, and its end told": {"EAAGoodToken", "4711", january, ""},
		"ended":                  {"EAAOldToken", "", time.Time{}, ingest.TokenRefused},
		"ended, and told":        {"EAAOldToken", "4711", time.Time{}, ingest.TokenRefused},
	} {
		f, err := newMetaFetch(ingest.SourceConfig{Secrets: []string{"s"}, Credentials: map[string]string{"access_token": c.token}},
			metaFetchOptions{Options: fetch.Options{APIURL: url}, AppID: c.app})
		if err != nil {
			t.Fatal(err)
		}
		f.Plan.Secrets = nil // it must stand in the address here
		expires, err := f.Proved(fetchtest.Carry(t, f, f.Prove()))
		var failure *ingest.FetchError
		if errors.As(err, &failure) != (c.problem != "") || failure != nil && failure.Problem != c.problem || !expires.Equal(c.expires) {
			t.Errorf("%s: %v, %v", name, expires, err)
		}
	}
	if newMeta(t, url, "", metaFetchOptions{}).Prove() != nil {
		t.Error("nothing to prove with")
	}
}
