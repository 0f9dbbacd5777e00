package mail

import (
	"bytes"
	"errors"
	"fmt"
	"net/textproto"
	"strings"

	"github.com/jhillyerd/enmime/v2"
	"github.com/jhillyerd/enmime/v2/mediatype"

	"github.com/leadgate/leadgate/ingest"
)

// Bounds of a raw mail. Every part costs some kilobytes, and every level of
// parts within parts reads all that is below it once more.
const (
	maxMultiparts = 12
	fewParts      = 30 // of a mail of any size, and one more
	bytesPerPart  = 64 // for so many bytes,
	maxMIMEParts  = 2000
	maxMediaType  = 2 << 10
)

var errParts = errors.New("too many parts")

// readMIME reads a raw mail (RFC 5322, RFC 2045). Errors: ErrMalformed,
// ErrTooLarge.
func readMIME(raw []byte) (*message, error) {
	raw = bytes.TrimLeft(raw, "\r\n\t \ufeff")
	if bytes.HasPrefix(raw, []byte("From ")) { // an mbox's line
		_, raw, _ = bytes.Cut(raw, []byte("\n"))
	}
	if n := bytes.Count(raw, []byte("\n--")); n > min(maxMIMEParts, fewParts+len(raw)/bytesPerPart) {
		return nil, fmt.Errorf("%w: a mail of %d lines that look like the borders of parts", ingest.ErrTooLarge, n)
	}
	bounded := &mediaTypes{}
	parser := enmime.NewParser(
		enmime.SkipMalformedParts(true), enmime.MultipartWOBoundaryAsSinglePart(true), enmime.MaxStoredPartErrors(8),
		enmime.DisableTextConversion(true), enmime.DisableCharacterDetection(true),
		enmime.SetReadPartErrorPolicy(func(*enmime.Part, error) bool { return true }),
		enmime.SetCustomParseMediaType(bounded.parse),
	)
	root, err := parser.ReadParts(bytes.NewReader(raw))
	if err != nil || len(root.Header) == 0 {
		return nil, fmt.Errorf("%w: the raw mail cannot be read", ingest.ErrMalformed)
	}
	m := &message{header: headerOf(root.Header)}
	m.fromHeaders()
	r := partReader{message: m, text: limitedText{room: maxText}, html: limitedText{room: maxHTML}}
	r.read(root)
	m.text, m.html = r.text.String(), r.html.String()
	return m, nil
}

func headerOf(header textproto.MIMEHeader) func(string) string {
	return func(name string) string {
		values := header[textproto.CanonicalMIMEHeaderKey(name)]
		if len(values) == 0 {
			return ""
		}
		return decodeHeader(values[0])
	}
}

// fromHeaders fills what the headers say.
func (m *message) fromHeaders() {
	m.from, m.replyTo, m.subject, m.date = m.header("From"), m.header("Reply-To"), m.header("Subject"), m.header("Date")
	m.id = bareID(m.header("Message-Id"))
	for _, name := range []string{"Delivered-To", "X-Original-To", "To", "Cc"} {
		m.addRecipients(m.header(name))
	}
}

// mediaTypes reads Content-Type and Content-Disposition for one mail. It is
// asked two or three times about every part.
type mediaTypes struct{ multiparts int }

func (t *mediaTypes) parse(text string) (media string, params map[string]string, invalid []string, err error) {
	if text == "" {
		return mediatype.Parse(text)
	}
	media, params, invalid, err = mediatype.Parse(clip(text, maxMediaType))
	if err != nil {
		// "text" and the like: what nobody can read is no reason to lose a part.
		return "text/plain", map[string]string{"charset": undeclared}, nil, nil
	}
	switch {
	case strings.HasPrefix(media, "multipart/"):
		if t.multiparts++; t.multiparts > 3*maxMultiparts {
			return "application/octet-stream", nil, nil, nil
		}
	case strings.HasPrefix(media, "text/"):
		// The charset is ours to undo: see decodeText.
		if params == nil {
			params = make(map[string]string, 1)
		}
		params["charset"] = undeclared + params["charset"]
	}
	return media, params, invalid, err
}

// undeclared is put before a charset's name, so that enmime does not know it
// and leaves the text as it is.
const undeclared = "leadgate-"

// partReader takes texts, pages and attachments out of the parts, in their
// order.
type partReader struct {
	*message
	text, html limitedText
}

func (r *partReader) read(part *enmime.Part) {
	for ; part != nil; part = part.NextSibling {
		if part.FirstChild != nil || strings.HasPrefix(part.ContentType, "multipart/") {
			r.read(part.FirstChild)
			continue
		}
		charset := strings.TrimPrefix(part.Charset, undeclared)
		attached := part.Disposition == "attachment" || part.FileName != "" && part.Disposition != "inline"
		switch {
		case !attached && (part.ContentType == "text/plain" || part.ContentType == ""):
			r.text.add(part.Content, charset)
		case !attached && part.ContentType == "text/html":
			r.html.add(part.Content, charset)
		default:
			r.attach(attachment{name: part.FileName, media: part.ContentType, size: int64(len(part.Content)), content: part.Content, charset: charset})
		}
	}
}

// limitedText is the texts of parts, to a bound.
type limitedText struct {
	strings.Builder
	room int
}

func (t *limitedText) add(part []byte, charset string) {
	if t.room <= 0 || len(part) == 0 {
		return
	}
	if len(part) > t.room {
		part = []byte(clip(string(part[:t.room+1]), t.room)) // between two characters
	}
	text := decodeText(part, charset)
	t.room -= len(text) + 1
	if t.Len() > 0 {
		t.WriteByte('\n')
	}
	t.WriteString(text)
}

// bareID returns a Message-ID without its brackets.
func bareID(text string) string { return strings.Trim(text, "<> \t") }
