package ads_test

import (
	"encoding/json"
	"net/textproto"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/ads"
	"github.com/leadgate/leadgate/sources/sourcetest"
)

func linkedInHarness() sourcetest.Options {
	return sourcetest.Options{
		New: ads.NewLinkedIn, Dir: "testdata/linkedin", Signed: true, Headers: []string{"X-Li-Signature"},
		Config: ingest.SourceConfig{
			Name: "linkedin", Secrets: []string{"WPL_AP1.ownInventedClientSecret.9aX", "own-second-secret"}, DefaultRegion: "US",
		},
	}
}

func TestLinkedIn(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, linkedInHarness())
}

func TestLinkedIn_Vectors(t *testing.T) {
	t.Parallel()
	sourcetest.Vectors(t, ads.NewLinkedIn, "testdata/linkedin/vectors.json")
}

func FuzzLinkedIn(f *testing.F)      { sourcetest.Fuzz(f, linkedInHarness()) }
func BenchmarkLinkedIn(b *testing.B) { sourcetest.Bench(b, linkedInHarness(), "lead") }

// Challenges are answered with a signature of what was sent: nobody may get that
// of a notification, or of anything else but a UUID.
func TestLinkedIn_ChallengeSignsNothingElse(t *testing.T) {
	t.Parallel()
	source, err := ads.NewLinkedIn(linkedInHarness().Config)
	if err != nil {
		t.Fatal(err)
	}
	const uuid = "2f6c1b9e-8d43-4a70-9e15-c0b7a3d2f481"
	for code, good := range map[string]bool{
		uuid: true, strings.ToUpper(uuid): true, "": false, uuid + "0": false, uuid[:35]: false, " " + uuid[1:]: false,
		strings.ReplaceAll(uuid, "-", "") + "0000": false, "2f6c1b9e8-d43-4a70-9e15-c0b7a3d2f481": false,
		`hmacsha256={"type":"LEAD_ACTION","a":1}`: false, "hmacsha2-56={-}{}{-{}{}-{}{}{}{}{}{}": false,
	} {
		d := &ingest.Delivery{Method: "GET", URL: "https://leads.example.net/in/linkedin?challengeCode=" + url.QueryEscape(code)}
		answer, ok := source.(ingest.Challenger).Challenge(d)
		var body struct{ ChallengeCode, ChallengeResponse string }
		err := json.Unmarshal(answer.Body, &body)
		if !ok || (answer.Status == 200) != good || good != (err == nil && body.ChallengeCode == code && len(body.ChallengeResponse) == 64) {
			t.Errorf("%q: %d %s", code, answer.Status, answer.Body)
		}
	}
	if _, ok := source.(ingest.Challenger).Challenge(&ingest.Delivery{Method: "POST", URL: "/in/linkedin?challengeCode=" + uuid}); ok {
		t.Error("a POST was taken for a challenge")
	}
}

func TestNewLinkedIn_Applications(t *testing.T) {
	t.Parallel()
	c := linkedInHarness().Config
	c.Options = map[string]any{"applications": []any{1, "b", "c"}}
	if _, err := ads.NewLinkedIn(c); err == nil || !strings.Contains(err.Error(), "options.applications") {
		t.Errorf("three applications with two secrets: %v", err)
	}
}

// A deleted lead stays empty: what is fetched or announced later ranks below.
func TestLinkedIn_DeletedStays(t *testing.T) {
	t.Parallel()
	source, err := ads.NewLinkedIn(linkedInHarness().Config)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	decode := func(method, body string, at time.Time) ingest.Event {
		t.Helper()
		events, err := source.Decode(&ingest.Delivery{Method: method, Body: []byte(body), ReceivedAt: at, Header: textproto.MIMEHeader{}})
		if err != nil || len(events) != 1 {
			t.Fatal(events, err)
		}
		return events[0]
	}
	const notice = `{"type":"LEAD_ACTION","leadGenFormResponse":"urn:li:leadGenFormResponse:r-1","leadAction":`
	deleted := decode("POST", notice+`"DELETED"}`, at)
	announced := decode("POST", notice+`"CREATED"}`, at.Add(time.Hour))
	fetched := decode(ingest.Fetched, `{"response":{"id":"r-1"},"form":null}`, at.Add(10*365*24*time.Hour))
	rank := (&ingest.Delivery{ReceivedAt: at.Add(10 * 365 * 24 * time.Hour)}).Rank()
	if deleted.Key != fetched.Key || deleted.Key != announced.Key || fetched.Version != 0 {
		t.Errorf("not states of one lead: %+v %+v %+v", deleted, announced, fetched)
	}
	if deleted.Version <= rank || deleted.Version <= announced.Version {
		t.Errorf("version %d does not outrank %d", deleted.Version, rank)
	}
	if deleted.Version > 1<<53 {
		t.Errorf("version %d is more than Redis can compare", deleted.Version)
	}
	if deleted.Fetch != nil || deleted.Lead.Person.Answers != nil || deleted.Lead.Person.Email != "" {
		t.Errorf("a deleted lead has %+v", deleted.Lead)
	}
}
