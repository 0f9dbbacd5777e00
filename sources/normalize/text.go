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
	if plain(s, maxRunes) {
		return s
	}
	return clean(s, maxRunes, false)
}

// Line is Text on a single line: runs of white space become one blank.
func Line(s string, maxRunes int) string {
	if plain(s, maxRunes) && !strings.Contains(s, "  ") {
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
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
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
