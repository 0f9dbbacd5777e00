package mail

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/normalize"
	"github.com/leadgate/leadgate/sources/signature"
)

// MaxBody is the size in bytes of the largest delivery that a mail source
// takes: Postmark accepts mails of 35 MB, and sends attachments as base64.
const MaxBody = 48 << 20

// Postmark is the source type "postmark": inbound mail of Postmark,
// https://postmarkapp.com/developer/webhooks/inbound-webhook. Postmark signs
// nothing: its secrets are the password, or "user:password", that stand in the
// address of the webhook.
type Postmark struct{ config ingest.SourceConfig }

// NewPostmark returns a source of type "postmark". It has no options.
func NewPostmark(config ingest.SourceConfig) (ingest.Source, error) {
	if err := config.RequireSecrets(); err != nil {
		return nil, err
	}
	if err := config.DecodeOptions(&struct{}{}); err != nil {
		return nil, err
	}
	return &Postmark{config: config}, nil
}

// Verify checks the credentials.
func (p *Postmark) Verify(d *ingest.Delivery) error { return signature.Token(d, p.config.Secrets) }

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
	Attachments       fields.Few[struct {
		Name          string
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
	if reason := m.automatic(); reason != "" {
		return nil, ingest.Ignored("%s", reason)
	}
	read := &message{
		from: m.From, replyTo: m.ReplyTo, subject: m.Subject,
		text: clip(m.TextBody, maxText), html: clip(m.HTMLBody, maxHTML), reply: clip(m.StrippedTextReply, maxText),
	}
	if m.FromFull.Email != "" {
		read.from = m.FromFull.Email
	}
	for _, to := range m.ToFull {
		read.recipients = append(read.recipients, to.Email)
	}
	recipient := cmp.Or(m.OriginalRecipient, address(m.To).Address)
	read.recipients = append(read.recipients, recipient)
	lead := read.lead(p.config.DefaultRegion)
	lead.ExternalID = m.MessageID
	if name := cmp.Or(m.FromFull.Name, m.FromName); lead.Person.Name == "" && strings.EqualFold(lead.Person.Email, address(read.from).Address) {
		lead.Person.Name = name
	}
	if list := m.attachments(); list != "" {
		lead.Person.Answers["attachments"] = list
	}
	if strings.HasPrefix(strings.ToLower(m.header("X-Spam-Status")), "yes") {
		lead.SpamReasons = append(lead.SpamReasons, "mail filter")
	}
	// The sample that Postmark's page for testing a webhook sends.
	lead.Test = strings.EqualFold(m.FromFull.Email, "support@postmarkapp.com") && m.Subject == "Test subject"
	lead.Attrs = map[string]string{
		"recipient": recipient, "route": m.MailboxHash, "tag": m.Tag, "message_id": strings.Trim(m.header("Message-ID"), "<> "),
	}
	maps.DeleteFunc(lead.Attrs, func(_, value string) bool { return value == "" })
	event := ingest.Event{Kind: ingest.LeadKind, Key: m.MessageID, Lead: lead}
	// A mail program with a broken clock must not cost a lead.
	if at, zone, err := normalize.Time(m.Date, p.config.Location); err == nil {
		event.OccurredAt, event.Zone = at, zone
	}
	return []ingest.Event{event}, nil
}

func (m *postmarkMail) header(name string) string {
	for _, h := range m.Headers {
		if strings.EqualFold(h.Name, name) {
			return strings.TrimSpace(h.Value)
		}
	}
	return ""
}

// automatic returns why a mail is an answering machine's, "" if it is not.
// Notifications of forms are auto-generated, not auto-replied (RFC 3834 §5).
func (m *postmarkMail) automatic() string {
	local, _, _ := strings.Cut(strings.ToLower(address(m.From).Address), "@")
	switch {
	case m.header("Return-Path") == "<>", local == "mailer-daemon":
		return "a notice about a mail that could not be delivered"
	case strings.HasPrefix(strings.ToLower(m.header("Auto-Submitted")), "auto-replied"), m.header("X-Autoreply") != "":
		return "an automatic reply"
	}
	return ""
}

// attachments returns what was attached, as a JSON list; the files themselves
// stay in the raw delivery.
func (m *postmarkMail) attachments() string {
	if len(m.Attachments) == 0 {
		return ""
	}
	list := make([]string, len(m.Attachments))
	for i, a := range m.Attachments {
		list[i] = fmt.Sprintf("%s (%s, %s bytes)", a.Name, cmp.Or(a.ContentType, "unknown"), cmp.Or(a.ContentLength, "?"))
	}
	text, err := json.Marshal(list)
	if err != nil {
		return "" // strings always marshal
	}
	return string(text)
}
