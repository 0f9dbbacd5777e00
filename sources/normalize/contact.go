// Package normalize brings what senders write into the one form that is
// stored: addresses, numbers, texts, times and where a visitor came from.
//
// Its law: every function is pure, and normalising twice changes nothing.
// What cannot be valid is an error that does not repeat the value.
package normalize

import (
	"errors"
	"net/mail"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"github.com/nyaruka/phonenumbers"
)

var (
	errEmail = errors.New("not an e-mail address")
	errPhone = errors.New("not a phone number that can be dialled")
)

// Email returns the address in lower case, its domain in Unicode. It accepts
// what RFC 5321 and 5322 do (a display name is left out), asks for a dot in
// the domain, and refuses domain literals and anything above 254 bytes.
func Email(text string) (string, error) {
	text = strings.TrimSpace(text)
	if len(text) > 512 {
		return "", errEmail
	}
	if plainEmail(text) {
		return strings.ToLower(text), nil
	}
	address, err := mail.ParseAddress(text)
	if err != nil {
		return "", errEmail
	}
	at := strings.LastIndexByte(address.Address, '@')
	if at < 1 || at > 64 {
		return "", errEmail
	}
	local := strings.ToLower(norm.NFC.String(address.Address[:at]))
	domain, err := asciiDomain(address.Address[at+1:])
	if err != nil || len(local)+1+len(domain) > 254 {
		return "", errEmail
	}
	if domain, err = idna.Display.ToUnicode(domain); err != nil {
		return "", errEmail
	}
	// Only a quoted local part can hold what String then quotes again.
	quoted := (&mail.Address{Address: local + "@" + domain}).String()
	return strings.Trim(quoted, "<>"), nil
}

func asciiDomain(domain string) (string, error) {
	domain, err := idna.Lookup.ToASCII(domain)
	if err != nil || len(domain) > 253 || !strings.Contains(domain, ".") {
		return "", errEmail
	}
	for label := range strings.SplitSeq(domain, ".") {
		if !plainLabel(label) {
			return "", errEmail
		}
	}
	if last := domain[strings.LastIndexByte(domain, '.')+1:]; strings.Trim(last, "0123456789") == "" {
		return "", errEmail
	}
	return domain, nil
}

// plainEmail tells whether text needs nothing but lower case: ASCII letters,
// digits and a few signs, one @, a domain with a dot.
func plainEmail(text string) bool {
	local, domain, ok := strings.Cut(text, "@")
	if !ok || len(text) > 254 || len(local) == 0 || len(local) > 64 || local[0] == '.' || local[len(local)-1] == '.' {
		return false
	}
	for i := range len(local) {
		c := local[i]
		if !alphanumeric(c) && strings.IndexByte("._+-", c) < 0 || c == '.' && local[i-1] == '.' {
			return false
		}
	}
	labels, last := 0, ""
	for label := range strings.SplitSeq(domain, ".") {
		if !plainLabel(label) || len(label) > 3 && strings.EqualFold(label[:4], "xn--") {
			return false
		}
		labels, last = labels+1, label
	}
	return labels > 1 && strings.Trim(last, "0123456789") != ""
}

func plainLabel(label string) bool {
	if len(label) == 0 || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	for i := range len(label) {
		if !alphanumeric(label[i]) && label[i] != '-' {
			return false
		}
	}
	return true
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// Phone returns the number in E.164 form. Region (ISO 3166 alpha-2) is the
// country of national numbers; without one only international numbers can be
// read. An extension is left out. An international number counts as valid if
// its length is possible in its country, so that newly opened ranges are not
// refused; a national one must be valid in the region, which is a guess.
func Phone(text, region string) (string, error) {
	text = strings.TrimSpace(text)
	if len(text) > 64 {
		return "", errPhone
	}
	if text = withoutMarks(text); northAmerican(text) {
		return text, nil
	}
	number, err := phonenumbers.Parse(text, region)
	if err != nil && strings.HasPrefix(text, "00") {
		number, err = phonenumbers.Parse("+"+text[2:], "")
	}
	if err != nil || !phonenumbers.IsPossibleNumber(number) {
		return "", errPhone
	}
	if text[0] != '+' && !phonenumbers.IsValidNumber(number) {
		return "", errPhone
	}
	return phonenumbers.Format(number, phonenumbers.E164), nil
}

// withoutMarks takes the marks out of a number that is plain digits besides:
// the library finds them with regular expressions, which cost it most of its
// time. A zero in brackets, "+44 (0)20", it must see for itself.
func withoutMarks(text string) string {
	marks := 0
	for i := range len(text) {
		switch c := text[i]; {
		case c >= '0' && c <= '9', c == '+' && i == 0:
		case c == ' ' || c == '-' || c == '.' || c == '(' && !strings.HasPrefix(text[i:], "(0)") || c == ')':
			marks++
		default:
			return text
		}
	}
	if marks == 0 {
		return text
	}
	digits := make([]byte, 0, len(text)-marks)
	for i := range len(text) {
		if c := text[i]; c == '+' || c >= '0' && c <= '9' {
			digits = append(digits, c)
		}
	}
	return string(digits)
}

// northAmerican tells whether text is +1 with a number that can exist: the
// most frequent input, for which the library's work can be spared.
func northAmerican(text string) bool {
	if len(text) != 12 || text[:2] != "+1" || text[2] < '2' || text[5] < '2' {
		return false
	}
	for i := 2; i < len(text); i++ {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return true
}

// Withheld tells whether a caller's number is one of the texts that telephone
// networks and call trackers put where the caller hides it, also spelled on
// the keypad ("+266696687" is ANONYMOUS).
func Withheld(text string) bool {
	switch strings.ToLower(strings.Trim(text, " +()<>")) {
	case "anonymous", "restricted", "unknown", "unavailable", "blocked", "private", "withheld", "hidden",
		"private number", "private caller", "unknown caller", "no caller id", "caller id blocked", "not available",
		"266696687", "7378742833", "2562533", "8656696", "86282452253":
		return true
	}
	return false
}
