package fields

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/leadgate/leadgate/ingest"
)

// Value is a JSON value. The zero Value is null.
type Value struct {
	nodes []node
	at    int32
}

// ReadJSON reads one JSON value. Errors: ErrMalformed, without a word of the
// content, and ErrTooLarge.
func ReadJSON(body []byte) (Value, error) {
	nodes, ok := readJSON(body)
	if !ok {
		return Value{}, refusal(body)
	}
	return Value{nodes: nodes}, nil
}

// refusal is the error about a body that readJSON refuses. It tells no word of
// the content.
func refusal(body []byte) error {
	if countJSON(body) > maxJSON {
		return fmt.Errorf("%w: more than %d values in the JSON", ingest.ErrTooLarge, maxJSON)
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	err := dec.Decode(new(json.RawMessage))
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("%w: JSON at byte %d", ingest.ErrMalformed, syntax.Offset)
	case err == nil:
		if _, more := dec.Token(); !errors.Is(more, io.EOF) {
			return fmt.Errorf("%w: more behind the JSON value", ingest.ErrMalformed)
		}
	}
	return fmt.Errorf("%w: not a whole JSON value", ingest.ErrMalformed)
}

// countJSON counts the values of a JSON text, or a few more. A body of nothing
// but small values takes fifty times its size in memory.
func countJSON(body []byte) (n int) {
	quoted := false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\':
			i++
		case !quoted && (c == ',' || c == '[' || c == '{'):
			n++
		}
	}
	return n
}

// ParseJSON reads one JSON value as encoding/json does; numbers keep their digits
// (json.Number). Errors: as those of ReadJSON.
func ParseJSON(body []byte) (any, error) {
	if n := mostValues(body); n > len(body)/denseJSON && n <= maxJSON {
		return parseDense(body)
	}
	value, err := ReadJSON(body)
	if err != nil {
		return nil, err
	}
	return value.any(), nil
}

// denseJSON is how many bytes a value takes, at least, where a list of them all is
// worth its memory beside what is made of it.
const denseJSON = 8

// parseDense is ParseJSON for a body of hardly anything but small values.
func parseDense(body []byte) (value any, err error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := dec.Decode(&value); err != nil {
		return nil, refusal(body)
	}
	if _, more := dec.Token(); !errors.Is(more, io.EOF) {
		return nil, refusal(body)
	}
	return value, nil
}

// Kind tells what v is.
func (v Value) Kind() Kind {
	if v.nodes == nil {
		return Null
	}
	return v.nodes[v.at].kind
}

// Text returns what a string says, and a number or a truth value as it is written.
func (v Value) Text() string {
	if v.nodes == nil {
		return ""
	}
	return v.nodes[v.at].text
}

// Member returns the member of an object, the last of that name; null if there
// is none.
func (v Value) Member(name string) (member Value) {
	if v.Kind() != Object {
		return Value{}
	}
	for each := range v.Elements() {
		if v.nodes[each.at].name == name {
			member = each
		}
	}
	return member
}

// Elements are what stands in a list, or the members of an object as they were sent.
func (v Value) Elements() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		if v.nodes == nil {
			return
		}
		for at := v.at + 1; at < v.nodes[v.at].end; at = v.nodes[at].end {
			if !yield(Value{nodes: v.nodes, at: at}) {
				return
			}
		}
	}
}

// Len returns how many Elements there are.
func (v Value) Len() (n int) {
	for range v.Elements() {
		n++
	}
	return n
}

// sorted returns where the members of an object stand, by their names; of those
// that share one, the last.
func (v Value) sorted(order []int32) []int32 {
	for member := range v.Elements() {
		order = append(order, member.at)
	}
	slices.SortStableFunc(order, func(a, b int32) int { return strings.Compare(v.nodes[a].name, v.nodes[b].name) })
	last := order[:0]
	for i, at := range order {
		if i+1 == len(order) || v.nodes[order[i+1]].name != v.nodes[at].name {
			last = append(last, at)
		}
	}
	return last
}

func (v Value) any() any {
	switch v.Kind() {
	case Bool:
		return v.Text() == "true"
	case Number:
		return json.Number(v.Text())
	case String:
		return v.Text()
	case Array:
		list := make([]any, 0, v.Len())
		for element := range v.Elements() {
			list = append(list, element.any())
		}
		return list
	case Object:
		object := make(map[string]any, v.Len())
		for member := range v.Elements() {
			object[v.nodes[member.at].name] = member.any()
		}
		return object
	}
	return nil
}
