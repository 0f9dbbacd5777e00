package forms

import (
	"bytes"
	"fmt"
	"mime"
	"strings"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
)

// ContactForm7 takes submissions of Contact Form 7 from the plugin "CF7 to
// Webhook": JSON by the names of the fields, or the owner's own template, which
// the plugin sends as text/plain where it does not come out as JSON. A template
// of lines is read as "Label: value". By GET the fields stand in the query.
// Special mail tags ([_url], [_remote_ip]) are read under their names. It signs
// nothing: let it send the secret as a custom header (Authorization, X-Api-Key
// or options.token_header), or in the address. A submission has no id.
//
// The plugin: https://github.com/mariovalney/cf7-to-zapier
// The tags: https://contactform7.com/special-mail-tags/
type ContactForm7 struct{ *guarded }

// NewContactForm7 is the constructor of the type "contact-form-7".
func NewContactForm7(config ingest.SourceConfig) (ingest.Source, error) {
	g, err := openGuarded(config)
	if err != nil {
		return nil, err
	}
	return &ContactForm7{guarded: g}, nil
}

// mailTags are the tags of Contact Form 7 that are not the visitor's. What is
// empty here is known to us by another name, or of no use.
var mailTags = map[string]string{
	"_date": "submitted_date", "_time": "submitted_time", "_serial_number": "serial_number", "_post_id": "post_id",
	"_post_name": "post_name", "_post_title": "post_title", "_post_url": "post_url", "_site_title": "site_title",
	"_site_url": "site_url", "_wpcf7_locale": "locale",
}

// Decode reads one submission.
func (c *ContactForm7) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	sent, err := parseContactForm7(d)
	if err != nil {
		return nil, err
	}
	kept := sent[:0]
	attrs := make(map[string]string)
	for _, field := range sent {
		if attr, ok := mailTags[field.Name]; ok && !c.mapping.Names(field.Name) {
			attrs[attr] = field.Values[0]
			continue
		}
		if !c.mapping.Names(field.Name) {
			field.Name = tagName(field.Name)
		}
		kept = append(kept, field)
	}
	form, err := c.readLabelled(kept)
	if err != nil {
		return nil, err
	}
	for name, value := range attrs {
		keepAttr(form.Lead, name, value)
	}
	return c.event(d, form)
}

// tagName takes the underscore from the tags that tell something of the
// visitor: it would make them steer the form.
func tagName(name string) string {
	switch name {
	case "_url":
		return string(fields.PageURL)
	case "_wpcf7":
		return string(fields.FormID)
	case "_remote_ip", "_user_agent":
		return name[1:]
	}
	return name
}

func parseContactForm7(d *ingest.Delivery) ([]fields.Field, error) {
	media, _, err := mime.ParseMediaType(d.Header.Get("Content-Type"))
	if d.Method == "GET" || err != nil || media != "text/plain" {
		return sentBy(d)
	}
	if body := bytes.TrimSpace(d.Body); bytes.HasPrefix(body, []byte("{")) {
		return fields.Parse(bodyAs(jsonMedia, mendJSON(body)))
	}
	return parseLines(string(d.Body))
}

// mendJSON escapes the line ends and tabs that a template has brought into
// strings from what a visitor typed: they are why it is no JSON.
func mendJSON(body []byte) []byte {
	mended := make([]byte, 0, len(body)+len(body)/8)
	quoted := false
	for i := 0; i < len(body); i++ {
		c := body[i]
		switch {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\' && i+1 < len(body):
			mended = append(mended, c)
			i++
			c = body[i]
		case quoted && c < ' ':
			mended = fmt.Appendf(mended, `\u%04x`, c)
			continue
		}
		mended = append(mended, c)
	}
	return mended
}

// Bounds of a text of lines.
const (
	maxLines = 1000
	maxLabel = 80
)

// parseLines reads "Label: value" lines. A line without a label goes on with
// the value before it, or is a message.
func parseLines(text string) ([]fields.Field, error) {
	var sent []fields.Field
	index := make(map[string]int)
	var name, opening string
	var value strings.Builder
	flush := func() {
		switch v := strings.TrimSpace(value.String()); {
		case name == "":
			opening = v
		case v != "":
			addField(&sent, index, name, v)
		}
		value.Reset()
	}
	lines := 0
	for line := range strings.Lines(text) {
		if lines++; lines > maxLines {
			return nil, fmt.Errorf("%w: more than %d lines", ingest.ErrTooLarge, maxLines)
		}
		label, rest, ok := strings.Cut(line, ":")
		if label = strings.TrimSpace(label); ok && label != "" && len(label) <= maxLabel && !strings.HasPrefix(rest, "//") {
			flush()
			name, line = label, rest
		}
		value.WriteString(line)
	}
	flush()
	if opening != "" { // last: a field that is called so is rather the message
		addField(&sent, index, string(fields.Message), opening)
	}
	if len(sent) == 0 {
		return nil, fmt.Errorf("%w: an empty text", ingest.ErrMalformed)
	}
	return sent, nil
}
