package forms

import (
	"fmt"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/signature"
)

// guarded is what the types of form services have in common that do not sign
// and whose fields the owner of the form names: a guard and a mapping.
type guarded struct {
	*signature.Guard
	config  ingest.SourceConfig
	mapping *fields.Mapping
	mapped  map[string]string
}

type guardedOptions struct {
	signature.GuardOptions
	Fields map[string]string `json:"fields"` // meaning -> name of the field
}

// openGuarded is newGuarded for types that have no further options.
func openGuarded(config ingest.SourceConfig) (*guarded, error) {
	var options guardedOptions
	if err := config.DecodeOptions(&options); err != nil {
		return nil, err
	}
	return newGuarded(config, options)
}

func newGuarded(config ingest.SourceConfig, options guardedOptions) (*guarded, error) {
	guard, err := signature.NewGuard(config, options.GuardOptions)
	if err != nil {
		return nil, err
	}
	mapping, err := fields.NewMapping(options.Fields)
	if err != nil {
		return nil, err
	}
	return &guarded{Guard: guard, config: config, mapping: mapping, mapped: options.Fields}, nil
}

// read makes a lead of the fields. One about nobody is ErrMalformed: it waits
// in quarantine until the mapping is mended.
func (g *guarded) read(sent []fields.Field) (*fields.Form, error) {
	form := g.mapping.Read(sent)
	if !form.Contact {
		return nil, fmt.Errorf("%w: no field says who it is about; map email, phone or name with options.fields", ingest.ErrMalformed)
	}
	return form, nil
}

// readLabelled is read for senders that have no id of their own, and whose
// fields are named for people: what a visitor typed under "ID" is an answer,
// and counting by it would lose the next who types the same.
func (g *guarded) readLabelled(sent []fields.Field) (*fields.Form, error) {
	form, err := g.read(sent)
	if err == nil && form.ID != "" && g.mapped[string(fields.ID)] == "" {
		keepAnswer(form.Lead, "id", form.ID)
		form.ID = ""
	}
	return form, err
}

// event makes the one event of a form that says itself when it was sent, if
// that is mapped.
func (g *guarded) event(d *ingest.Delivery, form *fields.Form) ([]ingest.Event, error) {
	event, err := form.Event(d.ReceivedAt, g.config.Location)
	if err != nil {
		return nil, err
	}
	return []ingest.Event{event}, nil
}

// keepAnswer notes an answer beside those that the mapping left.
func keepAnswer(lead *ingest.Lead, name, value string) {
	if value == "" {
		return
	}
	if lead.Person.Answers == nil {
		lead.Person.Answers = make(map[string]string)
	}
	if _, ok := lead.Person.Answers[name]; !ok {
		lead.Person.Answers[name] = value
	}
}

// keepAttr notes a fact that is not personal.
func keepAttr(lead *ingest.Lead, name, value string) {
	if value == "" {
		return
	}
	if lead.Attrs == nil {
		lead.Attrs = make(map[string]string)
	}
	lead.Attrs[name] = value
}
