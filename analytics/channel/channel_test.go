package channel_test

import (
	"encoding/json"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/leadgate/leadgate/analytics/channel"
)

// TestClassify_Golden goes through testdata/channels.tsv, in which every
// channel and every case that others got wrong has its lines.
func TestClassify_Golden(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/channels.tsv")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for n, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		if n == 0 || strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(line, "\t")
		if len(f) != 10 {
			t.Fatalf("line %d: %d columns, want 10", n+1, len(f))
		}
		want := channel.Result{Channel: f[0], Source: f[1], Medium: f[2], Inferred: f[3] == "inferred"}
		if got := channel.Classify(f[4], f[5], f[6], clickIDs(t, f[7]), f[8], f[9]); got != want {
			t.Errorf("line %d: got %+v, want %+v\n%s", n+1, got, want, line)
		}
		seen[f[0]] = true
	}
	for _, name := range channel.All {
		if !seen[name] {
			t.Errorf("no line for channel %s", name)
		}
	}
}

func clickIDs(t *testing.T, text string) map[string]string {
	t.Helper()
	ids := map[string]string{}
	for _, pair := range strings.FieldsFunc(text, func(r rune) bool { return r == ';' }) {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			t.Fatalf("click id %q", pair)
		}
		ids[name] = value
	}
	return ids
}

// TestClassify_URLSamples runs the URL samples of the project's vectors.
func TestClassify_URLSamples(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/url_samples.json")
	if err != nil {
		t.Fatal(err)
	}
	var samples []struct {
		URL, Referrer string
		Expect        struct {
			Channel     string
			ClickSource string `json:"click_source"`
			Inferred    bool
		}
	}
	if err := json.Unmarshal(text, &samples); err != nil {
		t.Fatal(err)
	}
	if len(samples) != 11 {
		t.Fatalf("%d samples, want 11", len(samples))
	}
	for _, s := range samples {
		page, err := url.Parse(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		q, ids := page.Query(), map[string]string{}
		for name := range q {
			if !strings.HasPrefix(name, "utm_") {
				ids[name] = q.Get(name)
			}
		}
		got := channel.Classify(q.Get("utm_source"), q.Get("utm_medium"), q.Get("utm_campaign"), ids, s.Referrer, s.URL)
		if got.Channel != s.Expect.Channel || got.Inferred != s.Expect.Inferred {
			t.Errorf("%s from %q: got %+v, want %+v", s.URL, s.Referrer, got, s.Expect)
		}
		if want := s.Expect.ClickSource; want != "" && got.Source != want {
			t.Errorf("%s: source %q, want %q", s.URL, got.Source, want)
		}
	}
}

// What was classified once is classified alike from its source and medium.
func TestClassify_Idempotent(t *testing.T) {
	t.Parallel()
	f := func(ids map[string]string, referrer string) {
		t.Helper()
		first := channel.Classify("", "", "", ids, referrer, "")
		again := channel.Classify(first.Source, first.Medium, "", nil, "", "")
		if again.Channel != first.Channel || again.Source != first.Source || again.Medium != first.Medium {
			t.Errorf("%v %q: %+v, then %+v", ids, referrer, first, again)
		}
	}
	f(nil, "")
	f(map[string]string{"gclid": "x"}, "")
	f(map[string]string{"dclid": "x"}, "")
	f(map[string]string{"gclid": "x"}, "https://youtu.be/")
	f(map[string]string{"fbclid": "x"}, "")
	f(nil, "https://www.google.fr/")
	f(nil, "https://www.amazon.es/")
	f(nil, "https://vimeo.com/1")
	f(nil, "https://blog.example.org/")
}

func TestOfCost(t *testing.T) {
	t.Parallel()
	f := func(source, medium, campaign, want, wantMedium string) {
		t.Helper()
		if got := channel.OfCost(source, medium, campaign); got.Channel != want || got.Medium != wantMedium || got.Inferred {
			t.Errorf("OfCost(%q, %q, %q) = %+v, want %s by %s", source, medium, campaign, got, want, wantMedium)
		}
	}
	f("google", "", "brand", channel.PaidSearch, "cpc")
	f("Facebook", " ", "", channel.PaidSocial, "cpc")
	f("youtube", "", "", channel.PaidVideo, "cpc")
	f("taboola", "", "", channel.PaidOther, "cpc")
	f("google", "display", "", channel.Display, "display")
	f("newsletter", "email", "", channel.Email, "email")
}

func TestPlatform(t *testing.T) {
	t.Parallel()
	f := func(source, want string) {
		t.Helper()
		if got := channel.Platform(source); got != want {
			t.Errorf("Platform(%q) = %q, want %q", source, got, want)
		}
	}
	f("FB", "facebook")
	f("m.facebook.com", "facebook")
	f("ig", "facebook")
	f("Google", "google")
	f("acme", "acme")
	f("", "")
}

// A lead of an advertisement's own form has no page whose tags could say where
// it is from: its platform was paid for it.
func TestOfAd(t *testing.T) {
	t.Parallel()
	f := func(platform, source, medium string, clicks map[string]string, referrer, want, asSource, asMedium string, inferred bool) {
		t.Helper()
		got := channel.OfAd(platform, source, medium, "", clicks, referrer, "")
		if got != (channel.Result{Channel: want, Source: asSource, Medium: asMedium, Inferred: inferred}) {
			t.Errorf("%s, %s/%s: %+v", platform, source, medium, got)
		}
	}
	f("facebook", "", "", nil, "", channel.PaidSocial, "facebook", "cpc", true)
	f("tiktok", "", "", nil, "", channel.PaidSocial, "tiktok", "cpc", true)
	f("google", "", "", nil, "", channel.PaidSearch, "google", "cpc", true)
	f("yandex", "", "", nil, "", channel.PaidSearch, "yandex", "cpc", true)
	f("linkedin", "LinkedIn", "", nil, "", channel.PaidSocial, "linkedin", "cpc", true)
	f("facebook", "ig", "", nil, "", channel.PaidSocial, "ig", "cpc", true)
	f("google", "", "", map[string]string{"gclid": "x"}, "", channel.PaidSearch, "google", "cpc", true)
	// What tags say stands.
	f("facebook", "newsletter", "email", nil, "", channel.Email, "newsletter", "email", false)
	f("facebook", "newsletter", "", nil, "", channel.Unassigned, "newsletter", "", false)
	// Without a platform it is a visit as any other.
	f("", "", "", nil, "https://www.google.com/", channel.OrganicSearch, "google", "organic", false)
	f("", "", "", nil, "", channel.Direct, channel.DirectSource, channel.NoMedium, false)
}
