package mail

import (
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/normalize"
)

// Options are the options that all types of mail have.
type Options struct {
	// Senders are rules for particular senders; the first that fits a mail
	// applies.
	Senders []SenderOptions `json:"senders"`
}

// inbox makes events of mails: what all providers have in common.
type inbox struct {
	region   string
	location *time.Location
	senders  []*sender
}

func newInbox(config ingest.SourceConfig, o Options) (*inbox, error) {
	b := &inbox{region: config.DefaultRegion, location: config.Location}
	for i, options := range o.Senders {
		s, err := newSender(options)
		if err != nil {
			return nil, fmt.Errorf("options.senders[%d].%w", i, err)
		}
		b.senders = append(b.senders, s)
	}
	return b, nil
}

// attachment is a file of a mail. Its content is kept only where it may hold
// what the mail means; the file stays in the kept delivery.
type attachment struct {
	name, media string
	size        int64 // -1 is unknown
	content     []byte
	charset     string
}

const (
	maxAttachments = 100
	maxInside      = 4 << 20 // of an attachment that is read
	maxReadInside  = 8       // attachments that are read
)

// attach notes a file of the mail.
func (m *message) attach(a attachment) {
	if len(m.attachments) == maxAttachments {
		return
	}
	if !a.isMail() && !a.isXML() || len(a.content) > maxInside {
		a.content = nil
	}
	m.attachments = append(m.attachments, a)
}

// attachBase64 notes a file as providers' JSON has it.
func (m *message) attachBase64(name, media, content, size string) {
	a := attachment{name: name, media: strings.ToLower(media), size: -1}
	if n, err := strconv.ParseInt(size, 10, 64); err == nil {
		a.size = n
	}
	if (a.isMail() || a.isXML()) && len(content) <= 2*maxInside {
		a.content = decodeBase64(content)
	}
	m.attach(a)
}

func (a *attachment) isMail() bool {
	return strings.HasPrefix(a.media, "message/rfc822") || strings.HasSuffix(strings.ToLower(a.name), ".eml")
}

func (a *attachment) isXML() bool {
	name := strings.ToLower(a.name)
	return strings.Contains(a.media, "xml") || strings.Contains(a.media, "adf") ||
		strings.HasSuffix(name, ".xml") || strings.HasSuffix(name, ".adf")
}

// maxKey bounds what an event is counted by, in runes.
const maxKey = 255

// key returns what a mail is counted by: its id, else a hash of what it says.
func (m *message) key() string {
	if id := m.id; id != "" && len(id) <= maxKey && normalize.Line(id, maxKey) == id {
		return id
	}
	return "hash:" + ingest.Digest(m.id, m.from, m.replyTo, m.recipient, m.subject, m.date, m.text, m.html)
}

// events reads a mail; key is what it is counted by. Errors: ErrMalformed,
// ErrTooLarge, *IgnoredError.
func (b *inbox) events(m *message, key string) ([]ingest.Event, error) {
	if reason := m.automatic(); reason != "" {
		return nil, ingest.Ignored("%s", reason)
	}
	m.unfold()
	m.readLetters()
	rule, index := b.ruleFor(m)
	if rule != nil && rule.Ignore {
		return nil, ingest.Ignored("options.senders[%d] says so", index)
	}
	prospects, err := m.prospects()
	if err != nil {
		return nil, err
	}
	var events []ingest.Event
	if len(prospects) > 0 {
		events = b.prospectEvents(prospects, key)
	} else {
		events = []ingest.Event{b.letterEvent(m, rule, key)}
	}
	for i := range events {
		b.finish(&events[i], m, rule)
	}
	return events, nil
}

// letterEvent reads what a mail says in words.
func (b *inbox) letterEvent(m *message, rule *sender, key string) ingest.Event {
	read := m.lead(b.region, rule)
	event := ingest.Event{Kind: ingest.LeadKind, Key: key, Lead: read.lead}
	if rule.maps("id") && read.id != "" && len(read.id) <= maxKey {
		event.Key, event.Lead.ExternalID = read.id, read.id
	} else if read.id != "" {
		event.Lead.Person.Answers["id"] = read.id
	}
	if at, zone, err := normalize.Time(read.time, b.location); err == nil && read.time != "" {
		event.OccurredAt, event.Zone = at, zone
	}
	return event
}

// finish adds to an event what its mail says of itself.
func (b *inbox) finish(e *ingest.Event, m *message, rule *sender) {
	lead := e.Lead
	if lead.ExternalID == "" {
		lead.ExternalID = m.externalID
		if lead.ExternalID == "" {
			lead.ExternalID = m.id
		}
	}
	answers := lead.Person.Answers
	if answers == nil {
		answers = make(map[string]string)
		lead.Person.Answers = answers
	}
	from := address(m.from)
	if lead.Person.Name == "" && strings.EqualFold(lead.Person.Email, from.Address) {
		lead.Person.Name = m.fromName
	}
	if !strings.EqualFold(from.Address, lead.Person.Email) {
		answers["from_address"] = from.Address
	}
	answers["subject"], answers["attachments"] = m.subject, m.files()
	maps.DeleteFunc(answers, func(_, value string) bool { return value == "" })

	lead.Test = lead.Test || m.test
	lead.SpamReasons = append(lead.SpamReasons, m.spam...)
	attrs := map[string]string{"recipient": m.recipient}
	if m.id != lead.ExternalID {
		attrs["message_id"] = m.id
	}
	maps.Copy(attrs, m.attrs)
	maps.Copy(attrs, lead.Attrs)
	lead.Attrs = attrs
	maps.DeleteFunc(lead.Attrs, func(_, value string) bool { return value == "" })
	rule.complete(lead)
	switch at, zone, err := normalize.Time(m.date, b.location); {
	case !e.OccurredAt.IsZero():
	case !m.at.IsZero():
		e.OccurredAt = m.at
	case err == nil && m.date != "": // a mail program with a broken clock must not cost a lead
		e.OccurredAt, e.Zone = at, zone
	}
}

// files returns what was attached, as a JSON list.
func (m *message) files() string {
	if len(m.attachments) == 0 {
		return ""
	}
	list := make([]string, len(m.attachments))
	for i, a := range m.attachments {
		size, media := "?", a.media
		if a.size >= 0 {
			size = strconv.FormatInt(a.size, 10)
		}
		if media == "" {
			media = "unknown"
		}
		list[i] = fmt.Sprintf("%s (%s, %s bytes)", clip(a.name, maxKey), clip(media, maxKey), size)
	}
	text, err := json.Marshal(list)
	if err != nil {
		return "" // strings always marshal
	}
	return string(text)
}

// automatic returns why a mail is an answering machine's, "" if it is not.
// Notifications of forms are auto-generated, not auto-replied (RFC 3834 §5).
func (m *message) automatic() string {
	header := m.header
	if header == nil {
		header = func(string) string { return "" }
	}
	local, _, _ := strings.Cut(strings.ToLower(address(m.from).Address), "@")
	lower := func(name string) string { return strings.ToLower(header(name)) }
	switch {
	case header("Return-Path") == "<>", local == "mailer-daemon":
		return "a notice about a mail that could not be delivered"
	case strings.HasPrefix(lower("Content-Type"), "multipart/report"):
		return "a mail program's report of a delivery or of reading"
	case strings.HasPrefix(lower("Auto-Submitted"), "auto-replied"), header("X-Autoreply") != "",
		header("X-Autorespond") != "", lower("Precedence") == "auto_reply":
		return "an automatic reply"
	}
	return ""
}

// unfold puts what is in an attached mail behind the mail's own words, as a
// forwarded one.
func (m *message) unfold() {
	for i, read := 0, 0; i < len(m.attachments) && read < maxReadInside; i++ {
		a := &m.attachments[i]
		if !a.isMail() || len(a.content) == 0 {
			continue
		}
		read++
		inner, err := readMIME(a.content)
		if err != nil || inner.from == "" {
			continue
		}
		text := inner.text
		if strings.TrimSpace(text) == "" {
			text = textOf(inner.html)
		}
		m.text = clip(m.text, maxText) + "\n\n---------- Forwarded message ----------\nFrom: " + inner.from +
			"\nReply-To: " + inner.replyTo + "\nSubject: " + inner.subject + "\n\n" + clip(text, maxText)
		for _, file := range inner.attachments {
			m.attach(file)
		}
		return // one is what somebody passes on; several are an archive
	}
}

// addRecipients notes whom a mail was sent to: none of them is asking.
func (m *message) addRecipients(header string) {
	for _, to := range addresses(header) {
		if len(m.recipients) < maxAttachments {
			m.recipients = append(m.recipients, to)
		}
	}
}

// spamScore notes what a filter of SpamAssassin's kind thought: 5 is where it
// begins to call mail spam.
func (m *message) spamScore(score string) {
	if n, err := strconv.ParseFloat(strings.TrimSpace(score), 64); err == nil && n >= 5 {
		m.spam = append(m.spam, "mail filter")
	}
}

var errNoMail = fmt.Errorf("%w: there is no mail in it", ingest.ErrMalformed)

// deferral is what senders are answered whose 4xx loses a mail for good, by a
// bounce to the customer or in silence: it is tried again while the gateway, its
// configuration or the secret is mended.
func deferral(r ingest.Refusal) (ingest.Answer, bool) {
	if r.Status >= 500 {
		return ingest.Answer{}, false
	}
	answer := ingest.Answer{Status: 503, ContentType: "text/plain; charset=utf-8", Body: []byte("try again later: " + r.Code)}
	if r.Status != 429 { // which says when
		answer.Header = map[string]string{"Retry-After": "300"}
	}
	return answer, true
}
