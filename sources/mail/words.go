package mail

import (
	"encoding/base64"
	"strings"
)

// maxMalformed is how many encoded words that are none, for a blank that stands in
// them, enmime may repair in the types of a mail.
const maxMalformed = 2

// ownWords returns the value of a Content-Type or Content-Disposition with its
// encoded words (RFC 2047) in UTF-8. For a word of any other charset enmime, which
// reads the value then, makes two buffers of 4 KB, each time that it looks for words
// in words; and one of the charsets that it knows is decoded by code that nobody
// keeps up.
func (t *mediaTypes) ownWords(text string) string {
	if !strings.Contains(text, "=?") {
		return text
	}
	words := t.words.decoder()
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "=?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		word, end := encodedWord(rest)
		decoded, err := words.Decode("=?" + word)
		switch {
		case err == nil:
			b.WriteString("=?utf-8?b?" + base64.StdEncoding.EncodeToString([]byte(strings.ReplaceAll(decoded, "=?", "= ?"))) + "?=")
			text = rest[end:]
		case t.malformed > 0:
			t.malformed--
			b.WriteString("=?")
			text = rest
		default:
			b.WriteString("= ?")
			text = rest
		}
	}
}

// encodedWord returns what stands up to the end of an encoded word, and where what
// follows it begins.
func encodedWord(text string) (word string, end int) {
	marks := 0
	for i := range len(text) {
		if text[i] == '?' {
			if marks++; marks == 3 {
				if strings.HasPrefix(text[i:], "?=") {
					return text[:i+2], i + 2
				}
				break
			}
		}
	}
	return "", 0
}
