package mail

import (
	"bytes"
	"cmp"
	"io"
	"mime"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gogs/chardet"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
)

// maxDetect bounds how much of a text is looked at to guess its charset.
const maxDetect = 4 << 10

// twoBytes are charsets in which a letter has two bytes, none of them ASCII.
var twoBytes = names("gbk gb2312 gb18030 big5 big5-hkscs shift_jis euc-jp euc-kr ks_c_5601-1987")

// decodeText brings a text of the named charset to UTF-8. A text that is valid
// UTF-8 and more than ASCII is that, whatever was said of it; where nothing
// usable was said the charset is guessed. It never fails: what cannot be read
// becomes U+FFFD.
func decodeText(text []byte, charset string, g *guesser) string {
	if marked := bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")); marked {
		charset = "utf-16"
	}
	charset = strings.ToLower(strings.Trim(charset, `"' `))
	if twoBytes[charset] {
		// Two letters of these may happen to be one of UTF-8's.
		if encoding, err := htmlindex.Get(charset); err == nil {
			if decoded, err := encoding.NewDecoder().Bytes(text); err == nil && !bytes.ContainsRune(decoded, utf8.RuneError) {
				return string(decoded)
			}
		}
	}
	escaped := strings.HasPrefix(charset, "iso-2022") || strings.HasPrefix(charset, "utf-16") || strings.HasPrefix(charset, "hz")
	if !escaped && utf8.Valid(text) {
		return string(bytes.TrimPrefix(text, []byte("\ufeff")))
	}
	if strings.HasPrefix(charset, "utf-16") {
		endian := unicode.LittleEndian
		if charset == "utf-16be" {
			endian = unicode.BigEndian
		}
		decoded, _ := unicode.UTF16(endian, unicode.UseBOM).NewDecoder().Bytes(text) // as far as it goes
		return string(decoded)
	}
	encoding, err := htmlindex.Get(charset)
	if name, _ := htmlindex.Name(encoding); err != nil || name == "utf-8" || name == "replacement" {
		if encoding, err = htmlindex.Get(g.guess(text)); err != nil {
			encoding = charmap.Windows1252
		}
	}
	decoded, err := encoding.NewDecoder().Bytes(text)
	if err != nil {
		decoded = text
	}
	return strings.ToValidUTF8(string(decoded), "\uFFFD")
}

// guesser guesses the charsets of what a mail does not name them of, or names
// wrongly: of so many texts. What comes after them is in the charset of the last
// one, for a guess costs what reading a thousand letters does, and a mail may be
// made of encoded words of four. The zero value is ready.
type guesser struct {
	guesses int
	last    string
}

// maxGuesses is more than there are headers, texts and pages in what people send.
const maxGuesses = 12

// guess returns "" where nothing is likely.
func (g *guesser) guess(text []byte) string {
	if g.guesses < maxGuesses {
		g.guesses++
		g.last = guessCharset(text)
	}
	return g.last
}

func guessCharset(text []byte) string {
	text = text[:min(len(text), maxDetect)]
	if i := bytes.IndexFunc(text, func(c rune) bool { return c == utf8.RuneError }); i < 0 {
		return "utf-8"
	}
	// Not DetectBest: of two that are as likely it takes whichever comes first out
	// of its goroutines, and the same bytes must mean the same.
	likely, err := chardet.NewTextDetector().DetectAll(text)
	if err != nil {
		return ""
	}
	best := slices.MaxFunc(likely, func(a, b chardet.Result) int {
		return cmp.Or(cmp.Compare(a.Confidence, b.Confidence), cmp.Compare(b.Charset, a.Charset))
	})
	if best.Confidence < 30 {
		return ""
	}
	return best.Charset
}

// decoder decodes encoded words of any charset.
func (g *guesser) decoder() *mime.WordDecoder {
	return &mime.WordDecoder{CharsetReader: func(charset string, input io.Reader) (io.Reader, error) {
		text, err := io.ReadAll(io.LimitReader(input, maxAddress))
		if err != nil {
			return nil, err
		}
		return strings.NewReader(decodeText(text, charset, g)), nil
	}}
}

// header reads the value of a header field, folded or not, with its encoded words
// (RFC 2047), or with bytes of some charset as they should not be.
func (g *guesser) header(value string) string {
	words := g.decoder()
	value = decodeText([]byte(clip(value, maxAddress)), "", g)
	value = strings.NewReplacer("\r\n", "", "\n", "", "\r", "").Replace(value)
	if decoded, err := words.DecodeHeader(value); err == nil {
		value = decodeText([]byte(decoded), "", g) // utf-8 may be what was said only
	}
	return strings.TrimSpace(value)
}
