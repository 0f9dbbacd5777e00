package forms

import (
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

func standInHubSpot(t *testing.T, contacts int) (*fetchtest.HubSpot, string) {
	t.Helper()
	h := &fetchtest.HubSpot{Left: "90"}
	h.Token = "pat-good"
	for i := range contacts {
		h.Contacts = append(h.Contacts, fetchtest.HubSpotContact{
			ID: fmt.Sprint(987654321 + i), Email: fmt.Sprintf("kim%d@example.com", i),
			Created: time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Minute),
		})
	}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return h, server.URL
}

func askHubSpot(t *testing.T, url string, credentials map[string]string) *hubSpotFetch {
	t.Helper()
	o := hubSpotFetchOptions{Options: fetch.Options{APIURL: url}, Properties: []string{"roof_type"}}
	h, err := newHubSpotFetch(ingest.SourceConfig{Credentials: credentials}, o, "700100", []string{"email", "createdate"})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHubSpotFetch(t *testing.T) {
	t.Parallel()
	h, url := standInHubSpot(t, 1)
	good := askHubSpot(t, url, map[string]string{"access_token": "pat-old", "700100": "pat-good"})
	ref := ingest.Reference{Kind: "contact", ID: "987654321", Args: map[string]string{"portal": "700100"}}
	step, n, err := fetchtest.Fetch(t, good, ref)
	if err != nil || n != 1 || !strings.Contains(string(step.Document), "kim0@example.com") || step.Quiet != 0 {
		t.Fatalf("%s, %v after %d requests", step.Document, err, n)
	}
	h.Change(func() { h.Left = "0" })
	if step, _, err := fetchtest.Fetch(t, good, ref); err != nil || step.Quiet != 10*time.Second {
		t.Errorf("the last of an interval: %v, %v", step.Quiet, err)
	}
	for name, c := range map[string]struct {
		change  func()
		fetch   *hubSpotFetch
		id      string
		problem ingest.FetchProblem
		after   time.Duration
	}{
		"expired":   {nil, askHubSpot(t, url, map[string]string{"access_token": "pat-old"}), "987654321", ingest.TokenRefused, 0},
		"no token":  {nil, askHubSpot(t, url, nil), "987654321", ingest.TokenRefused, 0},
		"not there": {nil, good, "1", ingest.Missing, 0},
		"no id":     {nil, good, "search", ingest.Missing, 0},
		"secondly":  {func() { h.Busy = 1 }, good, "987654321", ingest.Throttled, 10 * time.Second},
		"daily":     {func() { h.Busy, h.Policy = 1, "DAILY" }, good, "987654321", ingest.Throttled, time.Hour},
		"broken":    {func() { h.Broken = 1 }, good, "987654321", ingest.Unavailable, 0},
	} {
		h.Change(func() {
			if h.Busy, h.Broken, h.Policy = 0, 0, ""; c.change != nil {
				c.change()
			}
		})
		_, _, err := fetchtest.Fetch(t, c.fetch, ingest.Reference{Kind: "contact", ID: c.id, Args: ref.Args})
		var failure *ingest.FetchError
		if !errors.As(err, &failure) || failure.Problem != c.problem || failure.After != c.after {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// A search shows 10,000: what is behind them is searched for anew.
func TestHubSpotFetch_List(t *testing.T) {
	t.Parallel()
	h, url := standInHubSpot(t, 150)
	f := askHubSpot(t, url, map[string]string{"access_token": "pat-good"})
	from := h.Contacts[0].Created
	list, err := fetchtest.List(t, f, ingest.Span{From: from.Add(time.Minute), To: from.Add(140 * time.Minute)})
	if err != nil || len(list) != 139 || list[0].Ref.ID != "987654322" || list[0].Ref.Args["portal"] != "700100" {
		t.Fatalf("%d are listed, %v", len(list), err)
	}
	if step, n, err := fetchtest.Fetch(t, f, list[0].Ref, list[0].Answers...); err != nil || n != 0 || len(step.Document) == 0 {
		t.Errorf("%v after %d requests", err, n)
	}
	answer := ingest.Response{Status: 200, Body: []byte(`{"results":[{"id":"5","properties":{"createdate":"2026-01-07T00:00:00.000Z"}}],"paging":{"next":{"after":"10000"}}}`)}
	page, err := f.List(ingest.Span{From: from, To: from.Add(time.Hour)}, nil, &answer)
	if want := fmt.Sprintf(`{"from":%d}`, time.Date(2026, 1, 7, 0, 0, 0, 0, time.UTC).UnixMilli()); err != nil || string(page.State) != want {
		t.Errorf("behind 10,000: %s, %v, want %s", page.State, err, want)
	}
	f.portal = ""
	if _, err := f.List(ingest.Span{}, nil, nil); !errors.Is(err, errHubSpotPortal) {
		t.Errorf("without the account: %v", err)
	}
}
