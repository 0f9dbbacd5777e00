package mail

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
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
	maxMultiparts = 12        // of a small mail,
	bytesPerLevel = 1 << 20   // one less for so many bytes,
	fewMultiparts = 4         // but these
	maxHead       = 512 << 10 // of the headers
	maxReturns    = 1000      // without a line feed
	fewParts      = 30        // of a mail of any size, and one more
	bytesPerPart  = 64        // for so many bytes,
	maxMIMEParts  = 2000
	maxMediaType  = 2 << 10
)

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
	if end := bytes.Index(raw, []byte("\n\r\n")); (end < 0 || end > maxHead) && len(raw) > maxHead {
		if end = bytes.Index(raw, []byte("\n\n")); end < 0 || end > maxHead {
			return nil, fmt.Errorf("%w: a mail whose headers have more than %d bytes", ingest.ErrTooLarge, maxHead)
		}
	}
	if bytes.Count(raw, []byte("\r"))-bytes.Count(raw, []byte("\r\n")) > maxReturns { // each is looked at twice
		raw = bytes.ReplaceAll(raw, []byte("\r"), nil)
	}
	bounded := &mediaTypes{malformed: maxMalformed, limit: mediaTypeCalls * max(fewMultiparts, maxMultiparts-len(raw)/bytesPerLevel)}
	parser := enmime.NewParser(
		enmime.SkipMalformedParts(true), enmime.MultipartWOBoundaryAsSinglePart(true), enmime.MaxStoredPartErrors(8),
		enmime.RawContent(true), enmime.SetReadPartErrorPolicy(func(*enmime.Part, error) bool { return true }),
		enmime.SetCustomParseMediaType(bounded.parse),
	)
	root, err := parser.ReadParts(bytes.NewReader(raw))
	if err != nil || len(root.Header) == 0 {
		return nil, fmt.Errorf("%w: the raw mail cannot be read", ingest.ErrMalformed)
	}
	m := &message{header: headerOf(root.Header)}
	m.fromHeaders()
	g := new(guesser)
	r := partReader{message: m, text: limitedText{room: maxText, guesser: g}, html: limitedText{room: maxHTML, guesser: g}}
	r.read(root)
	m.text, m.html = r.text.String(), r.html.String()
	return m, nil
}

func headerOf(header textproto.MIMEHeader) func(string) string {
	g := new(guesser)
	return func(name string) string {
		values := header[textproto.CanonicalMIMEHeaderKey(name)]
		if len(values) == 0 {
			return ""
		}
		return g.header(values[0])
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

// mediaTypes reads Content-Type and Content-Disposition for one mail.
type mediaTypes struct {
	multiparts, limit int
	malformed         int // how many more words may be repaired
	words             guesser
}

// mediaTypeCalls is how often it is asked about one multipart.
const mediaTypeCalls = 2

func (t *mediaTypes) parse(text string) (media string, params map[string]string, invalid []string, err error) {
	media, params, invalid, err = mediatype.Parse(t.ownWords(clip(text, maxMediaType)))
	if err != nil && text != "" {
		return "text/plain", nil, nil, nil // what nobody can read is no reason to lose a part
	}
	if strings.HasPrefix(media, "multipart/") {
		if t.multiparts++; t.multiparts > t.limit {
			return "application/octet-stream", nil, nil, nil
		}
	}
	return media, params, invalid, err
}

// partReader takes texts, pages and attachments out of the parts, in their
// order.
type partReader struct {
	*message
	text, html limitedText
}

func (r *partReader) read(part *enmime.Part) {
	for ; part != nil; part = part.NextSibling {
		if part.FirstChild != nil {
			r.read(part.FirstChild)
			continue
		}
		charset, content := part.Charset, decodeTransfer(part.Content, part.Header.Get("Content-Transfer-Encoding"))
		attached := part.Disposition == "attachment" || part.FileName != "" && part.Disposition != "inline"
		switch {
		case !attached && isText(part.ContentType):
			r.text.add(content, charset)
		case !attached && part.ContentType == "text/html":
			r.html.add(content, charset)
		default:
			r.attach(attachment{name: part.FileName, media: part.ContentType, size: int64(len(content)), content: content, charset: charset})
		}
	}
}

// isText tells whether a part is read as text: also one that says nothing
// readable of its type, and a multipart without a boundary.
func isText(media string) bool {
	return media == "text/plain" || !strings.Contains(media, "/") || strings.HasPrefix(media, "multipart/")
}

// decodeTransfer undoes a Content-Transfer-Encoding (RFC 2045 §6), past all that
// does not belong there.
func decodeTransfer(content []byte, encoding string) []byte {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "base64":
		return decodeBase64(content)
	case "quoted-printable":
		return decodeQuoted(content)
	}
	return content
}

// decodeBase64 decodes several texts, each with its padding; what is behind the
// last padding and no base64 is a footer that somebody put there.
func decodeBase64[T string | []byte](text T) []byte {
	decoded := make([]byte, 0, len(text))
	start := 0 // of the text that is being gathered, in decoded
	end := func() {
		if (len(decoded)-start)%4 == 1 { // half a byte
			decoded = decoded[:len(decoded)-1]
		}
		n, _ := base64.RawStdEncoding.Decode(decoded[start:], decoded[start:]) // as far as it goes
		decoded = decoded[:start+n]
		start = len(decoded)
	}
	for i := range len(text) {
		switch c := text[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '+', c == '/':
			decoded = append(decoded, c)
		case c == '=':
			end()
		case !isSpace(rune(c)) && len(decoded) == start && start > 0:
			return decoded
		}
	}
	end()
	return decoded
}

func decodeQuoted(text []byte) []byte {
	decoded := make([]byte, 0, len(text))
	for line := range bytes.Lines(text) {
		end := line[len(bytes.TrimRight(line, "\r\n")):]
		line = bytes.TrimRight(line[:len(line)-len(end)], " \t")
		soft := bytes.HasSuffix(line, []byte("="))
		if soft {
			line = line[:len(line)-1]
		}
		for i := 0; i < len(line); i++ {
			if line[i] == '=' && i+2 < len(line) {
				var b [1]byte
				if _, err := hex.Decode(b[:], line[i+1:i+3]); err == nil {
					decoded, i = append(decoded, b[0]), i+2
					continue
				}
			}
			decoded = append(decoded, line[i])
		}
		if !soft {
			decoded = append(decoded, end...)
		}
	}
	return decoded
}

// limitedText is the texts of parts, to a bound.
type limitedText struct {
	strings.Builder
	room    int
	guesser *guesser
}

func (t *limitedText) add(part []byte, charset string) {
	if t.room <= 0 || len(part) == 0 {
		return
	}
	if len(part) > t.room {
		part = []byte(clip(string(part[:t.room+1]), t.room)) // between two characters
	}
	text := decodeText(part, charset, t.guesser)
	t.room -= len(text) + 1
	if t.Len() > 0 {
		t.WriteByte('\n')
	}
	t.WriteString(text)
}

// bareID returns a Message-ID without its brackets.
func bareID(text string) string { return strings.Trim(text, "<> \t") }
