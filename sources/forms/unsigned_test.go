package forms_test

import (
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/forms"
	"github.com/leadgate/leadgate/sources/sourcetest"
)

func gravityForms() sourcetest.Options {
	return sourcetest.Options{
		New:     forms.NewGravityForms,
		Config:  ingest.SourceConfig{DefaultRegion: "US", Secrets: []string{"an-older-secret", "gravity-own-secret"}},
		Dir:     "testdata/gravity-forms",
		Methods: []string{"GET", "PUT", "PATCH"},
	}
}

func elementor() sourcetest.Options {
	return sourcetest.Options{
		New:    forms.NewElementor,
		Config: ingest.SourceConfig{DefaultRegion: "US", Secrets: []string{"elementor-own-secret"}},
		Dir:    "testdata/elementor",
		Query:  true,
	}
}

func contactForm7() sourcetest.Options {
	return sourcetest.Options{
		New:     forms.NewContactForm7,
		Config:  ingest.SourceConfig{DefaultRegion: "US", Secrets: []string{"cf7-own-secret"}},
		Dir:     "testdata/contact-form-7",
		Methods: []string{"GET", "PUT", "PATCH"},
		Headers: []string{"X-Api-Key"},
	}
}

func wpForms() sourcetest.Options {
	return sourcetest.Options{
		New:     forms.NewWPForms,
		Config:  ingest.SourceConfig{DefaultRegion: "US", Secrets: []string{"wpforms-own-secret"}},
		Dir:     "testdata/wpforms",
		Methods: []string{"GET", "PUT", "PATCH"},
		Headers: []string{"Authorization"},
	}
}

func unbounce() sourcetest.Options {
	return sourcetest.Options{
		New:    forms.NewUnbounce,
		Config: ingest.SourceConfig{DefaultRegion: "US", Secrets: []string{"unbounce-own-secret"}},
		Dir:    "testdata/unbounce",
		Query:  true,
	}
}

func tilda() sourcetest.Options {
	return sourcetest.Options{
		New:    forms.NewTilda,
		Config: ingest.SourceConfig{DefaultRegion: "RU", Secrets: []string{"tilda-own-secret"}},
		Dir:    "testdata/tilda",
	}
}

func zapier() sourcetest.Options {
	return sourcetest.Options{
		New:     forms.NewZapier,
		Config:  ingest.SourceConfig{DefaultRegion: "US", Secrets: []string{"zapier-own-secret"}},
		Dir:     "testdata/zapier-generic",
		Methods: []string{"PUT", "PATCH"},
		Headers: []string{"Authorization"},
	}
}

func TestGravityForms(t *testing.T) { sourcetest.Run(t, gravityForms()) }
func TestElementor(t *testing.T)    { sourcetest.Run(t, elementor()) }
func TestContactForm7(t *testing.T) { sourcetest.Run(t, contactForm7()) }
func TestWPForms(t *testing.T)      { sourcetest.Run(t, wpForms()) }
func TestUnbounce(t *testing.T)     { sourcetest.Run(t, unbounce()) }
func TestTilda(t *testing.T)        { sourcetest.Run(t, tilda()) }
func TestZapier(t *testing.T)       { sourcetest.Run(t, zapier()) }

func FuzzGravityForms(f *testing.F) { sourcetest.Fuzz(f, gravityForms()) }
func FuzzElementor(f *testing.F)    { sourcetest.Fuzz(f, elementor()) }
func FuzzContactForm7(f *testing.F) { sourcetest.Fuzz(f, contactForm7()) }
func FuzzWPForms(f *testing.F)      { sourcetest.Fuzz(f, wpForms()) }
func FuzzUnbounce(f *testing.F)     { sourcetest.Fuzz(f, unbounce()) }
func FuzzTilda(f *testing.F)        { sourcetest.Fuzz(f, tilda()) }
func FuzzZapier(f *testing.F)       { sourcetest.Fuzz(f, zapier()) }

func BenchmarkGravityForms(b *testing.B) { sourcetest.Bench(b, gravityForms(), "all-fields") }
func BenchmarkElementor(b *testing.B)    { sourcetest.Bench(b, elementor(), "advanced") }
func BenchmarkContactForm7(b *testing.B) { sourcetest.Bench(b, contactForm7(), "json") }
func BenchmarkWPForms(b *testing.B)      { sourcetest.Bench(b, wpForms(), "json") }
func BenchmarkUnbounce(b *testing.B)     { sourcetest.Bench(b, unbounce(), "json") }
func BenchmarkUnbounceXML(b *testing.B)  { sourcetest.Bench(b, unbounce(), "xml") }
func BenchmarkTilda(b *testing.B)        { sourcetest.Bench(b, tilda(), "form") }
func BenchmarkZapier(b *testing.B)       { sourcetest.Bench(b, zapier(), "flat-json") }

var noon = time.Date(2026, 1, 5, 12, 0, 5, 0, time.UTC)

func posted(media, body string) *ingest.Delivery {
	return &ingest.Delivery{
		Method: "POST", URL: "https://leads.example.net/in/s", ReceivedAt: noon,
		Header: textproto.MIMEHeader{"Content-Type": {media}}, Body: []byte(body),
	}
}

// The times of an entry are UTC, those of a mapped field the source's own.
func TestGravityForms_DateIsUTC(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	body := `{"id":"1","form_id":"7","date_created":"2026-01-05 12:00:03","2":"kim.lee@example.com","5":"2026-01-05 12:00:03"}`
	for field, want := range map[string]string{
		"date_created": "2026-01-05T12:00:03Z",
		"5":            "2026-01-05T11:00:03Z",
	} {
		source, err := forms.NewGravityForms(ingest.SourceConfig{
			Location: berlin, Secrets: []string{"own-secret"},
			Options: map[string]any{"fields": map[string]any{"occurred_at": field}},
		})
		if err != nil {
			t.Fatal(err)
		}
		events, err := source.Decode(posted("application/json", body))
		if err != nil {
			t.Fatal(err)
		}
		if got := events[0].OccurredAt.Format(time.RFC3339); got != want {
			t.Errorf("occurred_at mapped to %s: %s, want %s", field, got, want)
		}
	}
}

// What was removed before keeping changes nothing of what is read.
func TestTilda_RedactKeepsTheLead(t *testing.T) {
	t.Parallel()
	source, err := forms.NewTilda(ingest.SourceConfig{
		Secrets: []string{"tilda-own-secret"}, Options: map[string]any{"api_key_field": "api"}, Location: time.UTC,
	})
	if err != nil {
		t.Fatal(err)
	}
	const cookies = "PHPSESSID=own-session-1; sid=own-session-2; _gcl_aw=GCL.1767614403.OwnGclid_1; TILDAUTM=utm_term%3Droof%2520repair"
	for name, d := range map[string]*ingest.Delivery{
		"form": posted("application/x-www-form-urlencoded",
			"api=tilda-own-secret&Email=ivan%40example.com&COOKIES="+strings.NewReplacer("%", "%25", ";", "%3B", " ", "+").Replace(cookies)+"&x=1"),
		"json": posted("application/json",
			`{"api":"tilda-own-secret","Email":"ivan@example.com","x":["1","2"],"cookies":"`+cookies+`"}`),
		"multipart": posted("multipart/form-data; boundary=b", strings.ReplaceAll(
			"--b\nContent-Disposition: form-data; name=\"COOKIES\"\n\n"+cookies+
				"\n--b\nContent-Disposition: form-data; name=\"Email\"\n\nivan@example.com"+
				"\n--b\nContent-Disposition: form-data; name=\"api\"\n\ntilda-own-secret\n--b--\n", "\n", "\r\n")),
	} {
		if err := source.Verify(d); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		before, err := source.Decode(d)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if tag := before[0].Lead.Tagging; tag.Term != "roof repair" || tag.ClickIDs["gclid"] != "OwnGclid_1" {
			t.Errorf("%s: the cookies are not read: %+v", name, tag)
		}
		source.(ingest.Redactor).Redact(d)
		if text := string(d.Body); strings.Contains(text, "session") || strings.Contains(text, "secret") || strings.Contains(strings.ToUpper(text), "COOKIES") {
			t.Errorf("%s: it is kept with what is secret: %s", name, text)
		}
		after, err := source.Decode(d)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if before[0].Key != after[0].Key || after[0].Lead.Tagging.Term != "roof repair" ||
			after[0].Lead.Person.Answers["x"] != before[0].Lead.Person.Answers["x"] || after[0].Lead.Tagging.ClickIDs["gclid"] != "OwnGclid_1" {
			t.Errorf("%s: redacted it is another lead: %+v", name, after[0].Lead)
		}
	}
	unreadable := posted("application/octet-stream", "PHPSESSID=own-session-1")
	source.(ingest.Redactor).Redact(unreadable)
	if len(unreadable.Body) > 0 {
		t.Error("what cannot be read is kept with whatever it holds")
	}
}

func TestTilda_ProbeIsNothingElse(t *testing.T) {
	t.Parallel()
	source, err := forms.NewTilda(ingest.SourceConfig{
		Secrets: []string{"tilda-own-secret"}, Options: map[string]any{"api_key_field": "api"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]bool{
		"test=test": true, "test=test&api=": true, "api=tilda-own-secret&test=test": true,
		"test=test&Name=Kim": false, "test=Test": false, "test=test&test=test": false, "api=x": false,
		"test=test&api=" + strings.Repeat("x", 2000): false,
	} {
		answer, got := source.(ingest.Challenger).Challenge(posted("application/x-www-form-urlencoded", body))
		if got != want || got && (answer.Status != 200 || string(answer.Body) != "ok") {
			t.Errorf("%.40s: answered %t with %+v", body, got, answer)
		}
	}
}

// Every type refuses to start without a secret unless it is told to be open.
func TestUnsigned_Insecure(t *testing.T) {
	t.Parallel()
	for name, construct := range map[string]func(ingest.SourceConfig) (ingest.Source, error){
		"gravity-forms": forms.NewGravityForms, "elementor": forms.NewElementor, "contact-form-7": forms.NewContactForm7,
		"wpforms": forms.NewWPForms, "unbounce": forms.NewUnbounce, "tilda": forms.NewTilda, "zapier-generic": forms.NewZapier,
	} {
		if _, err := construct(ingest.SourceConfig{}); err == nil || !strings.Contains(err.Error(), "insecure") {
			t.Errorf("%s without a secret: %v", name, err)
		}
		source, err := construct(ingest.SourceConfig{Options: map[string]any{"insecure": true}})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := source.Verify(posted("application/json", "{}")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := construct(ingest.SourceConfig{Secrets: []string{"x"}, Options: map[string]any{"fields": map[string]any{"e-mail": "x"}}}); err == nil {
			t.Errorf("%s takes a mapping of an unknown meaning", name)
		}
	}
}
