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

// Authorized checks the token, which is never in the body.
func (f *Form) Authorized(d *ingest.Delivery) error { return f.Verify(d) }

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
	if len(d.Header["Cookie"]) > 0 && untagged(lead.Tagging) && untagged(normalize.Tagging(lead.PageURL)) {
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
	accept := d.Header.Get("Accept")
	page := strings.Contains(accept, "text/html")
	if !page && strings.Contains(accept, "application/json") {
		return ingest.Answer{}
	}
	media, _, err := fields.MediaOf(d)
	if err != nil || media == fields.JSON {
		return ingest.Answer{}
	}
	sent, err := fields.Parse(d)
	if err != nil {
		return ingest.Answer{}
	}
	wanted := first(sent, "_next", "_redirect")
	if !page && wanted == "" {
		return ingest.Answer{}
	}
	if next := f.destinations(d, sent).next(wanted); next != "" {
		return ingest.Answer{Status: seeOther, Location: next}
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
