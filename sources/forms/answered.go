package forms

import (
	"maps"
	"slices"
	"strings"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/normalize"
)

// answered gathers the answers of one response, under the names that the form's
// designer gave its fields. Answers of the same name are several values of it.
type answered struct {
	mapping *fields.Mapping
	fields  []fields.Field
	index   map[string]int
}

// add notes an answer. What is empty is none.
func (a *answered) add(name string, values ...string) {
	values = slices.DeleteFunc(slices.Clone(values), func(value string) bool { return strings.TrimSpace(value) == "" })
	if len(values) == 0 {
		return
	}
	name = a.named(name)
	at, known := a.index[name]
	if !known {
		if a.index == nil {
			a.index = make(map[string]int)
		}
		a.index[name] = len(a.fields)
		a.fields = append(a.fields, fields.Field{Name: name, Values: values})
		return
	}
	a.fields[at].Values = append(a.fields[at].Values, values...)
}

// named returns the name under which a field is read, which is its own unless
// that would be misunderstood: the service tells the id of the response, so a
// field called "id" is an answer; and a hidden field called "UTM Source" or
// GCLID_FLD is what its name says.
func (a *answered) named(name string) string {
	if a.mapping.Names(name) {
		return name
	}
	if fields.RoleOf(name) == fields.ID {
		return "field " + strings.TrimSpace(name)
	}
	if len(name) <= maxTagName {
		key := normalize.Key(name)
		key = strings.TrimSuffix(strings.TrimSuffix(key, "_fld"), "_field")
		if normalize.AddTag(new(ingest.Tagging), key, "") {
			return key
		}
	}
	return name
}

// maxTagName is how long the name of a field may be that holds a tag.
const maxTagName = 32

// values notes what stands at a name of a sender's JSON: a text, a list of texts,
// or an object, whose parts are answers of their own. A file is its address.
func (a *answered) values(name string, value any) error {
	switch v := value.(type) {
	case map[string]any:
		if file := payload(v).text("url"); file != "" {
			a.add(name, file)
			return nil
		}
		return a.flatten(name, v)
	case []any:
		texts := make([]string, 0, len(v))
		for _, element := range v {
			text, plain := scalar(element)
			if object, ok := element.(map[string]any); ok {
				text = payload(object).text("url")
				plain = text != ""
			}
			if !plain {
				return a.flatten(name, v)
			}
			texts = append(texts, text)
		}
		a.add(name, texts...)
	default:
		text, _ := scalar(value)
		a.add(name, text)
	}
	return nil
}

func (a *answered) flatten(name string, value any) error {
	parts, err := fields.Flatten(map[string]any{name: value})
	for _, part := range parts {
		a.add(part.Name, part.Values...)
	}
	return err
}

// all notes every member of an object: those named by order first, the others by
// name.
func (a *answered) all(object payload, order ...string) error {
	done := make(map[string]bool, len(order))
	for _, name := range slices.Concat(order, slices.Sorted(maps.Keys(object))) {
		if done[name] {
			continue
		}
		done[name] = true
		if err := a.values(name, object[name]); err != nil {
			return err
		}
	}
	return nil
}

// read makes a lead of the answers. The form's id is empty unless it is mapped.
func (a *answered) read() *fields.Form { return a.mapping.Read(a.fields) }
