package clicks_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/clicks"
	"github.com/leadgate/leadgate/sources/sourcetest"
)

func click() sourcetest.Options {
	return sourcetest.Options{
		New: clicks.NewClick, Config: ingest.SourceConfig{Name: "clicks"}, Dir: "testdata/click", FirstParty: true, Open: true,
	}
}

func status() sourcetest.Options {
	return sourcetest.Options{
		New: clicks.NewStatus,
		Config: ingest.SourceConfig{
			Name: "crm", Secrets: []string{"own-former-token", "own-crm-token"}, DefaultRegion: "US", Currency: "USD",
		},
		Dir:        "testdata/status",
		FirstParty: true,
		Headers:    []string{"Authorization"},
	}
}

func TestClick(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, click())
}

func TestStatus(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, status())
}

// A click source that is given secrets is no longer open.
func TestClick_WithSecrets(t *testing.T) {
	t.Parallel()
	source, err := clicks.NewClick(ingest.SourceConfig{Secrets: []string{"own-token"}})
	if err != nil {
		t.Fatal(err)
	}
	d := &ingest.Delivery{URL: "https://leads.example.net/in/clicks"}
	if source.Verify(d) == nil {
		t.Error("accepted without a token")
	}
	d.URL += "?token=own-token"
	if err := source.Verify(d); err != nil {
		t.Error(err)
	}
	if _, err := clicks.NewClick(ingest.SourceConfig{Secrets: []string{""}}); err == nil {
		t.Error("an empty secret is accepted")
	}
}

// What makes two deliveries the same click or the same news.
func TestKeys(t *testing.T) {
	t.Parallel()
	location := ingest.SourceConfig{Location: time.UTC, Secrets: []string{"x"}}
	newClick, _ := clicks.NewClick(ingest.SourceConfig{Location: time.UTC})
	newStatus, err := clicks.NewStatus(location)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1767614400, 0)
	key := func(source ingest.Source, delivery, body string, received time.Time) string {
		t.Helper()
		events, err := source.Decode(&ingest.Delivery{ID: delivery, ReceivedAt: received, Body: []byte(body)})
		if err != nil {
			t.Fatal(body, err)
		}
		return events[0].Key
	}
	f := func(source ingest.Source, first, second string, later time.Duration, same bool) {
		t.Helper()
		if got := key(source, "d1", first, at) == key(source, "d2", second, at.Add(later)); got != same {
			t.Errorf("%s, then %s: same %v, want %v", first, second, got, same)
		}
	}
	const timed = `{"visitor_id":"v","url":"https://a.example/","occurred_at":"2026-01-05T12:00:00Z"}`
	f(newClick, timed, timed, time.Hour, true)
	f(newClick, timed, strings.Replace(timed, "12:00:00Z", "13:00:00+01:00", 1), 0, true)
	f(newClick, timed, strings.Replace(timed, "12:00", "12:01", 1), 0, false)
	f(newClick, timed, strings.Replace(timed, `"v"`, `"w"`, 1), 0, false)
	f(newClick, `{"id":"1","url":"https://a.example/"}`, `{"id":"1","url":"https://b.example/"}`, 0, true)
	f(newClick, `{"visitor_id":"v","url":"https://a.example/"}`, `{"visitor_id":"v","url":"https://a.example/"}`, 0, false)
	f(newStatus, `{"lead_id":"x","status":"won"}`, `{"lead_id":"x","status":"won"}`, time.Hour, true)
	f(newStatus, `{"lead_id":"x","status":"won"}`, `{"lead_id":"x","status":"won"}`, 24*time.Hour, false)
	f(newStatus, `{"lead_id":"x","status":"won"}`, `{"lead_id":"x","status":"lost"}`, 0, false)
	f(newStatus, `{"email":"Kim@a.example","status":"won"}`, `{"email":"kim@a.example","status":"won"}`, 0, true)
}

func FuzzClick(f *testing.F)  { sourcetest.Fuzz(f, click()) }
func FuzzStatus(f *testing.F) { sourcetest.Fuzz(f, status()) }

func BenchmarkClick(b *testing.B)  { sourcetest.Bench(b, click(), "one") }
func BenchmarkStatus(b *testing.B) { sourcetest.Bench(b, status(), "won") }

func BenchmarkClick_List(b *testing.B) {
	source, err := clicks.NewClick(ingest.SourceConfig{Location: time.UTC})
	if err != nil {
		b.Fatal(err)
	}
	list := make([]string, 500)
	for i := range list {
		list[i] = fmt.Sprintf(`{"id":"%d","visitor_id":"v%d","url":"https://www.example.com/?utm_source=google&gclid=Cj0own%d"}`, i, i, i)
	}
	d := &ingest.Delivery{ReceivedAt: time.Unix(1767614400, 0), Body: []byte("[" + strings.Join(list, ",") + "]")}
	b.SetBytes(int64(len(d.Body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := source.Decode(d); err != nil {
			b.Fatal(err)
		}
	}
}
