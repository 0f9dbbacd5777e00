package fields

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/normalize"
)

// Field is one field as sent, with all its values.
type Field struct {
	Name   string
	Values []string
}

// Mapping says which field has which role, by the field's exact name (for
// JSON the path, as in "contact.email"). It goes before what names suggest.
type Mapping struct {
	byName    map[string]Role
	taken     map[Role]bool // roles that are mapped are not guessed
	honeypots map[string]bool
	// Timed forms tell by themselves when they were sent. For the others a
	// field that sounds like a time is an answer, unless it is mapped.
	Timed bool
}

// NewMapping checks a mapping from roles to field names, and takes the names
// of further honeypots: fields that only robots fill.
func NewMapping(names map[string]string, honeypots ...string) (*Mapping, error) {
	m := &Mapping{byName: map[string]Role{}, taken: map[Role]bool{}, honeypots: map[string]bool{}}
	for role, name := range names {
		var tag ingest.Tagging
		if !slices.Contains(mappable, Role(role)) && !normalize.AddTag(&tag, role, "x") {
			return nil, fmt.Errorf("options: fields: unknown field %q (known: %s, utm parameters and click ids)", role, known())
		}
		if name == "" {
			return nil, fmt.Errorf("options: fields: %s: empty name", role)
		}
		if other, ok := m.byName[name]; ok {
			return nil, fmt.Errorf("options: fields: %q is mapped to both %s and %s", name, min(role, string(other)), max(role, string(other)))
		}
		m.byName[name], m.taken[Role(role)] = Role(role), true
	}
	for _, name := range honeypots {
		m.honeypots[name] = name != ""
	}
	return m, nil
}

func known() string {
	names := make([]string, len(mappable))
	for i, role := range mappable {
		names[i] = string(role)
	}
	return strings.Join(names, ", ")
}

// Names tells whether the mapping gives this field a role.
func (m *Mapping) Names(field string) bool {
	_, ok := m.byName[field]
	return ok
}

// roleOf prefers the mapping to the name. A role that is mapped to one field
// is not taken by another one that merely sounds like it.
func (m *Mapping) roleOf(name string) Role {
	if role, ok := m.byName[name]; ok {
		return role
	}
	if m.honeypots[name] {
		return Honeypot
	}
	role := RoleOf(name)
	if m.taken[role] || role == OccurredAt && !m.Timed {
		return Answer
	}
	return role
}

// Form is what the fields mean together.
type Form struct {
	Lead *ingest.Lead
	// ID is the sender's idempotency key, Time its time as written.
	ID, Time string
	// Contact tells whether any field says something of a person, or to us.
	Contact bool

	mapping *Mapping
	sent    []Field
	content []string // of Key: what is counted, once it has been asked for
	budget  int      // see normalize.TextWithin: of answers to questions with several
}

// Read makes a lead of the fields, and keeps them. Order matters only between
// fields of equal meaning: the first that is not empty has the role, the others
// are answers.
func (m *Mapping) Read(fields []Field) *Form {
	f := &Form{Lead: new(ingest.Lead), mapping: m, sent: fields, budget: normalize.Budget}
	for _, field := range fields {
		if len(field.Values) > 0 {
			f.take(field)
		}
	}
	joinNames(&f.Lead.Person)
	return f
}

// slot is the place of a role that holds one text, nil for the others.
func (f *Form) slot(role Role) *string {
	l := f.Lead
	switch role {
	case ID:
		return &f.ID
	case OccurredAt:
		return &f.Time
	case Email:
		return &l.Person.Email
	case Phone:
		return &l.Person.Phone
	case Name:
		return &l.Person.Name
	case FirstName:
		return &l.Person.FirstName
	case LastName:
		return &l.Person.LastName
	case Company:
		return &l.Person.Company
	case Message:
		return &l.Person.Message
	case VisitorID:
		return &l.VisitorID
	case PageURL:
		return &l.PageURL
	case Referrer:
		return &l.Referrer
	case FormID:
		return &l.FormID
	case FormName:
		return &l.FormName
	case CampaignID:
		return &l.CampaignID
	case AdgroupID:
		return &l.AdgroupID
	case AdID:
		return &l.AdID
	}
	return nil
}

func (f *Form) take(field Field) {
	role := f.mapping.roleOf(field.Name)
	value := strings.TrimSpace(field.Values[0])
	switch role {
	case Control:
		return
	case Honeypot:
		if value != "" {
			f.Lead.SpamReasons = append(f.Lead.SpamReasons, "honeypot")
		}
		return
	case Test:
		f.Lead.Test = truthy(value)
		return
	case Email, Phone, Name, FirstName, LastName, Company, Message:
		f.Contact = f.Contact || value != ""
	}
	if name := tagOf(role, field.Name); name != "" && normalize.AddTag(&f.Lead.Tagging, name, value) {
		return
	}
	slot := f.slot(role)
	switch {
	case slot == nil || *slot != "" && *slot != value || len(field.Values) > 1 && role != ID:
		if slot != nil && *slot == "" {
			*slot, field.Values = value, field.Values[1:]
		}
		f.answer(field)
	case normalize.Macro(value) && role != Message:
		// A placeholder that nobody filled in says nothing.
	default:
		*slot = value
	}
}

// tagOf returns the name of the tagging parameter that a field holds: by its
// mapping, its own name, or behind a prefix such as "hidden.".
func tagOf(role Role, name string) string {
	if role != Answer {
		return string(role)
	}
	if cut := strings.LastIndexAny(name, ".["); cut >= 0 {
		name = strings.TrimRight(name[cut+1:], "]")
	}
	return name
}

// several returns the answers to one question as a JSON array, as many of them as
// are stored.
func several(values []string, budget *int) (string, error) {
	clean, runes := make([]string, 0, len(values)), 0
	for _, value := range values {
		text := normalize.TextWithin(value, normalize.MaxAnswer, budget)
		clean = append(clean, text)
		if runes += utf8.RuneCountInString(text); runes > normalize.MaxAnswer {
			break
		}
	}
	text, err := json.Marshal(clean)
	return string(text), err
}

func truthy(value string) bool {
	switch strings.ToLower(value) {
	case "1", "true", "yes", "on":
		return true
	}
	return false
}

// answer keeps a field that has no role; several values are a JSON array.
func (f *Form) answer(field Field) {
	name := strings.TrimSuffix(field.Name, "[]")
	values := field.Values
	if blank := func(s string) bool { return strings.TrimSpace(s) == "" }; slices.ContainsFunc(values, blank) {
		values = slices.DeleteFunc(slices.Clone(values), blank)
	}
	if name == "" || len(values) == 0 {
		return
	}
	answers := f.Lead.Person.Answers
	if answers == nil {
		answers = make(map[string]string)
		f.Lead.Person.Answers = answers
	}
	text := values[0]
	if len(values) > 1 {
		joined, err := several(values, &f.budget)
		if err != nil {
			return // strings always marshal
		}
		text = joined
	}
	if _, ok := answers[name]; !ok {
		answers[name] = text
	}
}

// maxName bounds the names of people, in bytes: far more than is stored of them.
const maxName = 4 << 10

// joinNames mends what languages mean by "name": beside a first name it is
// the last one, beside a last name the first (French nom, Italian nome).
func joinNames(p *ingest.Person) {
	for _, name := range [...]*string{&p.Name, &p.FirstName, &p.LastName} {
		if len(*name) > maxName {
			*name = strings.ToValidUTF8((*name)[:maxName], "")
		}
	}
	contains := func(part string) bool {
		return strings.Contains(strings.ToLower(p.Name), strings.ToLower(part))
	}
	switch {
	case p.Name == "":
		p.Name = strings.TrimSpace(p.FirstName + " " + p.LastName)
	case p.FirstName != "" && p.LastName == "" && !contains(p.FirstName):
		p.LastName = p.Name
		p.Name = p.FirstName + " " + p.LastName
	case p.LastName != "" && p.FirstName == "" && !contains(p.LastName):
		p.FirstName = p.Name
		p.Name = p.FirstName + " " + p.LastName
	}
}

// counts tells whether a field is part of what the visitor said.
func (f *Form) counts(name string) bool {
	switch f.mapping.roleOf(name) {
	case Control, Honeypot, Test, PageURL, Referrer:
		return false
	}
	return true
}

// Key returns what the form is counted by: the sender's id, else a hash of
// its fields within the hour of receipt, so that a second press of the button
// is no second lead. The addresses of the page are not part of it.
func (f *Form) Key(received time.Time) string {
	if id := normalize.Line(f.ID, 255); id != "" {
		return id
	}
	if f.content == nil {
		f.content = f.counted()
	}
	hour := received.UTC().Truncate(time.Hour).Format(time.RFC3339)
	return "hash:" + ingest.Digest(append(f.content, hour)...)
}

// counted returns the fields that are part of what the visitor said, in an order of
// their own.
func (f *Form) counted() []string {
	parts, budget := make([]string, 0, len(f.sent)+1), normalize.Budget // one more for the hour
	for _, field := range f.sent {
		if len(field.Values) == 0 || !f.counts(field.Name) {
			continue
		}
		part := field.Name
		if len(field.Values) == 1 {
			part += "\x00" + normalize.Whole(field.Values[0], &budget)
		} else {
			clean := make([]string, len(field.Values))
			for i, value := range field.Values {
				clean[i] = normalize.Whole(value, &budget)
			}
			part += "\x00" + strings.Join(clean, "\x00")
		}
		parts = append(parts, part)
	}
	slices.Sort(parts)
	return parts
}
