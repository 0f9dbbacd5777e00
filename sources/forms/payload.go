package forms

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/normalize"
)

// payload is a JSON object as a form service wrote it. It is read whatever the
// type of what stands in it: one and the same id is a number in one version of a
// service and a text in the next.
type payload map[string]any

// readPayload reads a body that must be one JSON object.
func readPayload(body []byte) (payload, error) {
	value, err := fields.ParseJSON(body)
	if err != nil {
		return nil, err
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%w: the body is not a JSON object", ingest.ErrMalformed)
	}
	return object, nil
}

// text returns the text, number or truth value at a path, "" for all else.
func (p payload) text(path string) string {
	value, _ := fields.At(map[string]any(p), path)
	text, _ := scalar(value)
	return strings.TrimSpace(text)
}

// object returns the object at a path, nil if there is none.
func (p payload) object(path string) payload {
	value, _ := fields.At(map[string]any(p), path)
	return asPayload(value)
}

// asPayload returns an object, nil for anything else.
func asPayload(value any) payload {
	object, _ := value.(map[string]any)
	return object
}

// list returns the list at a path, nil if there is none.
func (p payload) list(path string) []any {
	value, _ := fields.At(map[string]any(p), path)
	list, _ := value.([]any)
	return list
}

// texts returns the texts in the list at a path.
func (p payload) texts(path string) []string {
	list := p.list(path)
	texts := make([]string, 0, len(list))
	for _, element := range list {
		if text, ok := element.(string); ok {
			texts = append(texts, text)
		}
	}
	return texts
}

// when sets the time of the event to what stands at the path, if anything does.
// Errors: ErrMalformed.
func (p payload) when(event *ingest.Event, path string, loc *time.Location) error {
	text := p.text(path)
	if text == "" {
		return nil
	}
	var err error
	if event.OccurredAt, event.Zone, err = normalize.Time(text, loc); err != nil {
		return fmt.Errorf("%w: %s: %w", ingest.ErrMalformed, path, err)
	}
	return nil
}

// dated returns the one event of a delivery with its time, as when does.
func (p payload) dated(event ingest.Event, path string, loc *time.Location) ([]ingest.Event, error) {
	if err := p.when(&event, path, loc); err != nil {
		return nil, err
	}
	return []ingest.Event{event}, nil
}

// missing is the error about a member that a payload cannot do without.
func missing(path string) error {
	return fmt.Errorf("%w: %s is missing", ingest.ErrMalformed, path)
}

func scalar(value any) (text string, ok bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

// attrs are the facts that are not empty, nil for none.
func attrs(facts map[string]string) map[string]string {
	for name, value := range facts {
		if value == "" {
			delete(facts, name)
		}
	}
	if len(facts) == 0 {
		return nil
	}
	return facts
}
