package mail

import (
	"bytes"
	"cmp"
	"mime"
	"strings"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/signature"
)

// Posted is the source type "email-lead": mails that your own mail server, a
// script or a worker posts as they are: raw (message/rfc822,
// https://www.rfc-editor.org/rfc/rfc5322), or only their words (text/plain,
// text/html) or an ADF (application/xml). Of the last three the words are all
// that there is, and they are read as a robot's. Its options are
// signature.GuardOptions and Options.
type Posted struct {
	*signature.Guard
	*inbox
}

// NewPosted returns a source of type "email-lead".
func NewPosted(config ingest.SourceConfig) (ingest.Source, error) {
	guard, inbox, err := newGuarded(config)
	if err != nil {
		return nil, err
	}
	return &Posted{Guard: guard, inbox: inbox}, nil
}

// NewADF returns a source of type "adf": ADF that a portal posts itself, see
// prospects.
func NewADF(config ingest.SourceConfig) (ingest.Source, error) { return NewPosted(config) }

// Authorized checks what does not need the body.
func (p *Posted) Authorized(d *ingest.Delivery) error { return p.VerifyHead(d) }

// Decode reads the person who asks out of one mail.
func (p *Posted) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	media, params, _ := mime.ParseMediaType(d.Header.Get("Content-Type"))
	var m *message
	text := func(limit int) string { // what is cut off cannot be within it
		most := 4 * limit
		body := clip(string(d.Body[:min(len(d.Body), most+1)]), most) // between two characters
		return clip(decodeText([]byte(body), params["charset"], new(guesser)), limit)
	}
	switch {
	case media == "message/rfc822", media == "application/octet-stream" && !bytes.HasPrefix(bytes.TrimSpace(d.Body), []byte("<")):
		var err error
		if m, err = readMIME(d.Body); err != nil {
			return nil, err
		}
		if len(m.recipients) > 0 {
			m.recipient = m.recipients[0]
		}
	case media == "text/html":
		m = &message{html: text(maxHTML)}
	case strings.HasSuffix(media, "xml"), media == "application/octet-stream":
		m = &message{text: decodeXML(d.Body, params["charset"])}
		if prospects, err := m.prospects(); err != nil || len(prospects) == 0 {
			return nil, cmp.Or(err, errNoMail)
		}
	default:
		m = &message{text: text(maxText)}
	}
	return p.events(m, m.key())
}
