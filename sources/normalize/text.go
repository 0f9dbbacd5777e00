package normalize

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Text returns s as valid UTF-8 in NFC with LF line ends, without control
// characters (but tab and line end), without blanks around it, and with at
// most maxRunes runes.
func Text(s string, maxRunes int) string {
	if plain(s, maxRunes) || settled(s, maxRunes, false) {
		return s
	}
	return clean(s, maxRunes, false)
}

// Line is Text on a single line: runs of white space become one blank.
func Line(s string, maxRunes int) string {
	if plain(s, maxRunes) && !strings.Contains(s, "  ") || settled(s, maxRunes, true) {
		return s
	}
	return clean(s, maxRunes, true)
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
	if len(s) > maxRunes && utf8.RuneCountInString(s) > maxRunes {
		return false
	}
	before := ' '
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
		case unwanted(c) || c == '\u2028' || c == '\u2029' || unicode.IsSpace(c) && (i == 0 || line):
			return false
		}
		before = c
	}
	return !unicode.IsSpace(before) && utf8.ValidString(s) && norm.NFC.IsNormalString(s)
}

func clean(s string, maxRunes int, line bool) string {
	s = norm.NFC.String(strings.ToValidUTF8(s, "\uFFFD"))
	s = strings.ReplaceAll(s, "\r\n", "\n")
	var b strings.Builder
	b.Grow(min(len(s), 4*maxRunes))
	// Blanks are held back until something follows them: that trims both ends.
	var blanks []rune
	runes := 0
	for _, c := range s {
		switch {
		case c == '\r' || c == '\u0085' || c == '\u2028' || c == '\u2029':
			c = '\n'
		case c != '\n' && c != '\t' && unwanted(c):
			continue
		}
		if unicode.IsSpace(c) {
			if line {
				c, blanks = ' ', blanks[:0]
			}
			if runes > 0 && runes+len(blanks) < maxRunes {
				blanks = append(blanks, c)
			}
			continue
		}
		if runes+len(blanks)+1 > maxRunes {
			break
		}
		for _, blank := range blanks {
			b.WriteRune(blank)
		}
		b.WriteRune(c)
		runes += len(blanks) + 1
		blanks = blanks[:0]
	}
	// Taking characters out can bring a letter and its accent together.
	if text := b.String(); !norm.NFC.IsNormalString(text) {
		return norm.NFC.String(text)
	}
	return b.String()
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
