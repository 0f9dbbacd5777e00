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
)

var errEmail = errors.New("not an e-mail address")

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
