package fields

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/normalize"
)

// Has tells whether a role, or else a field of that name, is filled.
func (f *Form) Has(name string) bool {
	if slot := f.slot(Role(name)); slot != nil {
		return *slot != ""
	}
	i := slices.IndexFunc(f.sent, func(field Field) bool { return field.Name == name && len(field.Values) > 0 })
	return i >= 0 && f.sent[i].Values[0] != ""
}

// Event makes the event of a lead that came with these fields: key and
// external id are the sender's id, or the hash of the content. Local times
// are those of loc. Errors: *ingest.InvalidError.
func (f *Form) Event(received time.Time, loc *time.Location) (ingest.Event, error) {
	event := ingest.Event{Kind: ingest.LeadKind, Key: f.Key(received), Lead: f.Lead}
	f.Lead.ExternalID = f.ID
	if f.Time != "" {
		var err error
		if event.OccurredAt, event.Zone, err = normalize.Time(f.Time, loc); err != nil {
			return event, invalid("occurred_at", err.Error())
		}
	}
	return event, nil
}

func invalid(field, reason string) error {
	e := new(ingest.InvalidError)
	e.Add(field, "%s", reason)
	return e
}

// MappingOptions are the options of types that read leads from any JSON.
type MappingOptions struct {
	// Fields tells where a meaning stands, seen from Root: "email": "contact.mail".
	Fields map[string]string `json:"fields"`
	// ID and OccurredAt are short for fields.id and fields.occurred_at.
	ID         string `json:"id"`
	OccurredAt string `json:"occurred_at"`
	// Root is the path of the object, or of the list of objects, that are the
	// leads; empty for the whole.
	Root string `json:"root"`
}

// JSONReader reads leads from any JSON by a mapping.
type JSONReader struct {
	mapping  *Mapping
	root     string
	location *time.Location
}

// NewJSONReader checks the options. Local times are those of loc.
func NewJSONReader(o MappingOptions, loc *time.Location) (*JSONReader, error) {
	names := maps.Clone(o.Fields)
	for role, name := range map[Role]string{ID: o.ID, OccurredAt: o.OccurredAt} {
		if name == "" {
			continue
		}
		if names == nil {
			names = make(map[string]string)
		}
		names[string(role)] = name
	}
	mapping, err := NewMapping(names)
	if err != nil {
		return nil, err
	}
	mapping.Timed = true
	return &JSONReader{mapping: mapping, root: o.Root, location: loc}, nil
}

// Events reads a JSON value (see ParseJSON). Errors: ErrMalformed,
// ErrTooLarge, *ingest.InvalidError.
func (r *JSONReader) Events(value any, received time.Time) ([]ingest.Event, error) {
	value, found := At(value, r.root)
	if !found {
		return nil, fmt.Errorf("%w: nothing stands at %q, where options.root says the leads are", ingest.ErrMalformed, r.root)
	}
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	events := make([]ingest.Event, len(list))
	for i, element := range list {
		object, ok := element.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("%w: a lead must be a JSON object", ingest.ErrMalformed)
		}
		sent, err := Flatten(object)
		if err == nil {
			events[i], err = r.Event(sent, received)
		}
		if err != nil {
			return nil, err
		}
	}
	return events, nil
}

// Event reads one lead from its fields. One about nobody is ErrMalformed: it
// waits in quarantine until the mapping is mended.
func (r *JSONReader) Event(sent []Field, received time.Time) (ingest.Event, error) {
	form := r.mapping.Read(sent)
	if !form.Contact {
		return ingest.Event{}, fmt.Errorf("%w: no field says who it is about; map email, phone or name with options.fields", ingest.ErrMalformed)
	}
	return form.Event(received, r.location)
}
