package mail

import (
	"cmp"
	"crypto"
	"encoding/json"
	"fmt"
	"net/textproto"
	"strings"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/signature"
)

// Mailgun is the source type "mailgun": routes of Mailgun that forward mails,
// parsed, or raw where the address of the webhook ends in "mime",
// https://documentation.mailgun.com/docs/mailgun/user-manual/receive-forward-store/receive-http.
//
// The secret is the webhook signing key, not an API key. Mailgun signs a time
// and a token but not the mail, so a token that was used is refused, which needs
// Redis, see ingest.Tokened. Options: max_age is how old a signature may be, as
// "9h", its value if left out: Mailgun tries for eight hours, and nobody says
// that it signs anew; and Options.
type Mailgun struct {
	*inbox
	secrets []string
	maxAge  time.Duration
}

const (
	mailgunAge   = 9 * time.Hour
	mailgunAhead = 5 * time.Minute
)

// NewMailgun returns a source of type "mailgun".
func NewMailgun(config ingest.SourceConfig) (ingest.Source, error) {
	if err := config.RequireSecrets(); err != nil {
		return nil, err
	}
	var o struct {
		MaxAge string `json:"max_age"`
		Options
	}
	if err := config.DecodeOptions(&o); err != nil {
		return nil, err
	}
	m := &Mailgun{secrets: config.Secrets, maxAge: mailgunAge}
	var err error
	if o.MaxAge != "" {
		if m.maxAge, err = time.ParseDuration(o.MaxAge); err != nil || m.maxAge <= 0 {
			return nil, fmt.Errorf("options.max_age: not a time such as 9h (got %q)", o.MaxAge)
		}
	}
	m.inbox, err = newInbox(config, o.Options)
	return m, err
}

// mailgunSignature is what Mailgun proves itself by.
type mailgunSignature struct{ Timestamp, Token, Signature string }

var mailgunSigned = names("timestamp token signature")

// signatureOf finds it in a form, or in the JSON of Mailgun's other webhooks.
func signatureOf(d *ingest.Delivery) (s mailgunSignature, err error) {
	if strings.HasPrefix(d.Header.Get("Content-Type"), "application/json") {
		var body struct{ Signature mailgunSignature }
		err = json.Unmarshal(d.Body, &body)
		s = body.Signature
	} else {
		var form *postedForm
		if form, err = readForm(d, mailgunSigned); err == nil {
			s = mailgunSignature{form.values["timestamp"], form.values["token"], form.values["signature"]}
		}
	}
	if err != nil || s.Timestamp == "" || s.Token == "" || s.Signature == "" {
		return s, fmt.Errorf("%w: no timestamp, token and signature of Mailgun's", ingest.ErrUnverified)
	}
	return s, nil
}

// Verify checks the signature of time and token.
func (m *Mailgun) Verify(d *ingest.Delivery) error {
	s, err := signatureOf(d)
	if err != nil {
		return err
	}
	at, err := signature.Seconds(s.Timestamp)
	if err != nil {
		return err
	}
	if err := signature.Between(d.ReceivedAt, at, m.maxAge, mailgunAhead); err != nil {
		return err
	}
	received, err := signature.Hex(s.Signature)
	if err != nil {
		return err
	}
	return signature.HMAC(crypto.SHA256, m.secrets, received, []byte(s.Timestamp), []byte(s.Token))
}

// ReplayToken returns the token under which a mail may come once. Time and token
// are signed without a border between them: both together are what is used up.
func (m *Mailgun) ReplayToken(d *ingest.Delivery) (string, time.Duration) {
	s, err := signatureOf(d)
	if err != nil {
		return "", 0
	}
	return s.Timestamp + s.Token, m.maxAge + 2*mailgunAhead
}

// Refuse has Mailgun stop on a replay: the mail is kept already. On all other
// statuses it tries again.
func (m *Mailgun) Refuse(r ingest.Refusal) (ingest.Answer, bool) {
	if r.Code != "replayed" {
		return ingest.Answer{}, false
	}
	return ingest.Answer{Status: 406, ContentType: "text/plain; charset=utf-8", Body: []byte(r.Message)}, true
}

var mailgunFields = names("recipient sender from From subject Subject body-plain body-html stripped-text body-mime " +
	"message-headers Message-Id Reply-To timestamp X-Mailgun-Sflag X-Mailgun-Sscore attachments")

// Decode reads the person who asks out of one mail.
func (m *Mailgun) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	if strings.HasPrefix(d.Header.Get("Content-Type"), "application/json") {
		return nil, ingest.Ignored("a webhook about a mail that was sent")
	}
	form, err := readForm(d, mailgunFields)
	if err != nil {
		return nil, err
	}
	read, err := form.mailgunMail()
	if err != nil {
		return nil, err
	}
	read.recipient, read.envelopeFrom = clip(form.values["recipient"], maxAddress), form.values["sender"]
	read.addRecipients(read.recipient)
	if at, err := signature.Seconds(form.values["timestamp"]); err == nil {
		read.at = at
	}
	if strings.EqualFold(cmp.Or(read.header("X-Mailgun-Sflag"), form.values["X-Mailgun-Sflag"]), "yes") {
		read.spam = []string{"mail filter"}
	}
	return m.events(read, read.key())
}

func (f *postedForm) mailgunMail() (*message, error) {
	v := f.values
	if raw := v["body-mime"]; raw != "" {
		return readMIME([]byte(raw))
	}
	if v["from"] == "" && v["From"] == "" && v["sender"] == "" {
		return nil, errNoMail
	}
	m := &message{header: mailgunHeaders(v["message-headers"])}
	m.fromHeaders()
	g := new(guesser)
	m.from = cmp.Or(g.header(cmp.Or(v["from"], v["From"])), m.from)
	m.subject = cmp.Or(g.header(cmp.Or(v["subject"], v["Subject"])), m.subject)
	m.replyTo, m.id = cmp.Or(m.replyTo, g.header(v["Reply-To"])), cmp.Or(m.id, bareID(g.header(v["Message-Id"])))
	text := func(name string, limit int) string { return decodeText([]byte(clip(v[name], limit)), "", g) }
	m.text, m.html, m.reply = text("body-plain", maxText), text("body-html", maxHTML), text("stripped-text", maxText)
	for _, file := range f.files {
		m.attach(file)
	}
	return m, nil
}

// mailgunHeaders reads message-headers, a JSON list of pairs.
func mailgunHeaders(text string) func(string) string {
	var pairs fields.Few[[]string]
	header := make(textproto.MIMEHeader)
	if json.Unmarshal([]byte(clip(text, maxHeaders)), &pairs) == nil {
		for _, pair := range pairs {
			if len(pair) == 2 {
				header.Add(pair[0], pair[1])
			}
		}
	}
	return headerOf(header)
}
