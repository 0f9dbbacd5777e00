package forms

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/normalize"
)

// GravityForms takes entries from the Webhooks add-on of Gravity Forms, sent
// by GET, POST, PUT or PATCH, as JSON or as a form. It signs nothing: let the
// feed send the secret as a request header, Authorization or another one that
// options.token_header names.
//
// "All fields" sends an entry by the numbers of its fields: map them, as in
// options.fields: {phone: "3", message: "4"}. Without a mapping the parts of a
// name (1.3, 1.6), an e-mail address that stands alone and a phone number in
// the standard format are found. "Select fields" sends names that the owner of
// the form chose. An entry that is sent again with its id replaces what was
// known of it.
//
// The feed: https://docs.gravityforms.com/webhooks-feed-meta
// The entry: https://docs.gravityforms.com/entry-object/
type GravityForms struct{ *guarded }

// NewGravityForms is the constructor of the type "gravity-forms".
func NewGravityForms(config ingest.SourceConfig) (ingest.Source, error) {
	g, err := openGuarded(config)
	if err != nil {
		return nil, err
	}
	return &GravityForms{guarded: g}, nil
}

// gravityAttrs are facts of an entry that are not the visitor's.
var gravityAttrs = []string{"status", "payment_status", "payment_amount", "payment_method", "payment_date", "transaction_id"}

// gravityNoise is of no use outside of Gravity Forms.
var gravityNoise = []string{
	"post_id", "date_updated", "is_starred", "is_read", "created_by", "currency", "is_fulfilled", "transaction_type", "source_id",
}

// entry is what one delivery holds beside the answers.
type entry struct {
	id, created string
	whole       bool // "all fields", so the names are Gravity Forms' own
	attrs       map[string]string
	answers     []fields.Field
}

// Decode reads one entry.
func (g *GravityForms) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	sent, err := sentBy(d)
	if err != nil {
		return nil, err
	}
	e := g.entry(sent)
	g.nameParts(e.answers)
	g.nameEmail(e.answers, isNumber)
	g.namePhone(e.answers)
	form, err := g.read(e.answers)
	if err != nil {
		return nil, err
	}
	events, err := g.event(d, form)
	if err != nil {
		return nil, err
	}
	event, lead := &events[0], form.Lead
	if e.id != "" && form.ID == "" {
		event.Key = strings.Trim(lead.FormID+":"+e.id, ":")
		lead.ExternalID = event.Key
	}
	event.Mutable = lead.ExternalID != ""
	for name, value := range e.attrs {
		keepAttr(lead, name, value)
	}
	if e.attrs["status"] == "spam" {
		lead.SpamReasons = append(lead.SpamReasons, "gravity forms")
	}
	return events, g.date(event, &e)
}

// date reads date_created: UTC, whatever the zone of the site, and without
// saying so. Under names of the owner's own it may be written in any way.
func (g *GravityForms) date(event *ingest.Event, e *entry) error {
	if e.created == "" || !event.OccurredAt.IsZero() {
		return nil
	}
	at, zone, err := normalize.Time(e.created, time.UTC)
	switch {
	case err == nil:
		event.OccurredAt, event.Zone = at, zone
	case e.whole:
		return fmt.Errorf("%w: date_created: %w", ingest.ErrMalformed, err)
	default:
		keepAnswer(event.Lead, "date_created", e.created)
	}
	return nil
}

// entry takes apart what was sent; the answers come in the order of the form.
func (g *GravityForms) entry(sent []fields.Field) entry {
	has := func(name string) bool {
		return slices.ContainsFunc(sent, func(f fields.Field) bool { return f.Name == name })
	}
	e := entry{whole: has("id") && has("form_id") && has("date_created"), attrs: make(map[string]string)}
	for _, field := range sent {
		value := strings.TrimSpace(field.Values[0])
		switch name := field.Name; {
		case name == "id" || name == "entry_id" && !has("id"):
			e.id = value
			continue
		case name == "date_created":
			e.created = value
			continue
		case name == "form_id", !e.whole || g.mapping.Names(name):
		case slices.Contains(gravityNoise, name):
			continue
		case slices.Contains(gravityAttrs, name):
			e.attrs[name] = value
			continue
		}
		e.answers = append(e.answers, field)
	}
	slices.SortStableFunc(e.answers, func(a, b fields.Field) int {
		fieldA, partA := gravityNumber(a.Name)
		fieldB, partB := gravityNumber(b.Name)
		if fieldA != fieldB {
			return fieldA - fieldB
		}
		return partA - partB
	})
	return e
}

// gravityNumber returns the number of a field and of its part ("1.3"), zeros
// for other names.
func gravityNumber(name string) (field, part int) {
	whole, fraction, dotted := strings.Cut(name, ".")
	field, err := strconv.Atoi(whole)
	if err == nil && dotted {
		part, err = strconv.Atoi(fraction)
	}
	if err != nil || field < 1 || field > 1e6 || part < 0 || part > 1e6 {
		return 0, 0
	}
	return field, part
}

func isNumber(name string) bool {
	field, _ := gravityNumber(name)
	return field > 0
}

// nameParts names the parts of the first field that can only be a name: it has
// 2 to 4, 6 and 8 (prefix, first, middle, last, suffix) of the numbers, where
// an address has 1 to 6 and a list of boxes counts from 1.
func (g *GravityForms) nameParts(answers []fields.Field) {
	if g.mapped["name"]+g.mapped["first_name"]+g.mapped["last_name"] != "" {
		return
	}
	names := make(map[int]bool)
	for _, field := range answers {
		number, part := gravityNumber(field.Name)
		if _, ok := names[number]; !ok {
			names[number] = number > 0
		}
		switch part {
		case 2, 3, 4, 6, 8:
		default:
			names[number] = false
		}
	}
	named := 0
	for i, field := range answers {
		number, part := gravityNumber(field.Name)
		if !names[number] || named != 0 && named != number || field.Values[0] == "" || g.mapping.Names(field.Name) {
			continue
		}
		switch part {
		case 3:
			answers[i].Name, named = string(fields.FirstName), number
		case 6:
			answers[i].Name, named = string(fields.LastName), number
		}
	}
}

// namePhone names the first number that is written as Gravity Forms writes
// phone numbers, (512) 555-0142, or with its country code. Any other number may
// be anything.
func (g *GravityForms) namePhone(answers []fields.Field) {
	if g.mapped[string(fields.Phone)] != "" || slices.ContainsFunc(answers, func(f fields.Field) bool {
		return fields.RoleOf(f.Name) == fields.Phone
	}) {
		return
	}
	for i, field := range answers {
		value := strings.TrimSpace(field.Values[0])
		if !isNumber(field.Name) || g.mapping.Names(field.Name) || !strings.HasPrefix(value, "(") && !strings.HasPrefix(value, "+") {
			continue
		}
		if _, err := normalize.Phone(value, g.config.DefaultRegion); err == nil {
			answers[i].Name = string(fields.Phone)
			return
		}
	}
}
