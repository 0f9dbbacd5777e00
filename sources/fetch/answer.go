package fetch

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
)

// Bearer are the header fields of a request with that token for JSON.
func Bearer(token string) map[string]string {
	return map[string]string{"Authorization": "Bearer " + token, "Accept": "application/json"}
}

// RetryAfter reads the header of that name, in seconds or as a date; 0 if there
// is none.
func RetryAfter(r ingest.Response) time.Duration {
	text := strings.TrimSpace(r.Header.Get("Retry-After"))
	if seconds, err := strconv.Atoi(text); err == nil && seconds >= 0 {
		return time.Duration(min(seconds, int(longestWait/time.Second))) * time.Second
	}
	if at, err := time.Parse(time.RFC1123, text); err == nil && at.After(r.At) {
		return min(at.Sub(r.At), longestWait)
	}
	return 0
}

// longestWait bounds what a platform can ask for.
const longestWait = 24 * time.Hour

// Status returns what an answer's status alone means, nil for 200. The text is
// the platform's own.
func Status(r ingest.Response, text string) error {
	if text == "" {
		text = "no reason is given"
	}
	text = fmt.Sprintf("%s (status %d)", text, r.Status)
	problem := ingest.Unavailable
	switch r.Status {
	case 200:
		return nil
	case 401:
		problem = ingest.TokenRefused
	case 429:
		problem = ingest.Throttled
	case 403, 404, 410:
		problem = ingest.Missing
	}
	return &ingest.FetchError{Problem: problem, Text: text, After: RetryAfter(r)}
}

// Unreadable is the error of a good status with a body that is not what was
// asked for.
func Unreadable(what string) error {
	return &ingest.FetchError{Problem: ingest.Unavailable, Text: "the answer is not " + what}
}

// Text is a plain value in JSON as text, see fields.Scalar.
type Text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *Text) UnmarshalJSON(value []byte) error {
	scalar, err := fields.Scalar(value)
	*t = Text(scalar)
	return err
}
