package sources_test

import (
	"encoding/json"
	"fmt"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources"
)

// BenchmarkDecode decodes the bodies that cmd/bench sends, and one form as people
// fill it in: a national phone number, letters beyond ASCII.
func BenchmarkDecode(b *testing.B) {
	const id = "0123456789abcdef"
	message := strings.Repeat("We would like to have the roof of our house looked at. ", 8)
	form := `{"id":"` + id + `","name":"Bench Person","email":"p` + id + `@example.com","phone":"%s","message":"` + message + `%s",` +
		`"page_url":"https://www.example.com/offer?utm_source=google&utm_medium=cpc&utm_campaign=winter&gclid=Cj0KCQ` + id + `"` +
		`,"visitor_id":"v` + id + `","service":"roof","budget":"10000-20000"}`
	encoded := "id=" + id + "&name=Bench+Person&email=p" + id + "%40example.com&phone=%2B15125550142&message=" +
		strings.ReplaceAll(message, " ", "+") + "&visitor_id=v" + id +
		"&page_url=https%3A%2F%2Fwww.example.com%2Foffer%3Futm_source%3Dgoogle%26gclid%3DCj0KCQ" + id + "&service=roof"
	touches := make([]string, 10)
	for i := range touches {
		touches[i] = fmt.Sprintf(`{"id":"%s-%d","visitor_id":"v%s","url":"https://www.example.com/page/%d?utm_source=google&utm_medium=cpc&gclid=Cj0%s",`+
			`"referrer":"https://www.google.com/"}`, id, i, id, i, id)
	}
	const object = "application/json"
	for _, c := range []struct{ name, source, media, body string }{
		{"JSONForm", "form", object, fmt.Sprintf(form, "+15125550142", "")},
		{"JSONFormNational", "form", object, fmt.Sprintf(form, "(512) 555-0142", `\nSchöne Grüße`)},
		{"URLEncodedForm", "form", "application/x-www-form-urlencoded", encoded},
		{"Beacon", "click", object, "[" + strings.Join(touches, ",") + "]"},
	} {
		b.Run(c.name, func(b *testing.B) {
			config := ingest.SourceConfig{Type: c.source, Name: "landing", Workspace: "default", DefaultRegion: "US", Location: time.UTC}
			in, err := sources.New(config)
			if err != nil {
				b.Fatal(err)
			}
			d := &ingest.Delivery{
				ID: "01K000000000000000000000AA", Source: "landing", ReceivedAt: time.Unix(1767614400, 0).UTC(), Method: "POST",
				URL: "https://leads.example.net/in/landing", Body: []byte(c.body),
				Header: textproto.MIMEHeader{"Content-Type": {c.media}, "Accept": {object}, "User-Agent": {"leadgate-bench"}},
			}
			if c.media == object && !json.Valid(d.Body) {
				b.Fatal("the body is no JSON")
			}
			b.SetBytes(int64(len(d.Body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := in.Decode(d); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
