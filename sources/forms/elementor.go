package forms

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
)

// Elementor takes submissions from the webhook action of Elementor Pro forms,
// with "advanced data" (every field with its id, type and title) or without
// (the titles alone, in the language of the site). It signs nothing: the secret
// stands in the address, as ?token=…. A submission has no id and tells its time
// in the site's own writing, so that the time of receipt is taken.
//
// Elementor shows its visitor an error unless the answer is 200: what is
// refused can then be sent again.
//
// https://developers.elementor.com/docs/hooks/forms/
// (the body is known from captures that people have published)
type Elementor struct{ *guarded }

// NewElementor is the constructor of the type "elementor".
func NewElementor(config ingest.SourceConfig) (ingest.Source, error) {
	g, err := openGuarded(config)
	if err != nil {
		return nil, err
	}
	return &Elementor{guarded: g}, nil
}

// Decode reads one submission.
func (e *Elementor) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	s, err := parseElementor(d)
	if err != nil {
		return nil, err
	}
	sent := s.plain
	if len(s.fields) > 0 {
		sent = append(e.named(s.fields), sent...)
	} else {
		namePage(sent)
		e.nameEmail(sent, func(string) bool { return true })
	}
	form, err := e.readLabelled(sent)
	if err != nil {
		return nil, err
	}
	for name, value := range s.meta {
		switch name {
		case "page_url":
			form.Lead.PageURL = value
		case "date", "time": // in the site's writing: 05/01/2026 may be any of two days
			keepAttr(form.Lead, "submitted_"+name, value)
		case "credit":
		default:
			keepAnswer(form.Lead, name, value)
		}
	}
	return e.event(d, form)
}

// submission is the body of one delivery.
type submission struct {
	fields []*elementorField
	meta   map[string]string // by the key, which is not translated
	plain  []fields.Field    // all the rest
}

type elementorField struct {
	id, kind, title, value string
	raw                    []string
}

// maxPairs bounds the body: each field is six pairs, so that the 200 fields of
// other forms would be 33 here.
const maxPairs = 1500

func parseElementor(d *ingest.Delivery) (*submission, error) {
	s := &submission{meta: make(map[string]string)}
	media, _, err := fields.MediaOf(d)
	if err != nil || media != fields.URLEncoded {
		s.plain, err = sentBy(d)
		return s, err
	}
	known, index := make(map[string]*elementorField), make(map[string]int)
	rest := string(d.Body)
	for n := 0; rest != ""; n++ {
		if n == maxPairs {
			return nil, fmt.Errorf("%w: more than %d values in the form", ingest.ErrTooLarge, maxPairs)
		}
		var pair string
		pair, rest, _ = strings.Cut(rest, "&")
		name, value, _ := strings.Cut(pair, "=")
		if name, err = url.QueryUnescape(name); err == nil {
			value, err = url.QueryUnescape(value)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: broken percent-encoding in the form", ingest.ErrMalformed)
		}
		s.add(known, index, strings.ToValidUTF8(name, "\uFFFD"), value)
	}
	return s, nil
}

// add sorts one pair: fields[email][value], meta[page_url][value], form[id],
// or a title.
func (s *submission) add(known map[string]*elementorField, index map[string]int, name, value string) {
	group, id, part := splitName(name)
	switch {
	case group == "fields" && part != "":
		field := known[id]
		if field == nil {
			field = &elementorField{id: id}
			known[id] = field
			s.fields = append(s.fields, field)
		}
		field.set(part, value)
	case group == "meta" && part == "[value]":
		s.meta[id] = value
	case group == "meta" && part == "[title]":
	case group == "form" && part == "" && (id == "id" || id == "name"):
		addField(&s.plain, index, "form_"+id, value)
	case name != "":
		addField(&s.plain, index, name, value)
	}
}

// splitName takes fields[email][raw_value][0] apart: fields, email and
// [raw_value][0].
func splitName(name string) (group, id, part string) {
	group, rest, ok := strings.Cut(name, "[")
	if !ok {
		return "", "", ""
	}
	id, part, ok = strings.Cut(rest, "]")
	if !ok {
		return "", "", ""
	}
	return group, id, part
}

func (f *elementorField) set(part, value string) {
	switch {
	case part == "[type]":
		f.kind = value
	case part == "[title]":
		f.title = value
	case part == "[value]":
		f.value = value
	case strings.HasPrefix(part, "[raw_value]["):
		f.raw = append(f.raw, value) // of several boxes; value has them in one text
	}
}

// values returns what was answered.
func (f *elementorField) values() []string {
	if len(f.raw) > 0 {
		return f.raw
	}
	return []string{f.value}
}

// named names every field by what tells most of its meaning: the mapping, the
// type, the id (often random: field_6f8642e) or the title.
func (e *Elementor) named(list []*elementorField) []fields.Field {
	used := make(map[fields.Role]bool)
	for _, f := range list {
		if f.kind != "email" && f.kind != "tel" {
			used[fields.RoleOf(f.id)], used[fields.RoleOf(f.title)] = true, true
		}
	}
	sent := make([]fields.Field, 0, len(list))
	for _, f := range list {
		sent = append(sent, fields.Field{Name: e.name(f, used), Values: f.values()})
	}
	return sent
}

// typeRoles are the types of fields that say what is in them.
var typeRoles = map[string]fields.Role{"email": fields.Email, "tel": fields.Phone, "textarea": fields.Message, "honeypot": fields.Honeypot}

func (e *Elementor) name(f *elementorField, used map[fields.Role]bool) string {
	for _, name := range [...]string{f.id, f.title} {
		if e.mapping.Names(name) {
			return name
		}
	}
	role, known := typeRoles[f.kind]
	free := known && !used[role] && e.mapped[string(role)] == ""
	switch {
	case free && f.kind != "textarea":
		used[role] = true
		return string(role)
	case telling(f.id):
		return f.id
	case telling(f.title):
		return f.title
	case free:
		used[role] = true
		return string(role)
	case f.title == "":
		return f.id
	}
	return f.title
}

// namePage finds the page among titles in any language: it stands before the
// visitor's browser and address, or the credit to Elementor.
func namePage(sent []fields.Field) {
	for i, field := range sent {
		if fields.RoleOf(field.Name) == fields.PageURL {
			return
		}
		if i+1 == len(sent) || !strings.HasPrefix(field.Values[0], "http") {
			continue
		}
		_, err := netip.ParseAddr(sent[i+1].Values[0])
		if next := sent[i+1].Values[0]; err == nil || next == "Elementor" || strings.HasPrefix(next, "Mozilla/") {
			sent[i].Name = string(fields.PageURL)
			return
		}
	}
}
