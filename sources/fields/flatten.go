package fields

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/leadgate/leadgate/ingest"
)

// Flatten turns a JSON object into fields: nested objects by their path
// ("contact.email"), lists of plain values as several values. null is no
// value. Errors: ErrTooLarge.
func Flatten(object map[string]any) ([]Field, error) {
	l := list{limit: maxLeaves}
	if err := l.flatten("", object, 0); err != nil {
		return nil, err
	}
	return l.fields, nil
}

func (l *list) flatten(path string, value any, depth int) error {
	if err := nesting(path, holds(value), depth); err != nil {
		return err
	}
	switch v := value.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if err := l.flatten(join(path, name), v[name], depth+1); err != nil {
				return err
			}
		}
	case []any:
		for i, element := range v {
			at := path
			if holds(element) {
				at = join(path, strconv.Itoa(i))
			}
			if err := l.flatten(at, element, depth+1); err != nil {
				return err
			}
		}
	case string:
		return l.add(path, v)
	case json.Number:
		return l.add(path, v.String())
	case bool:
		return l.add(path, strconv.FormatBool(v))
	}
	return nil
}

// holds tells whether other values stand in a value.
func holds(value any) bool {
	switch value.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

// nesting refuses what is nested too deep, and lists and objects under a long
// path, which every leaf below would repeat.
func nesting(path string, holds bool, depth int) error {
	if depth > maxNesting {
		return fmt.Errorf("%w: JSON nested deeper than %d", ingest.ErrTooLarge, maxNesting)
	}
	if holds && len(path) > maxNameSize {
		return fmt.Errorf("%w: JSON objects under names of more than %d bytes", ingest.ErrTooLarge, maxNameSize)
	}
	return nil
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// At returns what stands at a dotted path of a JSON value; "" is the value
// itself. Steps into lists are numbers.
func At(value any, path string) (any, bool) {
	if path == "" {
		return value, true
	}
	for step := range strings.SplitSeq(path, ".") {
		switch v := value.(type) {
		case map[string]any:
			next, ok := v[step]
			if !ok {
				return nil, false
			}
			value = next
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(v) {
				return nil, false
			}
			value = v[i]
		default:
			return nil, false
		}
	}
	return value, true
}

// flattenValue is flatten for a Value.
func (l *list) flattenValue(path string, v Value, depth int) error {
	if err := nesting(path, v.Kind() >= Array, depth); err != nil {
		return err
	}
	switch v.Kind() {
	case Object:
		var room [32]int32
		for _, at := range v.sorted(room[:0]) {
			member := Value{nodes: v.nodes, at: at}
			if err := l.flattenValue(join(path, v.nodes[at].name), member, depth+1); err != nil {
				return err
			}
		}
	case Array:
		i := 0
		for element := range v.Elements() {
			at := path
			if element.Kind() >= Array {
				at = join(path, strconv.Itoa(i))
			}
			if err := l.flattenValue(at, element, depth+1); err != nil {
				return err
			}
			i++
		}
	case String, Number, Bool:
		return l.add(path, v.Text())
	}
	return nil
}
