package mail

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"strings"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/signature"
)

// CloudMailin is the source type "cloudmailin": mails of CloudMailin as
// normalised JSON, normalised multipart or raw,
// https://docs.cloudmailin.com/http_post_formats/. CloudMailin signs nothing:
// its secrets are the password, or "user:password", that stand in the address of
// the target. Its options are signature.GuardOptions and Options.
//
// A 4xx bounces the mail to the customer who wrote it, and its text is told
// them, so nothing is answered with one: the mail is delayed instead. The names
// of the fields in the raw format are known from third parties only.
type CloudMailin struct {
	*signature.Guard
	*inbox
}

// NewCloudMailin returns a source of type "cloudmailin".
func NewCloudMailin(config ingest.SourceConfig) (ingest.Source, error) {
	guard, inbox, err := newGuarded(config)
	if err != nil {
		return nil, err
	}
	return &CloudMailin{Guard: guard, inbox: inbox}, nil
}

// Refuse delays the mail.
func (c *CloudMailin) Refuse(r ingest.Refusal) (ingest.Answer, bool) { return deferral(r) }

// cloudHeaders are the first values of headers, by their names in snake case.
// Authorized checks what does not need the body.
func (c *CloudMailin) Authorized(d *ingest.Delivery) error { return c.VerifyHead(d) }

type cloudHeaders map[string]string

// UnmarshalJSON implements json.Unmarshaler. A value is a string, or a list
// where the header is repeated. What is neither is passed over.
func (h *cloudHeaders) UnmarshalJSON(text []byte) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return err
	}
	*h = make(cloudHeaders)
	for n := 0; dec.More(); n++ {
		if n == maxFormParts {
			return fmt.Errorf("%w: more than %d headers", ingest.ErrTooLarge, maxFormParts)
		}
		name, err := dec.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return err
		}
		var one string
		var more fields.Few[string]
		if json.Unmarshal(value, &one) != nil && json.Unmarshal(value, &more) == nil && len(more) > 0 {
			one = more[0]
		}
		if key, ok := name.(string); ok {
			(*h)[strings.ToLower(key)] = one
		}
	}
	return nil
}

// cloudMail is a mail as CloudMailin has it. Numbers may be strings.
type cloudMail struct {
	Envelope struct {
		To, From   string
		Recipients fields.Few[string]
		Spamd      struct{ Score json.RawMessage }
	}
	Headers     cloudHeaders
	Plain       string
	HTML        string
	ReplyPlain  string `json:"reply_plain"`
	Attachments fields.Few[struct {
		FileName    string `json:"file_name"`
		Content     string
		ContentType string `json:"content_type"`
		Size        json.RawMessage
	}]
}

// Decode reads the person who asks out of one mail.
func (c *CloudMailin) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	media, _, err := mime.ParseMediaType(d.Header.Get("Content-Type"))
	var m *message
	switch {
	case err == nil && media == "message/rfc822":
		m, err = readMIME(d.Body)
	case err == nil && (media == "multipart/form-data" || media == "application/x-www-form-urlencoded"):
		m, err = cloudForm(d)
	default:
		m, err = cloudJSON(d.Body)
	}
	if err != nil {
		return nil, err
	}
	if m.recipient == "" && len(m.recipients) > 0 {
		m.recipient = m.recipients[0]
	}
	return c.events(m, m.key())
}

func cloudJSON(body []byte) (*message, error) {
	var n cloudMail
	if err := json.Unmarshal(body, &n); err != nil {
		if errors.Is(err, ingest.ErrTooLarge) {
			return nil, err
		}
		return nil, fmt.Errorf("%w: the body is not the JSON of a mail", ingest.ErrMalformed)
	}
	if len(n.Headers) == 0 && n.Envelope.From == "" {
		return nil, errNoMail
	}
	g := new(guesser)
	header := func(name string) string {
		return g.header(n.Headers[strings.ReplaceAll(strings.ToLower(name), "-", "_")])
	}
	m := &message{
		header: header, envelopeFrom: n.Envelope.From, recipient: n.Envelope.To,
		text: clip(n.Plain, maxText), html: clip(n.HTML, maxHTML), reply: clip(n.ReplyPlain, maxText),
	}
	m.fromHeaders()
	m.recipients = append(m.recipients, n.Envelope.To)
	m.recipients = append(m.recipients, n.Envelope.Recipients[:min(len(n.Envelope.Recipients), maxAttachments)]...)
	m.spamScore(plainText(n.Envelope.Spamd.Score))
	for _, a := range n.Attachments {
		m.attachBase64(a.FileName, a.ContentType, a.Content, plainText(a.Size))
	}
	return m, nil
}

// plainText returns a number or a text as text.
func plainText(value json.RawMessage) string { return strings.Trim(clip(string(value), maxLabel), `"`) }

var cloudFields = names("envelope[to] envelope[from] envelope[recipients][0] envelope[spamd][score] plain html reply_plain message " +
	"headers[from] headers[reply_to] headers[to] headers[cc] headers[subject] headers[date] headers[message_id] " +
	"headers[return_path] headers[auto_submitted] headers[x_autoreply] headers[x_autorespond] headers[precedence] headers[content_type]")

// cloudForm reads the multipart formats, in which the path of a value is its
// field's name; the raw mail is the field message.
func cloudForm(d *ingest.Delivery) (*message, error) {
	form, err := readForm(d, cloudFields)
	if err != nil {
		return nil, err
	}
	v := form.values
	var m *message
	if raw := v["message"]; raw != "" {
		if m, err = readMIME([]byte(raw)); err != nil {
			return nil, err
		}
	} else {
		g := new(guesser)
		m = &message{header: func(name string) string {
			return g.header(v["headers["+strings.ReplaceAll(strings.ToLower(name), "-", "_")+"]"])
		}}
		m.fromHeaders()
		m.text, m.html, m.reply = clip(v["plain"], maxText), clip(v["html"], maxHTML), clip(v["reply_plain"], maxText)
		for _, file := range form.files {
			m.attach(file)
		}
	}
	m.envelopeFrom, m.recipient = v["envelope[from]"], cmp.Or(v["envelope[to]"], v["envelope[recipients][0]"])
	if m.from == "" && m.envelopeFrom == "" {
		return nil, errNoMail
	}
	m.addRecipients(m.recipient)
	m.spamScore(v["envelope[spamd][score]"])
	return m, nil
}
