package calls

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/normalize"
)

// lenientJSON reads a JSON object, also one that a template broke by putting
// values into it as they are: without quotes, or with quotes and line breaks
// inside of them. What is broken is read only where it can mean one thing: an
// object of plain values (or macros that were not filled in), no name twice.
//
//	{"id": 12, "phone": +79161234567, "name": "ООО "Ромашка"", "note": }
func lenientJSON(body string) ([]fields.Field, error) {
	value, err := fields.ParseJSON([]byte(body))
	if err != nil {
		sent, ok := brokenJSON(body)
		if !ok {
			return nil, err
		}
		return sent, nil
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%w: the body must be one JSON object", ingest.ErrMalformed)
	}
	return fields.Flatten(object)
}

// maxPairs bounds the pairs of a broken object.
const maxPairs = 200

// brokenJSON reads the pairs of an object. A value ends where what follows can
// only be the next pair or the end.
func brokenJSON(body string) ([]fields.Field, bool) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(body), "{")
	if !ok || !strings.HasSuffix(rest, "}") {
		return nil, false
	}
	rest = strings.TrimSuffix(strings.TrimSpace(strings.TrimSuffix(rest, "}")), ",")
	seen := make(map[string]bool)
	var sent []fields.Field
	for rest = strings.TrimSpace(rest); rest != ""; {
		name, behind, ok := pairName(rest)
		if !ok || seen[name] || len(sent) == maxPairs {
			return nil, false
		}
		var value string
		value, rest = pairValue(behind)
		nested := strings.HasPrefix(value, "{") || strings.HasPrefix(value, "[")
		if nested && (!normalize.Macro(value) || strings.Contains(value, `"`)) {
			return nil, false
		}
		seen[name] = true
		if value = unquoted(value); value != "" {
			sent = append(sent, fields.Field{Name: name, Values: []string{value}})
		}
	}
	return sent, true
}

// pairName reads a name, in quotes, and its colon.
func pairName(text string) (name, behind string, ok bool) {
	text = strings.TrimSpace(text)
	if !strings.HasPrefix(text, `"`) {
		return "", "", false
	}
	end := strings.IndexAny(text[1:min(len(text), maxName)], "\"\\\r\n")
	if end < 1 || text[1+end] != '"' {
		return "", "", false
	}
	behind, ok = strings.CutPrefix(strings.TrimLeft(text[end+2:], " \t\r\n"), ":")
	return text[1 : 1+end], behind, ok
}

// pairValue cuts a value off at the first comma behind which a name stands. A
// comma inside of quotes that are closed is not taken for it.
func pairValue(text string) (value, rest string) {
	from := 0
	if quoted := strings.TrimLeft(text, " \t\r\n"); strings.HasPrefix(quoted, `"`) {
		from = len(text) - len(quoted) + 1
	}
	for at := from; ; at++ {
		comma := strings.IndexByte(text[at:], ',')
		if comma < 0 {
			return strings.TrimSpace(text), ""
		}
		at += comma
		closed := from == 0 || strings.HasSuffix(strings.TrimRight(text[from:at], " \t\r\n"), `"`)
		if _, _, ok := pairName(text[at+1:]); ok && closed {
			return strings.TrimSpace(text[:at]), text[at+1:]
		}
	}
}

// unquoted undoes a value's quotes and escapes, as far as they are sound.
func unquoted(value string) string {
	inner, ok := strings.CutPrefix(value, `"`)
	if !ok {
		return value
	}
	var text string
	if json.Unmarshal([]byte(value), &text) == nil {
		return text
	}
	return strings.TrimSuffix(inner, `"`)
}
