package clicks

import (
	"encoding/json"
	"fmt"
	"mime"
	"strings"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/normalize"
)

// maxElements bounds the list that one delivery may carry.
const maxElements = 500

// maxID bounds an idempotency key, in bytes.
const maxID = 255

// element is one JSON object of a body; what is wrong with it goes to invalid.
type element struct {
	object  map[string]any
	prefix  string // "[3]." in a list
	invalid *ingest.InvalidError
}

// elements reads a JSON object, or a list of them. Browsers send beacons as
// text/plain, https://developer.mozilla.org/docs/Web/API/Navigator/sendBeacon.
func elements(d *ingest.Delivery, invalid *ingest.InvalidError) ([]element, error) {
	if header := d.Header.Get("Content-Type"); header != "" {
		mediaType, _, err := mime.ParseMediaType(header)
		if err != nil || mediaType != "text/plain" && mediaType != "application/json" && !strings.HasSuffix(mediaType, "+json") {
			return nil, fmt.Errorf("%w: send application/json", ingest.ErrMediaType)
		}
	}
	value, err := fields.ParseJSON(d.Body)
	if err != nil {
		return nil, err
	}
	if object, ok := value.(map[string]any); ok {
		return []element{{object: object, invalid: invalid}}, nil
	}
	list, ok := value.([]any)
	switch {
	case !ok:
		return nil, fmt.Errorf("%w: neither a JSON object nor a list of them", ingest.ErrMalformed)
	case len(list) == 0:
		return nil, fmt.Errorf("%w: an empty list", ingest.ErrMalformed)
	case len(list) > maxElements:
		return nil, fmt.Errorf("%w: a list of %d (at most %d)", ingest.ErrTooLarge, len(list), maxElements)
	}
	found := make([]element, 0, len(list))
	for i, value := range list {
		object, ok := value.(map[string]any)
		if !ok {
			invalid.Add(fmt.Sprintf("[%d]", i), "not a JSON object")
			continue
		}
		found = append(found, element{object: object, prefix: fmt.Sprintf("[%d].", i), invalid: invalid})
	}
	return found, nil
}

func (e *element) bad(field, format string, args ...any) {
	e.invalid.Add(e.prefix+field, format, args...)
}

// text returns a field that is text, or a number as it is written; "" if it is
// absent or null.
func (e *element) text(field string) string {
	switch value := e.object[field].(type) {
	case nil:
	case string:
		return strings.TrimSpace(value)
	case json.Number:
		return value.String()
	default:
		e.bad(field, "must be text")
	}
	return ""
}

// id returns the sender's idempotency key, "" if there is none.
func (e *element) id() string {
	id := e.text("id")
	if len(id) > maxID {
		e.bad("id", "longer than %d bytes", maxID)
	}
	return id
}

// time returns occurred_at, zero if it is absent. It must not lie before 2000;
// the intake refuses what lies in the future.
func (e *element) time(loc *time.Location) (at time.Time, zone string) {
	text := e.text("occurred_at")
	if text == "" {
		return time.Time{}, ""
	}
	at, zone, err := normalize.Time(text, loc)
	switch {
	case err != nil:
		e.bad("occurred_at", "%s", err)
	case at.Year() < 2000:
		e.bad("occurred_at", "before the year 2000")
	}
	return at, zone
}
