package forms_test

import (
	"net/textproto"
	"net/url"
	"strings"
	"testing"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/forms"
)

// Whatever a form asks for, a visitor is only ever sent to the form's own host.
func FuzzNext(f *testing.F) {
	for _, next := range []string{
		"/thanks", "https://www.example.com/thanks?a=b#c", "//evil.example", `/\evil.example`, "https://www.example.com@evil.example/",
		"https://evil.example/", "javascript:alert(1)", "https:evil.example", "/%2fevil.example", "https://www.example.com:443/",
		"http://www.example.com", "///evil.example", "https://www.example.com\\@evil.example", "\t/thanks", "?a", "..//evil.example",
	} {
		f.Add(next, "https://www.example.com/form/")
	}
	source, err := forms.NewForm(ingest.SourceConfig{Name: "s", AllowedHosts: []string{"www.example.com"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, next, referer string) {
		values := url.Values{"_next": {next}, "email": {"kim@example.com"}}
		d := &ingest.Delivery{Body: []byte(values.Encode()), Header: textproto.MIMEHeader{
			"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"text/html"}, "Referer": {referer},
		}}
		location := source.(ingest.Responder).Respond(d, nil).Location
		if location == "" {
			return
		}
		u, err := url.Parse(location)
		if err != nil || u.Host != strings.ToLower(u.Host) && !strings.EqualFold(u.Host, "www.example.com") || u.User != nil ||
			!strings.EqualFold(strings.TrimSuffix(strings.TrimSuffix(u.Host, ":443"), ":80"), "www.example.com") ||
			!strings.HasPrefix(location, "https://www.example.com") && !strings.HasPrefix(strings.ToLower(location), "http") ||
			strings.ContainsAny(location, "\\\r\n\t ") {
			t.Errorf("%q leads to %q", next, location)
		}
	})
}
