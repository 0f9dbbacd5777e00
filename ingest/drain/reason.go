package drain

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// Errors of parsers and stores like to quote the value that they dislike. These
// find what may be one.
var (
	quotedValue = regexp.MustCompile("\"[^\"]*\"|`[^`]*`|(^|[\\s(\\[{=:,])'[^']*'")
	openQuote   = regexp.MustCompile("[\"`]|(^|[\\s(\\[{=:,])'")
	address     = regexp.MustCompile(`[^\s@,;:<>()]+@[^\s@,;:<>()]+`)
	number      = regexp.MustCompile(`\+?\d[\d\s().-]{4,}\d`)
)

// longestReason is in bytes.
const longestReason = 300

// redact removes what looks like an e-mail address or a phone number.
func redact(text string) string {
	text = number.ReplaceAllString(address.ReplaceAllString(text, "…"), "…")
	if len(text) > longestReason {
		cut := longestReason
		for !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut] + "…"
	}
	return strings.ToValidUTF8(text, "…")
}

// redactError returns an error's text without quoted values either.
func redactError(err error) string {
	text := quotedValue.ReplaceAllString(err.Error(), "$1…")
	if at := openQuote.FindStringIndex(text); at != nil {
		text = text[:at[0]] + " …"
	}
	return redact(text)
}
