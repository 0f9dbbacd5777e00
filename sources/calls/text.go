package calls

import (
	"strconv"
	"strings"

	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/normalize"
)

// text is a plain value in JSON as text, see fields.Scalar.
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(value []byte) error {
	scalar, err := fields.Scalar(value)
	*t = text(scalar)
	return err
}

// seconds reads a duration as 187, 187.4 or 0:03:07; nil if it is none.
func (t text) seconds() *int64 {
	total := int64(0)
	parts := strings.SplitN(strings.TrimSpace(string(t)), ":", 4)
	if len(parts) > 3 {
		return nil
	}
	for _, part := range parts {
		whole, fraction, _ := strings.Cut(part, ".")
		n, err := strconv.ParseUint(whole, 10, 32)
		if err != nil || strings.Trim(fraction, "0123456789") != "" {
			return nil
		}
		total = total*60 + int64(n)
	}
	return &total
}

// flag reads a yes or no; nil if it is neither.
func (t text) flag() *bool {
	yes := true
	switch strings.ToLower(strings.TrimSpace(string(t))) {
	case "1", "t", "true", "y", "yes", "on":
	case "0", "f", "false", "n", "no", "off":
		yes = false
	default:
		return nil
	}
	return &yes
}

func isTrue(flag *bool) bool { return flag != nil && *flag }

// direction says in our words which way a call went, as far as the sender's
// are known; a call of which it is not said was received.
func direction(said string) string {
	switch strings.ToLower(strings.TrimSpace(said)) {
	case "out", "outbound", "outgoing", "outcoming", "исходящий", "исходящая":
		return "outbound"
	}
	return "inbound"
}

// answered says what a call's state tells of its being answered by somebody;
// nil if it tells nothing, as of a call that is not over.
func answered(state string) *bool {
	yes := true
	switch plain(state) {
	case "answered", "answer", "completed", "complete", "connected", "successful", "success":
	case "noanswer", "notanswered", "unanswered", "missed", "lost", "busy", "failed", "canceled", "cancelled",
		"abandoned", "voicemail", "rejected", "hangup":
		yes = false
	default:
		return nil
	}
	return &yes
}

// underway tells whether a state is one of a call that is not over.
func underway(state string) bool {
	switch plain(state) {
	case "queued", "initiated", "ringing", "inprogress", "progress", "started", "start", "active":
		return true
	}
	return false
}

// plain reduces a name or word to its letters and digits in lower case:
// callerNumber, caller_number and Caller-Number are one.
func plain(name string) string {
	if len(name) > maxName {
		return ""
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r > 127:
			return r
		}
		return -1
	}, name)
}

// identity makes a key of a sender's id: one line, nothing that cannot be stored.
func identity[T ~string](id T) string { return normalize.Line(string(id), 255) }

// maxName bounds the names of parameters that are looked up.
const maxName = 100

// russian adds the plus that Russian senders leave out: they write numbers
// with the country's code, and national ones, of ten digits or with the 8 of
// long distance, are not taken for those.
func russian(number string) string {
	number = strings.TrimSpace(number)
	if len(number) < 11 || len(number) > 15 || strings.Trim(number, "0123456789") != "" || number[0] == '0' || number[0] == '8' {
		return number
	}
	return "+" + number
}
