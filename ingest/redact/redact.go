// Package redact makes text that others sent safe to show: on a terminal, in a
// log, in a file that a spreadsheet opens.
//
// What was sent may hold escape sequences (set the title, write to the clipboard,
// hide or repaint what stands above), characters that turn the direction of the
// text around them, and characters that nobody sees. None of them reaches a
// person: Line and Text replace them, the JSON writer escapes them, which loses
// nothing. See https://cwe.mitre.org/data/definitions/150.html and
// https://www.unicode.org/reports/tr36/.
//
// The package is a leaf: it imports the standard library alone.
package redact

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Replacement stands for what is not shown.
const Replacement = utf8.RuneError

// Visible reports whether a person sees r, and it changes nothing but its own
// place: letters, marks, numbers, punctuation, symbols and the ASCII space. The
// controls C0 and C1, DEL, line and paragraph separators, everything of zero
// width but combining marks, direction controls and private characters are not.
func Visible(r rune) bool {
	if r < utf8.RuneSelf {
		return plain(byte(r))
	}
	return unicode.IsPrint(r) && !blank(r)
}

// plain reports whether b is a visible character of ASCII.
func plain(b byte) bool { return ' ' <= b && b <= '~' }

// blank reports whether r looks like nothing although Unicode counts it among
// letters, marks and symbols.
func blank(r rune) bool {
	return r == '\u2800' || unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// shown is what a person gets to see of r: r itself, a space for one of another
// width, Replacement, or -1 for nothing, of the selectors that follow emoji.
func shown(r rune) rune {
	switch {
	case Visible(r):
		return r
	case unicode.Is(unicode.Zs, r):
		return ' '
	case r == '\uFE0E' || r == '\uFE0F':
		return -1
	}
	return Replacement
}

// Line returns s as it can stand within a line: line ends and tabs are replaced
// as well.
func Line(s string) string { return strings.Map(shown, s) }

// Text returns s with its line ends, all of them LF, and its tabs.
func Text(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		return shown(r)
	}, strings.ReplaceAll(s, "\r\n", "\n"))
}
