package normalize

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/leadgate/leadgate/ingest"
)

// MaxAnswer is how much is stored of an answer, in runes.
const MaxAnswer = 5_000

// Text returns s as valid UTF-8 in NFC with LF line ends, without control
// characters (but tab and line end), without blanks around it, and with at
// most maxRunes runes.
func Text(s string, maxRunes int) string {
	if plain(s, maxRunes) || settled(s, maxRunes, false) {
		return s
	}
	return clean(s, maxRunes, false, nil)
}

// Budget is how many bytes of the texts of one delivery are brought to NFC where
// there may be many of them.
const Budget = 64 << 10

// TextWithin is Text for one of many texts of a delivery. At most *budget bytes,
// which are taken off, are brought to NFC; what is behind those stays composed as it
// was sent. A text in NFC, as nearly all are, takes nothing off.
func TextWithin(s string, maxRunes int, budget *int) string {
	if plain(s, maxRunes) || settled(s, maxRunes, false) {
		return s
	}
	return clean(s, maxRunes, false, budget)
}

// Line is Text on a single line: runs of white space become one blank.
func Line(s string, maxRunes int) string {
	if plain(s, maxRunes) && !strings.Contains(s, "  ") || settled(s, maxRunes, true) {
		return s
	}
	return clean(s, maxRunes, true, nil)
}

// plain tells whether s is printable ASCII without blanks around it.
func plain(s string, maxRunes int) bool {
	if len(s) > maxRunes || len(s) > 0 && (s[0] == ' ' || s[len(s)-1] == ' ') {
		return false
	}
	for i := range len(s) {
		if s[i]-' ' > '~'-' ' {
			return false
		}
	}
	return true
}

// settled tells whether clean would leave s as it is, as is so of nearly all
// that people write.
func settled(s string, maxRunes int, line bool) bool {
	if len(s) > utf8.UTFMax*maxRunes || len(s) > maxRunes && utf8.RuneCountInString(s) > maxRunes {
		return false
	}
	before, simple := ' ', true
	for i, c := range s {
		switch {
		case c == ' ':
			if i == 0 || line && before == ' ' {
				return false
			}
		case c == '\n' || c == '\t':
			if i == 0 || line {
				return false
			}
		case c < ' ' || c == 0x7F:
			return false
		case c < utf8.RuneSelf:
		case special(c):
			if unwanted(c) || c == '\u2028' || c == '\u2029' || unicode.IsSpace(c) && (i == 0 || line) {
				return false
			}
			simple = simple && alone(c)
		default:
			simple = simple && alone(c)
		}
		before = c
	}
	return !unicode.IsSpace(before) && utf8.ValidString(s) && (simple || norm.NFC.IsNormalString(s))
}

// special tells whether c, which is beyond ASCII, can be white space or unwanted.
func special(c rune) bool {
	return c <= '\u00A0' || c == '\u1680' || c >= '\u2000' && c <= '\u206F' || c == '\u3000' || c == '\uFEFF'
}

// alone tells whether c is of letters and signs that neither change in NFC nor
// join what stands before them, as most do not: a text of them is in NFC, and need
// not be looked through for it.
func alone(c rune) bool {
	switch {
	case c < '\u0300', c >= '\u0388' && c <= '\u0482', c >= '\u048A' && c <= '\u0590', c >= '\u05D0' && c <= '\u05EA',
		c >= '\u0620' && c <= '\u064A', c >= '\u1E00' && c <= '\u1EFF', c >= '\u2002' && c <= '\u20CF',
		c >= '\u3001' && c <= '\u3029', c >= '\u3030' && c <= '\u3098', c >= '\u309B' && c <= '\uA66E',
		c >= '\uAC00' && c <= '\uD7A3', c >= '\uFF00' && c <= '\uFFFD', c >= '\U0001F000' && c <= '\U0001FAFF':
		return true
	}
	return false
}

// clean takes off *budget what it brings to NFC, unless that is nil.
func clean(s string, maxRunes int, line bool, budget *int) string {
	c := cleaner{max: maxRunes, line: line, out: make([]byte, 0, min(len(s), utf8.UTFMax*maxRunes))}
	for s != "" && !c.full() {
		var part string
		part, s = c.stretch(s)
		if c.sent = budget != nil && exceeds(part, budget) || c.sent; c.sent {
			c.write(strings.ToValidUTF8(part, "\uFFFD"))
		} else {
			c.write(composed(part))
		}
	}
	return c.text()
}

// Whole is Text of any length, for telling texts apart. At most *budget bytes of
// it, which are taken off, are brought to NFC; what stands behind those is told
// apart by its digest. A text in NFC, as nearly all are, takes nothing off.
func Whole(s string, budget *int) string {
	if settled(s, len(s), false) {
		return s
	}
	c := cleaner{max: len(s), out: make([]byte, 0, len(s))}
	for s != "" {
		part, rest := c.stretch(s)
		if exceeds(part, budget) {
			return c.text() + "\uFFFD" + ingest.Digest("rest", s)
		}
		c.write(composed(part))
		s = rest
	}
	return c.text()
}

// exceeds takes a part of a text off the budget unless it is in NFC, and reports
// whether it was too much for it.
func exceeds(part string, budget *int) bool {
	if utf8.ValidString(part) && norm.NFC.IsNormalString(part) {
		return false
	}
	*budget = max(*budget-len(part), -1)
	return *budget < 0
}

// How much of a text is normalised at a time, in bytes. A text that comes to its
// bound before its end costs what its beginning does.
const (
	stretchSize = 2 << 10
	stretchMost = 4 << 10 // where there is nothing but accents
)

// stretch takes the beginning off a text, as long as stretchSize or a little more:
// what follows it must not join its last letter, nor be half of it.
func (c *cleaner) stretch(s string) (part, rest string) {
	for at := stretchSize; at < len(s); {
		if s[at] < utf8.RuneSelf {
			if s[at] != '\n' || s[at-1] != '\r' {
				return s[:at], s[at:]
			}
			at++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[at:])
		if whole := r != utf8.RuneError || size > 1; whole {
			joins := !norm.NFC.PropertiesString(s[at:]).BoundaryBefore()
			if !joins || at >= stretchMost {
				c.joined = c.joined || joins
				return s[:at], s[at:]
			}
		}
		at += size
	}
	return s, ""
}

// composed returns a part of a text as valid UTF-8 in NFC.
func composed(part string) string {
	return norm.NFC.String(strings.ToValidUTF8(part, "\uFFFD"))
}

// cleaner writes a text as Text or Line has it.
type cleaner struct {
	max    int // runes
	line   bool
	out    []byte
	runes  int
	blanks []rune // are held back until something follows them: that trims both ends
	joined bool   // parts of the text stand side by side that were not in NFC together
	sent   bool   // the text stays composed as it was sent
}

// full reports whether nothing that follows can be in the text.
func (c *cleaner) full() bool { return c.runes+len(c.blanks) >= c.max }

// write writes a part that is in NFC.
func (c *cleaner) write(part string) {
	for i := 0; i < len(part) && !c.full(); {
		if n := printable(part[i:]); n > 0 {
			c.flush()
			n = min(n, c.max-c.runes)
			c.out = append(c.out, part[i:i+n]...)
			c.runes, i = c.runes+n, i+n
			continue
		}
		r, size := rune(part[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(part[i:])
		}
		i += size
		switch {
		case r == '\r' && i < len(part) && part[i] == '\n':
			continue
		case r == '\r' || r == '\u0085' || r == '\u2028' || r == '\u2029':
			r = '\n'
		case r != '\n' && r != '\t' && (r < utf8.RuneSelf || special(r)) && unwanted(r):
			c.joined = true
			continue
		}
		if (r < utf8.RuneSelf || special(r)) && unicode.IsSpace(r) {
			c.blank(r)
			continue
		}
		c.flush()
		c.out = append(c.out, part[i-size:i]...)
		c.runes++
	}
}

// printable returns how many bytes of ASCII other than blanks s begins with.
func printable(s string) int {
	for i := range len(s) {
		if s[i]-'!' > '~'-'!' {
			return i
		}
	}
	return len(s)
}

func (c *cleaner) blank(r rune) {
	if c.line {
		r, c.blanks = ' ', c.blanks[:0]
	}
	if c.runes > 0 {
		c.blanks = append(c.blanks, r)
	}
}

func (c *cleaner) flush() {
	for _, blank := range c.blanks {
		c.out = utf8.AppendRune(c.out, blank)
	}
	c.runes += len(c.blanks)
	c.blanks = c.blanks[:0]
}

func (c *cleaner) text() string {
	text := string(c.out)
	if !c.joined || c.sent || norm.NFC.IsNormalString(text) {
		return text
	}
	// Taking characters out can bring a letter and its accent together.
	return norm.NFC.String(text)
}

// unwanted are control characters, marks of byte order, and the overrides of
// writing direction, which can make a text read as another.
func unwanted(c rune) bool {
	return unicode.IsControl(c) || c == '\uFEFF' || c >= '\u202A' && c <= '\u202E' || c >= '\u2066' && c <= '\u2069'
}

// Key reduces a label to the form that names are compared and stored in:
// lower case, every run of other characters than letters and digits one
// underscore, none at the ends. Letters of all scripts stay.
func Key(label string) string {
	if isKey(label) {
		return label
	}
	var b strings.Builder
	b.Grow(len(label))
	pending := false
	for _, c := range label {
		if c < utf8.RuneSelf && alphanumeric(byte(c)) || c >= utf8.RuneSelf && (unicode.IsLetter(c) || unicode.IsMark(c) || unicode.IsDigit(c)) {
			if pending && b.Len() > 0 {
				b.WriteByte('_')
			}
			pending = false
			b.WriteRune(unicode.ToLower(c))
			continue
		}
		pending = true
	}
	return b.String()
}

// isKey tells whether label is a key of ASCII letters and digits already.
func isKey(label string) bool {
	before := byte('_')
	for i := range len(label) {
		c := label[i]
		if c == '_' && before == '_' || c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
		before = c
	}
	return before != '_'
}
