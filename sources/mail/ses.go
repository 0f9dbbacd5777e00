package mail

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/textproto"
	"slices"
	"strings"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/normalize"
	"github.com/leadgate/leadgate/sources/signature"
)

// SES is the source type "aws-ses": mails that Amazon SES receives and an SNS
// action publishes to a topic that is subscribed with the address of the source,
// https://docs.aws.amazon.com/ses/latest/dg/receiving-email-notifications-contents.html.
//
// SNS signs, with a certificate that is fetched from it. Options: topics are the
// ARNs of the topics that are taken, needed; a subscription to one of them is
// confirmed. Secrets are not needed; where there are some, the address of the
// subscription must carry one (SNS sends a password only after it was asked for
// it), and deliveries with raw message delivery, which are not signed, are taken
// too. Also signature.GuardOptions (not insecure) and Options. Mails of more
// than some 150 kB need an S3 action, whose notification holds no mail: it goes
// to quarantine.
type SES struct {
	*inbox
	guard        *signature.Guard
	secrets      bool
	topics       []string
	certificates ingest.CertificateStore
}

// NewSES returns a source of type "aws-ses".
func NewSES(config ingest.SourceConfig) (ingest.Source, error) {
	var o struct {
		guardedOptions
		Topics []string `json:"topics"`
	}
	if err := config.DecodeOptions(&o); err != nil {
		return nil, err
	}
	if len(o.Topics) == 0 {
		return nil, errors.New("options.topics: the ARNs of the topics to take deliveries from, such as arn:aws:sns:eu-west-1:111122223333:leads (got none)")
	}
	for i, topic := range o.Topics {
		if parts := strings.Split(topic, ":"); len(parts) != 6 || parts[0] != "arn" || parts[2] != "sns" || slices.Contains(parts, "") {
			return nil, fmt.Errorf("options.topics[%d]: not like arn:aws:sns:eu-west-1:111122223333:leads (got %q)", i, topic)
		}
	}
	if o.Insecure {
		return nil, errors.New("options.insecure: SNS signs, so it is not needed (got true)")
	}
	s := &SES{topics: o.Topics, certificates: config.Certificates, secrets: len(config.Secrets) > 0}
	o.Insecure = !s.secrets // the guard then knows addresses only
	var err error
	if s.guard, err = signature.NewGuard(config, o.GuardOptions); err != nil {
		return nil, err
	}
	s.inbox, err = newInbox(config, o.Options)
	return s, err
}

// isRaw tells whether SNS left its envelope, and with it the signature, out.
func isRaw(d *ingest.Delivery) bool {
	return strings.EqualFold(d.Header.Get("X-Amz-Sns-Rawdelivery"), "true")
}

// envelope reads what SNS posts: JSON, whatever its Content-Type says.
func envelope(d *ingest.Delivery) (*signature.SNSMessage, error) {
	m := new(signature.SNSMessage)
	if err := json.Unmarshal(d.Body, m); err != nil || m.MessageID == "" {
		return nil, errors.New("the body is not a message of Amazon SNS")
	}
	return m, nil
}

// Verify checks the signature, or of an unsigned delivery the secret.
func (s *SES) Verify(d *ingest.Delivery) error {
	if err := s.guard.Verify(d); err != nil {
		return err
	}
	if isRaw(d) {
		if !s.secrets {
			return fmt.Errorf("%w: raw message delivery is not signed: switch it off, or give the source a secret", ingest.ErrUnverified)
		}
		return nil
	}
	m, err := envelope(d)
	if err != nil {
		return fmt.Errorf("%w: %w", ingest.ErrUnverified, err)
	}
	return signature.SNS(m, s.topics, s.certificates)
}

// Redact removes a configured token header.
func (s *SES) Redact(d *ingest.Delivery) { s.guard.Redact(d) }

// Refuse asks for the password that SNS keeps until it is asked. It has SNS try
// again on everything else that it would give up on, which is every other 4xx.
func (s *SES) Refuse(r ingest.Refusal) (ingest.Answer, bool) {
	switch {
	case r.Status == 401 && s.secrets:
		return ingest.Answer{
			Status: 401, ContentType: "text/plain; charset=utf-8", Body: []byte(r.Message),
			Header: map[string]string{"Www-Authenticate": `Basic realm="leadgate"`},
		}, true
	case r.Status == 429:
		return ingest.Answer{}, false
	}
	return deferral(r)
}

// Confirm returns the address that confirms a subscription.
func (s *SES) Confirm(d *ingest.Delivery) (string, bool) {
	if isRaw(d) {
		return "", false
	}
	m, err := envelope(d)
	if err != nil {
		return "", false
	}
	return signature.SNSConfirmation(m)
}

// sesMail is a notification of SES.
type sesMail struct {
	NotificationType, EventType string
	Mail                        struct {
		Timestamp, Source, MessageID string
		Destination                  fields.Few[string]
		Headers                      fields.Few[struct{ Name, Value string }]
		CommonHeaders                struct {
			From, To, ReplyTo        fields.Few[string]
			Subject, MessageID, Date string
		}
	}
	Receipt struct {
		Recipients                fields.Few[string]
		SpamVerdict, VirusVerdict struct{ Status string }
		Action                    struct{ Type, Encoding string }
	}
	Content *string
}

// Decode reads the person who asks out of one mail.
func (s *SES) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	text, id := d.Body, d.Header.Get("X-Amz-Sns-Message-Id")
	if !isRaw(d) {
		m, err := envelope(d)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ingest.ErrMalformed, err)
		}
		switch m.Type {
		case signature.SNSSubscribe:
			return nil, ingest.Ignored("a subscription that is to be confirmed")
		case signature.SNSUnsubscribe:
			return nil, ingest.Ignored("a subscription that was ended: no more mails come from this topic")
		}
		text, id = []byte(m.Message), m.MessageID
	}
	var n sesMail
	if err := json.Unmarshal(text, &n); err != nil {
		if strings.HasPrefix(string(text), "Successfully validated SNS topic") {
			return nil, ingest.Ignored("a test of the topic by SES")
		}
		if errors.Is(err, ingest.ErrTooLarge) {
			return nil, err
		}
		return nil, fmt.Errorf("%w: the message is not the JSON of Amazon SES", ingest.ErrMalformed)
	}
	if n.NotificationType != "Received" {
		if n.NotificationType == "" && n.EventType == "" {
			return nil, fmt.Errorf("%w: no notificationType", ingest.ErrMalformed)
		}
		return nil, ingest.Ignored("a notification about a mail that was sent")
	}
	m, err := n.message()
	if err != nil {
		return nil, err
	}
	m.attrs = map[string]string{"sns_message_id": id}
	if at, _, err := normalize.Time(n.Mail.Timestamp, s.location); err == nil && n.Mail.Timestamp != "" {
		m.at = at
	}
	return s.events(m, n.Mail.MessageID)
}

func (n *sesMail) message() (*message, error) {
	if n.Mail.MessageID == "" {
		return nil, fmt.Errorf("%w: no mail.messageId", ingest.ErrMalformed)
	}
	if n.Content == nil {
		return nil, fmt.Errorf("%w: the notification holds no mail (action %s): give the rule of SES an SNS action; what an S3 action stores is not fetched",
			ingest.ErrMalformed, cmp.Or(normalize.Key(clip(n.Receipt.Action.Type, maxLabel)), "unknown"))
	}
	raw := []byte(*n.Content)
	if strings.EqualFold(n.Receipt.Action.Encoding, "BASE64") {
		var err error
		if raw, err = base64.StdEncoding.DecodeString(strings.Join(strings.Fields(*n.Content), "")); err != nil {
			return nil, fmt.Errorf("%w: content is not base64", ingest.ErrMalformed)
		}
	}
	m, err := readMIME(raw)
	if err != nil {
		return nil, err
	}
	header := make(textproto.MIMEHeader, len(n.Mail.Headers))
	for _, h := range n.Mail.Headers {
		header.Add(h.Name, h.Value)
	}
	common, g := &n.Mail.CommonHeaders, new(guesser)
	m.externalID, m.envelopeFrom = n.Mail.MessageID, n.Mail.Source
	m.from = cmp.Or(m.from, g.header(strings.Join(common.From, ", ")))
	m.replyTo = cmp.Or(m.replyTo, g.header(strings.Join(common.ReplyTo, ", ")), headerOf(header)("Reply-To"))
	m.subject, m.date = cmp.Or(m.subject, g.header(common.Subject)), cmp.Or(m.date, common.Date)
	m.id = cmp.Or(m.id, bareID(g.header(common.MessageID)))
	for _, list := range [][]string{n.Receipt.Recipients, n.Mail.Destination} {
		for _, to := range list {
			m.recipient = cmp.Or(m.recipient, to)
			m.addRecipients(to)
		}
	}
	if strings.EqualFold(n.Receipt.SpamVerdict.Status, "FAIL") {
		m.spam = append(m.spam, "mail filter")
	}
	if strings.EqualFold(n.Receipt.VirusVerdict.Status, "FAIL") {
		m.spam = append(m.spam, "virus")
	}
	return m, nil
}
