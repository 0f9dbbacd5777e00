// Package forms reads what people fill in: plain HTML forms, JSON with a
// mapping, and form services.
//
// Its law: what a visitor typed is kept whole, what only steers the form is
// not an answer, and no answer of ours leads a visitor to a foreign host.
package forms

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/normalize"
	"github.com/leadgate/leadgate/sources/signature"
)

// Form is a form on the advertiser's own pages: urlencoded, multipart or one
// JSON object. A browser that posts it is sent on with 303 to _next (only to
// the form's own hosts) or to the configured thank-you page, or is shown a
// page of ours; scripts get the door's ordinary JSON answer.
//
// The encodings: https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#form-submission-2
type Form struct {
	config  ingest.SourceConfig
	options formOptions
	mapping *fields.Mapping
}

type formOptions struct {
	ThankYouURL string            `json:"thank_you_url"` // where a browser goes after a post
	Honeypot    []string          `json:"honeypot"`      // fields that only robots fill, besides _gotcha and _honey
	Fields      map[string]string `json:"fields"`        // meaning -> name of the field
	Required    []string          `json:"required"`      // meanings, or names of fields, that must not be empty
}

// NewForm is the constructor of the type "form". It needs no secret, since a
// page cannot keep one; if secrets are given, posts must carry one of them.
func NewForm(config ingest.SourceConfig) (ingest.Source, error) {
	f := &Form{config: config}
	if err := config.DecodeOptions(&f.options); err != nil {
		return nil, err
	}
	if len(config.Secrets) > 0 {
		if err := config.RequireSecrets(); err != nil {
			return nil, err
		}
	}
	if address := f.options.ThankYouURL; address != "" {
		if u, err := url.Parse(address); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
			return nil, fmt.Errorf("options: thank_you_url: not an http or https address (got %q)", address)
		}
	}
	mapping, err := fields.NewMapping(f.options.Fields, f.options.Honeypot...)
	if err != nil {
		return nil, err
	}
	f.mapping = mapping
	return f, nil
}

// Verify asks for a token only if the source has secrets.
func (f *Form) Verify(d *ingest.Delivery) error {
	if len(f.config.Secrets) == 0 {
		return nil
	}
	return signature.Token(d, f.config.Secrets)
}

// Decode reads one lead.
func (f *Form) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	sent, err := fields.Parse(d)
	if err != nil {
		return nil, err
	}
	form := f.mapping.Read(sent)
	if err := f.validate(form); err != nil {
		return nil, err
	}
	lead := form.Lead
	if lead.PageURL == "" {
		lead.PageURL = d.Header.Get("Referer")
	}
	if untagged(lead.Tagging) && untagged(normalize.Tagging(lead.PageURL)) {
		tagFromCookies(d, &lead.Tagging)
	}
	event, err := form.Event(d.ReceivedAt, f.config.Location)
	if err != nil {
		return nil, err
	}
	return []ingest.Event{event}, nil
}

func untagged(t ingest.Tagging) bool {
	return t.Source == "" && t.Medium == "" && t.Campaign == "" && len(t.ClickIDs) == 0
}

// cookieLife is how old a click may be that only a cookie still tells of.
const cookieLife = 30 * 24 * time.Hour

// tagFromCookies reads the click ids that scripts of advertising platforms
// keep in first-party cookies, for a form whose page has lost its tagging.
func tagFromCookies(d *ingest.Delivery, tagging *ingest.Tagging) {
	for _, line := range d.Header["Cookie"] {
		cookies, err := http.ParseCookie(line)
		if err != nil {
			continue
		}
		for _, cookie := range cookies {
			param, id, at, ok := normalize.ClickIDFromCookie(cookie.Name, cookie.Value)
			if ok && d.ReceivedAt.Sub(at).Abs() <= cookieLife {
				normalize.AddTag(tagging, param, id)
			}
		}
	}
}

func (f *Form) validate(form *fields.Form) error {
	invalid := new(ingest.InvalidError)
	for _, name := range f.options.Required {
		if !form.Has(name) {
			invalid.Add(name, "missing")
		}
	}
	if !form.Contact && len(invalid.Fields) == 0 {
		invalid.Add("email", "no e-mail, phone, name or message was found in the form; "+
			"if its fields have other names, map them with options.fields")
	}
	return invalid.Err()
}

// Respond answers a browser's own post with a page to go to. Whatever became
// of the post (a honeypot, a repetition), the answer is the same.
func (f *Form) Respond(d *ingest.Delivery, _ []ingest.Event) ingest.Answer {
	media, _, err := fields.MediaOf(d)
	if err != nil || media == fields.JSON || !strings.Contains(d.Header.Get("Accept"), "text/html") {
		return ingest.Answer{}
	}
	if sent, err := fields.Parse(d); err == nil {
		if next := f.next(first(sent, "_next", "_redirect"), first(sent, "page_url"), d.Header.Get("Referer")); next != "" {
			return ingest.Answer{Status: seeOther, Location: next}
		}
	}
	if f.options.ThankYouURL != "" {
		return ingest.Answer{Status: seeOther, Location: f.options.ThankYouURL}
	}
	return ingest.Answer{Status: ok, ContentType: "text/html; charset=utf-8", Body: []byte(thanks)}
}

// The statuses that a browser's post is answered with.
const (
	ok       = 200
	seeOther = 303
)

func first(sent []fields.Field, names ...string) string {
	for _, name := range names {
		for _, field := range sent {
			if field.Name == name && field.Values[0] != "" {
				return field.Values[0]
			}
		}
	}
	return ""
}

// next returns where the form asks to go, if that is one of its own hosts: an
// absolute address, or a path of the page it stands on. Everything that one
// browser or another could read as a foreign address yields "".
func (f *Form) next(wanted string, pages ...string) string {
	u := f.own(wanted)
	if u == nil && strings.HasPrefix(wanted, "/") && !strings.HasPrefix(wanted, "//") && unambiguous(wanted) {
		for _, page := range pages {
			base := f.own(page)
			if base == nil {
				continue
			}
			path, err := url.Parse(wanted)
			if err != nil || path.Host != "" || path.Scheme != "" {
				return ""
			}
			return f.ownText(base.ResolveReference(path))
		}
	}
	return f.ownText(u)
}

func (f *Form) ownText(u *url.URL) string {
	if u == nil || f.own(u.String()) == nil {
		return ""
	}
	return u.String()
}

// own parses an address and returns nil unless it is plainly one of the
// form's own hosts.
func (f *Form) own(address string) *url.URL {
	if !unambiguous(address) || !strings.HasPrefix(address, "https://") && !strings.HasPrefix(address, "http://") {
		return nil
	}
	u, err := url.Parse(address)
	if err != nil || u.User != nil || u.Opaque != "" || u.Host == "" {
		return nil
	}
	host := strings.ToLower(u.Host)
	bare := strings.TrimSuffix(strings.TrimSuffix(host, ":443"), ":80")
	if !slices.ContainsFunc(f.config.AllowedHosts, func(allowed string) bool {
		allowed = strings.ToLower(allowed)
		return allowed == host || allowed == bare
	}) {
		return nil
	}
	return u
}

// unambiguous refuses what URL parsers disagree about: backslashes, blanks,
// control characters, and anything but ASCII.
func unambiguous(address string) bool {
	for i := range len(address) {
		if c := address[i]; c <= ' ' || c >= 0x7F || c == '\\' {
			return false
		}
	}
	return address != "" && len(address) <= 2048
}

// thanks is shown where no thank-you page is configured. It holds nothing
// that the visitor sent.
const thanks = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Thank you</title>
<style>
body { margin: 0; min-height: 100vh; display: grid; place-items: center; color: #1c2430; background: #f6f7f9;
  font: 1.125rem/1.5 system-ui, sans-serif; }
main { margin: 1.5rem; padding: 2.5rem 3rem; max-width: 30rem; text-align: center; background: #fff;
  border-radius: 1rem; box-shadow: 0 1px 3px #0002, 0 8px 32px #0001; }
h1 { margin: 0 0 .5rem; font-size: 1.75rem; }
p { margin: 0; color: #4a5565; }
</style>
</head>
<body>
<main>
<h1>Thank you</h1>
<p>Your message has arrived. We will be in touch.</p>
</main>
</body>
</html>
`
