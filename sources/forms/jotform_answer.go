package forms

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/leadgate/leadgate/sources/fields"
)

// answer notes the answer to one question. Those of several boxes are objects.
func (j *Jotform) answer(answers *answered, question string, value any) error {
	number, name := numbered(question)
	switch {
	case j.mapping.Names(question):
		name = question
	case !j.mapping.Names(name):
		name = cmp.Or(strings.TrimSuffix(name, strconv.Itoa(number)), name) // Jotform makes "email" unique as q6_email6
	}
	object := asPayload(value)
	switch {
	case only(object, "prefix", "first", "middle", "last", "suffix"):
		fullName(answers, name, object)
	case only(object, "full", "country", "area", "phone"):
		if !meaningful(name) && !j.mapping.Names(name) {
			name = "phone"
		}
		answers.add(name, phoneOf(object))
	case only(object, "addr_line1", "addr_line2", "city", "state", "postal", "country"):
		answers.add(name, object.joined(", ", "addr_line1", "addr_line2", "postal", "city", "state", "country"))
	case only(object, "year", "month", "day", "hour", "min", "ampm"):
		date := object.joined("-", "year", "month", "day")
		if clock := object.joined(":", "hour", "min"); clock != "" {
			date = strings.TrimSpace(date + " " + clock + " " + object.text("ampm"))
		}
		answers.add(name, date)
	default:
		return answers.values(name, value)
	}
	return nil
}

// only tells whether an object has members, and none but these.
func only(object payload, names ...string) bool {
	known := 0
	for _, name := range names {
		if _, ok := object[name]; ok {
			known++
		}
	}
	return known > 0 && known == len(object)
}

// joined are the texts of members that are filled.
func (p payload) joined(separator string, names ...string) string {
	texts := make([]string, 0, len(names))
	for _, name := range names {
		if text := p.text(name); text != "" {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, separator)
}

// fullName notes the parts of a name: those of the person who asks, unless the
// question is plainly another's, such as an emergency contact.
func fullName(answers *answered, name string, object payload) {
	whole := object.joined(" ", "prefix", "first", "middle", "last", "suffix")
	if fields.RoleOf(name) != fields.Name && !answers.mapping.Names(name) {
		answers.add(name, whole)
		return
	}
	answers.add(name, whole)
	answers.add("first_name", object.text("first"))
	answers.add("last_name", object.text("last"))
}

// phoneOf is a number from its parts.
func phoneOf(object payload) string {
	if full := object.text("full"); full != "" {
		return full
	}
	country := strings.TrimLeft(object.text("country"), "+0")
	if country != "" {
		country = "+" + country
	}
	return strings.TrimSpace(country + " " + object.joined(" ", "area", "phone"))
}
