package mail

import (
	"cmp"
	"crypto/ecdsa"
	"encoding/json"
	"net/textproto"
	"strings"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/signature"
)

// SendGrid is the source type "sendgrid": SendGrid's Inbound Parse, parsed or
// raw ("Send Raw"), https://www.twilio.com/docs/sendgrid/for-developers/parsing-email/setting-up-the-inbound-parse-webhook.
//
// With a security policy SendGrid signs: its public key, as the page of the
// policy shows it, is the secret. Without one the secret is a token or password
// in the address of the webhook, see signature.Guard. With both kinds of secrets
// either will do. That the headers are those of the event webhook is known from
// third parties only. Its options are signature.GuardOptions and Options.
type SendGrid struct {
	*inbox
	guard *signature.Guard
	keys  []*ecdsa.PublicKey
	token bool // there is a secret that is no key
}

// How old a signed mail may be: SendGrid tries for three days, and nobody says
// that it signs anew. A mail that comes again is a duplicate by its Message-ID,
// which is signed.
const (
	maxSendGridAge   = 4 * 24 * time.Hour
	maxSendGridAhead = 5 * time.Minute
)

// NewSendGrid returns a source of type "sendgrid".
func NewSendGrid(config ingest.SourceConfig) (ingest.Source, error) {
	var o guardedOptions
	if err := config.DecodeOptions(&o); err != nil {
		return nil, err
	}
	s := &SendGrid{}
	var tokens []string
	for _, secret := range config.Secrets {
		if key, err := signature.ParseECDSA(secret); err == nil {
			s.keys = append(s.keys, key)
		} else {
			tokens = append(tokens, secret)
		}
	}
	s.token = len(tokens) > 0
	guarded, guardOptions := config, o.GuardOptions
	if guarded.Secrets = tokens; len(s.keys) > 0 && !s.token {
		guardOptions.Insecure = true // the guard then knows addresses only
	}
	var err error
	if s.guard, err = signature.NewGuard(guarded, guardOptions); err != nil {
		return nil, err
	}
	s.inbox, err = newInbox(config, o.Options)
	return s, err
}

const (
	sendGridSignature = "X-Twilio-Email-Event-Webhook-Signature"
	sendGridTimestamp = "X-Twilio-Email-Event-Webhook-Timestamp"
)

// Verify checks the signature over timestamp and raw body, or the credentials.
func (s *SendGrid) Verify(d *ingest.Delivery) error {
	if len(s.keys) == 0 || s.token && d.Header.Get(sendGridSignature) == "" {
		return s.guard.Verify(d)
	}
	if err := s.guard.FromNetwork(d); err != nil {
		return err
	}
	text, err := signature.Header(d, sendGridSignature)
	if err != nil {
		return err
	}
	received, err := signature.Base64(text)
	if err != nil {
		return err
	}
	at, err := signature.Header(d, sendGridTimestamp)
	if err != nil {
		return err
	}
	signed, err := signature.Seconds(at)
	if err != nil {
		return err
	}
	if err := signature.Between(d.ReceivedAt, signed, maxSendGridAge, maxSendGridAhead); err != nil {
		return err
	}
	return signature.ECDSA(s.keys, received, []byte(at), d.Body)
}

// Authorized checks what does not need the body.
func (s *SendGrid) Authorized(d *ingest.Delivery) error {
	if len(s.keys) == 0 || s.token && d.Header.Get(sendGridSignature) == "" {
		return s.guard.VerifyHead(d)
	}
	if err := s.guard.FromNetwork(d); err != nil {
		return err
	}
	_, err := signature.Header(d, sendGridSignature)
	return err
}

// Redact removes a configured token header.
func (s *SendGrid) Redact(d *ingest.Delivery) { s.guard.Redact(d) }

// Refuse has SendGrid try again: it drops a mail in silence on a 4xx.
func (s *SendGrid) Refuse(r ingest.Refusal) (ingest.Answer, bool) { return deferral(r) }

var sendGridFields = names("headers email to cc from subject text html envelope charsets SPF spam_score")

// Decode reads the person who asks out of one mail.
func (s *SendGrid) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	form, err := readForm(d, sendGridFields)
	if err != nil {
		return nil, err
	}
	m, err := form.sendGridMail()
	if err != nil {
		return nil, err
	}
	var envelope struct {
		To   []string
		From string
	}
	// Whom the mail says it is to is not whom it was for.
	if err := json.Unmarshal([]byte(form.values["envelope"]), &envelope); err == nil && len(envelope.To) > 0 {
		m.recipient, m.envelopeFrom = envelope.To[0], envelope.From
		m.recipients = append(m.recipients, envelope.To[:min(len(envelope.To), maxAttachments)]...)
	}
	m.recipient = cmp.Or(m.recipient, address(m.header("To")).Address)
	m.spamScore(form.values["spam_score"])
	return s.events(m, m.key())
}

// sendGridMail reads the raw mail, or the fields that SendGrid made of it: each
// of them is in a charset of its own, which charsets names.
func (f *postedForm) sendGridMail() (*message, error) {
	if raw := f.values["email"]; raw != "" {
		return readMIME([]byte(raw))
	}
	if f.values["headers"] == "" && f.values["from"] == "" && f.values["envelope"] == "" {
		return nil, errNoMail
	}
	charsets := map[string]string{}
	_ = json.Unmarshal([]byte(f.values["charsets"]), &charsets) // then they are guessed
	g := new(guesser)
	field := func(name string, limit int) string {
		return clip(decodeText([]byte(clip(f.values[name], limit)), charsets[name], g), limit)
	}
	m := &message{header: readHeaders(f.values["headers"])}
	m.fromHeaders()
	m.from, m.subject = cmp.Or(field("from", maxAddress), m.from), cmp.Or(field("subject", maxAddress), m.subject)
	m.addRecipients(field("to", maxAddress))
	m.text, m.html = field("text", maxText), field("html", maxHTML)
	for _, file := range f.files {
		m.attach(file)
	}
	return m, nil
}

const maxHeaders = 256 << 10

// readHeaders reads a mail's headers that stand in a text, past lines that are
// none.
func readHeaders(text string) func(string) string {
	header := make(textproto.MIMEHeader)
	var last []string // the values under the name that was read last
	for line := range strings.Lines(clip(text, maxHeaders)) {
		line = strings.TrimRight(line, "\r\n")
		if n := len(last); n > 0 && line != "" && (line[0] == ' ' || line[0] == '\t') {
			if len(last[n-1]) < maxAddress {
				last[n-1] += " " + strings.TrimLeft(line, " \t")
			}
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if last = nil; ok && name != "" && len(name) <= maxFormName && !strings.ContainsAny(name, " \t") {
			header.Add(name, strings.TrimSpace(value))
			last = header[textproto.CanonicalMIMEHeaderKey(name)]
		}
	}
	return headerOf(header)
}
