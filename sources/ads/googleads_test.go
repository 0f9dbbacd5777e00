package ads_test

import (
	"encoding/json"
	"errors"
	"net/textproto"
	"os"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/ads"
	"github.com/leadgate/leadgate/sources/sourcetest"
)

func harness() sourcetest.Options {
	return sourcetest.Options{New: ads.NewGoogleAds, Config: config(), Dir: "testdata/google-ads"}
}

func config() ingest.SourceConfig {
	return ingest.SourceConfig{
		Name: "google", Secrets: []string{"own-former-key", "own-google-key"}, DefaultRegion: "US", Location: time.UTC,
	}
}

func TestGoogleAds(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, harness())
}

func TestGoogleAds_SignatureVectors(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/google-ads-signatures.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct{ ID, Secret, URL, Body, Expected, Why string }
	if err := json.Unmarshal(text, &vectors); err != nil || len(vectors) == 0 {
		t.Fatal("no vectors", err)
	}
	for _, v := range vectors {
		c := config()
		c.Secrets = []string{v.Secret}
		source, err := ads.NewGoogleAds(c)
		if err != nil {
			t.Fatal(err)
		}
		d := &ingest.Delivery{URL: v.URL, Body: []byte(v.Body), Header: textproto.MIMEHeader{}}
		if err := source.Verify(d); (err == nil) != (v.Expected == "valid") || err != nil && !errors.Is(err, ingest.ErrUnverified) {
			t.Errorf("%s (%s): got %v, want %s", v.ID, v.Why, err, v.Expected)
		}
	}
}

// Taking the key out leaves every other byte, whatever stands around it.
func TestGoogleAds_Redact(t *testing.T) {
	t.Parallel()
	source, err := ads.NewGoogleAds(config())
	if err != nil {
		t.Fatal(err)
	}
	f := func(body, want string) {
		t.Helper()
		d := &ingest.Delivery{Body: []byte(body)}
		source.(ingest.Redactor).Redact(d)
		if string(d.Body) != want {
			t.Errorf("%s:\n got %s\nwant %s", body, d.Body, want)
		}
	}
	f(`{"google_key":"k"}`, `{}`)
	f(`{"google_key":"k","a":9007199254740993}`, `{"a":9007199254740993}`)
	f(`{ "google_key" : "k" , "a":1}`, `{  "a":1}`)
	f(`{"a":1.50,"google_key":"k","b":"\u00e9"}`, `{"a":1.50,"b":"\u00e9"}`)
	f("{\"a\":1,\n \"google_key\":\"k\"\n}", "{\"a\":1\n}")
	f(`{"a":{"google_key":"other"},"google_key":["k"]}`, `{"a":{"google_key":"other"}}`)
	f(`{"Google_Key":"x","a":1,"googl\u0065_key":"k"}`, `{"a":1}`)
	f(`{"a":1}`, `{"a":1}`)
	f(`not json google_key`, ``)
}

func FuzzGoogleAds(f *testing.F)      { sourcetest.Fuzz(f, harness()) }
func BenchmarkGoogleAds(b *testing.B) { sourcetest.Bench(b, harness(), "lead") }

// A redacted body must mean the same, and hold no key.
func FuzzGoogleAds_Redact(f *testing.F) {
	f.Add(`{"google_key":"own-google-key","lead_id":"1","a":[1,2]}`)
	f.Add(`{"lead_id":"1", "GOOGLE_KEY" : "own-google-key" }`)
	source, err := ads.NewGoogleAds(config())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body string) {
		var before, after map[string]json.RawMessage
		if json.Unmarshal([]byte(body), &before) != nil || before == nil {
			t.Skip()
		}
		d := &ingest.Delivery{Body: []byte(body)}
		source.(ingest.Redactor).Redact(d)
		if err := json.Unmarshal(d.Body, &after); err != nil {
			t.Fatalf("%q became %q: %v", body, d.Body, err)
		}
		if source.Verify(d) == nil {
			t.Errorf("%q still holds the key", d.Body)
		}
		for name, value := range after {
			if string(before[name]) != string(value) {
				t.Errorf("%q: member %q changed", body, name)
			}
		}
	})
}

// After a 4xx Google never sends the lead again: only what cannot be mended by
// sending it again is answered so.
func TestGoogleAds_Refuse(t *testing.T) {
	t.Parallel()
	source, err := ads.NewGoogleAds(config())
	if err != nil {
		t.Fatal(err)
	}
	for status, want := range map[int]int{400: 400, 401: 401, 405: 405, 408: 503, 413: 413, 415: 415, 429: 503, 500: 500, 503: 503} {
		answer, ok := source.(ingest.Refuser).Refuse(ingest.Refusal{Status: status, Code: "code", Message: `why "so"`})
		if !ok || answer.Status != want || answer.ContentType != "application/json" || string(answer.Body) != `{"message":"why \"so\""}` {
			t.Errorf("%d: got %d %s, want %d", status, answer.Status, answer.Body, want)
		}
	}
}
