package clicks

import (
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
	object  fields.Value
	index   int
	listed  bool // fields are named with the index, as in "[3].url"
	invalid *ingest.InvalidError
}

// elements reads a JSON object, or a list of them. Browsers send beacons as
// text/plain, https://developer.mozilla.org/docs/Web/API/Navigator/sendBeacon.
func elements(d *ingest.Delivery, invalid *ingest.InvalidError) ([]element, error) {
	switch header := d.Header.Get("Content-Type"); header {
	case "", "application/json", "text/plain", "text/plain;charset=UTF-8":
	default:
		mediaType, _, err := mime.ParseMediaType(header)
		if err != nil || mediaType != "text/plain" && mediaType != "application/json" && !strings.HasSuffix(mediaType, "+json") {
			return nil, fmt.Errorf("%w: send application/json", ingest.ErrMediaType)
		}
	}
	value, err := fields.ReadJSON(d.Body)
	if err != nil {
		return nil, err
	}
	switch n := value.Len(); {
	case value.Kind() == fields.Object:
		return []element{{object: value, invalid: invalid}}, nil
	case value.Kind() != fields.Array:
		return nil, fmt.Errorf("%w: neither a JSON object nor a list of them", ingest.ErrMalformed)
	case n == 0:
		return nil, fmt.Errorf("%w: an empty list", ingest.ErrMalformed)
	case n > maxElements:
		return nil, fmt.Errorf("%w: a list of %d (at most %d)", ingest.ErrTooLarge, n, maxElements)
	default:
		return listed(value, n, invalid), nil
	}
}

func listed(list fields.Value, n int, invalid *ingest.InvalidError) []element {
	found := make([]element, 0, n)
	index := 0
	for value := range list.Elements() {
		if value.Kind() == fields.Object {
			found = append(found, element{object: value, index: index, listed: true, invalid: invalid})
		} else {
			invalid.Add(fmt.Sprintf("[%d]", index), "not a JSON object")
		}
		index++
	}
	return found
}

func (e *element) bad(field, format string, args ...any) {
	if e.listed {
		field = fmt.Sprintf("[%d].%s", e.index, field)
	}
	e.invalid.Add(field, format, args...)
}

// text returns a field that is text, or a number as it is written; "" if it is
// absent or null.
func (e *element) text(field string) string {
	switch value := e.object.Member(field); value.Kind() {
	case fields.Null:
	case fields.String:
		return strings.TrimSpace(value.Text())
	case fields.Number:
		return value.Text()
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
