package forms

import (
	"bytes"
	"net/textproto"
	"net/url"
	"slices"
	"strings"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/normalize"
)

// Tilda takes submissions from Tilda's webhooks: a form by the names of its
// fields, with tranid, formid, formname and, if that is switched on, the
// visitor's COOKIES. It signs nothing, but sends an API key as a header or a
// field of a name that its user chose: options.api_key_field or
// options.token_header; or the secret stands in the address, as ?token=…
//
// When the webhook is connected Tilda posts test=test and wants 200 within 5
// seconds; that is no lead. Of the cookies only Tilda's own utm memory and the
// click ids are kept; the rest may be somebody's session, and goes together
// with the key.
//
// https://help.tilda.cc/forms/webhook
// (what is inside of COOKIES, and that tranid is unique, is known from other
// people's code)
type Tilda struct {
	*guarded
	keyField string
}

// NewTilda is the constructor of the type "tilda".
func NewTilda(config ingest.SourceConfig) (ingest.Source, error) {
	var options struct {
		guardedOptions
		APIKeyField string `json:"api_key_field"` // the field that carries the secret
	}
	if err := config.DecodeOptions(&options); err != nil {
		return nil, err
	}
	g, err := newGuarded(config, options.guardedOptions)
	if err != nil {
		return nil, err
	}
	return &Tilda{guarded: g, keyField: options.APIKeyField}, nil
}

// maxProbe is more than a probe with its key has.
const maxProbe = 1024

// Challenge answers the probe: test=test and nothing else but the key. It says
// nothing to whoever sends it, so the key is not asked for.
func (t *Tilda) Challenge(d *ingest.Delivery) (ingest.Answer, bool) {
	if len(d.Body) > maxProbe || !bytes.Contains(d.Body, []byte("test")) {
		return ingest.Answer{}, false
	}
	sent, err := fields.Parse(d)
	if err != nil {
		return ingest.Answer{}, false
	}
	probe := false
	for _, field := range sent {
		switch {
		case field.Name == "test" && slices.Equal(field.Values, []string{"test"}):
			probe = true
		case field.Name != t.keyField:
			return ingest.Answer{}, false
		}
	}
	return tildaOK, probe
}

// Respond answers a lead like the probe.
func (t *Tilda) Respond(*ingest.Delivery, []ingest.Event) ingest.Answer { return tildaOK }

var tildaOK = ingest.Answer{Status: ok, ContentType: "text/plain; charset=utf-8", Body: []byte("ok")}

// Verify takes the key from its field, if it has one, for the guard.
func (t *Tilda) Verify(d *ingest.Delivery) error {
	if t.keyField != "" {
		if sent, err := fields.Parse(d); err == nil {
			if key := first(sent, t.keyField); key != "" {
				carried := *d
				carried.Header = textproto.MIMEHeader{"X-Api-Key": {key}}
				carried.URL = ""
				return t.Guard.Verify(&carried)
			}
		}
	}
	return t.Guard.Verify(d)
}

// Redact removes the key, and of the cookies all that Decode does not read.
// What is not a form is written anew as one, and what cannot be read as fields
// is emptied, for it may hold the cookies anywhere.
func (t *Tilda) Redact(d *ingest.Delivery) {
	t.Guard.Redact(d)
	media, _, err := fields.MediaOf(d)
	if err == nil && media == fields.URLEncoded {
		d.Body = []byte(t.redacted(string(d.Body)))
		return
	}
	var pairs []string
	if sent, err := fields.Parse(d); err == nil {
		for _, field := range sent {
			for _, value := range field.Values {
				pairs = append(pairs, url.QueryEscape(field.Name)+"="+url.QueryEscape(value))
			}
		}
		d.Header.Set("Content-Type", formMedia)
	}
	d.Body = []byte(t.redacted(strings.Join(pairs, "&")))
}

// redacted returns the form with the cookies that are kept as fields.
func (t *Tilda) redacted(form string) string {
	var b strings.Builder
	for form != "" {
		var pair string
		pair, form, _ = strings.Cut(form, "&")
		escaped, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(escaped)
		if err == nil && name != "" && name == t.keyField {
			continue
		}
		if err == nil && isCookies(name) {
			pair = keptCookies(value)
		}
		if pair == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(pair)
	}
	return b.String()
}

func isCookies(name string) bool { return strings.EqualFold(name, "COOKIES") }

func keptCookies(escaped string) string {
	var kept []string
	if text, err := url.QueryUnescape(escaped); err == nil {
		for _, c := range readCookies(text) {
			kept = append(kept, url.QueryEscape(c.name)+"="+url.QueryEscape(c.value))
		}
	}
	return strings.Join(kept, "&")
}

type cookie struct{ name, value string }

// maxCookies bounds what is read of a visitor's cookies.
const maxCookies = 20

// readCookies returns the cookies that tell where a visitor came from.
func readCookies(text string) (found []cookie) {
	for pair := range strings.SplitSeq(text, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
		if telltale(name) && len(found) < maxCookies {
			found = append(found, cookie{name, value})
		}
	}
	return found
}

func telltale(name string) bool {
	return name == "TILDAUTM" || name == "_fbc" || strings.HasPrefix(name, "_gcl_") || strings.HasPrefix(name, "_gac_")
}

// Decode reads one submission, redacted or not.
func (t *Tilda) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	sent, err := fields.Parse(d)
	if err != nil {
		return nil, err
	}
	var tranID string
	var cookies []cookie
	kept := sent[:0]
	for _, field := range sent {
		switch name := field.Name; {
		case name == t.keyField && name != "":
		case isCookies(name):
			for _, value := range field.Values {
				cookies = append(cookies, readCookies(value)...)
			}
		case telltale(name):
			for _, value := range field.Values {
				cookies = append(cookies, cookie{name, value})
			}
		case name == "tranid":
			tranID = field.Values[0]
		default:
			kept = append(kept, field)
		}
	}
	form, err := t.readLabelled(kept)
	if err != nil {
		return nil, err
	}
	if form.ID == "" {
		form.ID = tranID
	}
	tagByCookies(d, form.Lead, cookies)
	return t.event(d, form)
}

// tagByCookies fills the gaps of the tagging from TILDAUTM, and where a lead
// has none at all, from the click ids that advertisers' scripts keep.
func tagByCookies(d *ingest.Delivery, lead *ingest.Lead, cookies []cookie) {
	var remembered, clicked ingest.Tagging
	for _, c := range cookies {
		if c.name != "TILDAUTM" {
			param, id, at, ok := normalize.ClickIDFromCookie(c.name, c.value)
			if ok && d.ReceivedAt.Sub(at).Abs() <= cookieLife {
				normalize.AddTag(&clicked, param, id)
			}
			continue
		}
		text, err := url.QueryUnescape(c.value)
		if err != nil {
			continue
		}
		for pair := range strings.SplitSeq(strings.ReplaceAll(text, "|||", "&"), "&") {
			name, value, _ := strings.Cut(pair, "=")
			if plain, err := url.QueryUnescape(value); err == nil && strings.Contains(value, "%") {
				value = plain // as it stood in the page's address
			}
			normalize.AddTag(&remembered, name, value)
		}
	}
	lead.Tagging = normalize.Merge(lead.Tagging, remembered)
	if untagged(lead.Tagging) && untagged(normalize.Tagging(lead.PageURL)) {
		lead.Tagging = normalize.Merge(lead.Tagging, clicked)
	}
}
