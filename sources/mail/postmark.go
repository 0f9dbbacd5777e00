package mail

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/signature"
)

// MaxBody is the size in bytes of the largest delivery that a mail source
// takes: Postmark accepts mails of 35 MB, and sends attachments as base64.
const MaxBody = 48 << 20

// Postmark is the source type "postmark": inbound mail of Postmark,
// https://postmarkapp.com/developer/webhooks/inbound-webhook. Postmark signs
// nothing: its secrets are the password, or "user:password", that stand in the
// address of the webhook. Its options are signature.GuardOptions and Options.
// Where the webhook includes the raw mail, that is read.
type Postmark struct {
	*signature.Guard
	*inbox
}

// NewPostmark returns a source of type "postmark".
func NewPostmark(config ingest.SourceConfig) (ingest.Source, error) {
	guard, inbox, err := newGuarded(config)
	if err != nil {
		return nil, err
	}
	return &Postmark{Guard: guard, inbox: inbox}, nil
}

// guardedOptions are the options of providers that do not sign.
type guardedOptions struct {
	signature.GuardOptions
	Options
}

func newGuarded(config ingest.SourceConfig) (*signature.Guard, *inbox, error) {
	var o guardedOptions
	if err := config.DecodeOptions(&o); err != nil {
		return nil, nil, err
	}
	guard, err := signature.NewGuard(config, o.GuardOptions)
	if err != nil {
		return nil, nil, err
	}
	inbox, err := newInbox(config, o.Options)
	return guard, inbox, err
}

// Authorized checks what does not need the body.
func (p *Postmark) Authorized(d *ingest.Delivery) error { return p.VerifyHead(d) }

// Refuse keeps from Postmark the one status that has it give a mail up.
func (p *Postmark) Refuse(r ingest.Refusal) (ingest.Answer, bool) {
	if r.Status != 403 {
		return ingest.Answer{}, false
	}
	return deferral(r)
}

type postmarkAddress struct{ Email, Name, MailboxHash string }

type postmarkMail struct {
	MessageID         string
	Date              string
	From              string
	FromName          string
	FromFull          postmarkAddress
	ReplyTo           string
	To                string
	ToFull            fields.Few[postmarkAddress]
	OriginalRecipient string
	MailboxHash       string
	Tag               string
	Subject           string
	TextBody          string
	HTMLBody          string `json:"HtmlBody"`
	StrippedTextReply string
	Headers           fields.Few[struct{ Name, Value string }]
	RawEmail          string
	Attachments       fields.Few[struct {
		Name          string
		Content       string
		Data          string // what the page for testing calls Content
		ContentType   string
		ContentLength json.Number
	}]
}

// Decode reads the person who asks out of one mail.
func (p *Postmark) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	var m postmarkMail
	if err := json.Unmarshal(d.Body, &m); err != nil {
		return nil, fmt.Errorf("%w: the body is not the JSON of an inbound mail", ingest.ErrMalformed)
	}
	if m.MessageID == "" {
		return nil, fmt.Errorf("%w: no MessageID", ingest.ErrMalformed)
	}
	read := m.message()
	if raw, err := readMIME([]byte(m.RawEmail)); m.RawEmail != "" && err == nil {
		read.text, read.html, read.attachments = raw.text, raw.html, raw.attachments
	}
	return p.events(read, m.MessageID)
}

func (m *postmarkMail) message() *message {
	read := &message{
		externalID: m.MessageID, id: bareID(m.header("Message-ID")),
		from: cmp.Or(m.FromFull.Email, m.From), fromName: cmp.Or(m.FromFull.Name, m.FromName), replyTo: m.ReplyTo,
		recipient: cmp.Or(m.OriginalRecipient, address(m.To).Address), subject: m.Subject, date: m.Date,
		text: clip(m.TextBody, maxText), html: clip(m.HTMLBody, maxHTML), reply: clip(m.StrippedTextReply, maxText),
		header: m.header, attrs: map[string]string{"route": m.MailboxHash, "tag": m.Tag},
		// The sample that Postmark's page for testing a webhook sends.
		test: strings.EqualFold(m.FromFull.Email, "support@postmarkapp.com") && m.Subject == "Test subject",
	}
	for _, to := range m.ToFull {
		read.recipients = append(read.recipients, to.Email)
	}
	read.recipients = append(read.recipients, read.recipient)
	if strings.HasPrefix(strings.ToLower(m.header("X-Spam-Status")), "yes") {
		read.spam = []string{"mail filter"}
	}
	for _, a := range m.Attachments {
		read.attachBase64(a.Name, a.ContentType, cmp.Or(a.Content, a.Data), a.ContentLength.String())
	}
	return read
}

func (m *postmarkMail) header(name string) string {
	for _, h := range m.Headers {
		if strings.EqualFold(h.Name, name) {
			return strings.TrimSpace(h.Value)
		}
	}
	return ""
}
