package ads

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/normalize"
)

// text is a plain value in JSON as text, see fields.Scalar.
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(value []byte) error {
	scalar, err := fields.Scalar(value)
	*t = text(scalar)
	return err
}

// id returns an id, without the zero that stands for none.
func (t text) id() string {
	if t == "0" {
		return ""
	}
	return string(t)
}

// texts is one text, or a list of them: the answer to a question of either kind.
type texts []string

// UnmarshalJSON implements json.Unmarshaler.
func (t *texts) UnmarshalJSON(value []byte) error {
	if len(value) > 0 && value[0] == '[' {
		var list fields.Few[text]
		err := json.Unmarshal(value, &list)
		*t = make(texts, len(list))
		for i, one := range list {
			(*t)[i] = string(one)
		}
		return err
	}
	var one text
	err := json.Unmarshal(value, &one)
	*t = texts{string(one)}
	return err
}

// decode reads a body as what it should be the JSON of.
func decode(body []byte, what string, into any) error {
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%w: the body is not the JSON of %s", ingest.ErrMalformed, what)
	}
	return nil
}

// occurred notes when something happened; that no time is told is no error.
func occurred(event *ingest.Event, field string, at text, loc *time.Location) (err error) {
	if at.id() == "" {
		return nil
	}
	if event.OccurredAt, event.Zone, err = normalize.Time(string(at), loc); err != nil {
		return fmt.Errorf("%w: %s: %w", ingest.ErrMalformed, field, err)
	}
	return nil
}

// announcedAt is occurred for what only announces a lead: that its time cannot be
// read must not keep the lead, which tells its own, from being fetched.
func announcedAt(event *ingest.Event, at text, loc *time.Location) {
	if t, zone, err := normalize.Time(string(at), loc); err == nil {
		event.OccurredAt, event.Zone = t, zone
	}
}

// answers gathers what was asked and answered in a form.
type answers struct {
	mapping *fields.Mapping // of the configuration, or nil
	list    []fields.Field
	index   map[string]int
}

// add notes the answers to a question, several times if need be.
func (a *answers) add(name string, values ...string) {
	if name == "work_phone_number" && (a.mapping == nil || !a.mapping.Names(name)) {
		name = "work_phone"
	}
	for _, value := range values {
		at, known := a.index[name]
		switch {
		case name == "" || value == "":
		case known:
			a.list[at].Values = append(a.list[at].Values, value)
		default:
			if a.index == nil {
				a.index = make(map[string]int)
			}
			a.index[name] = len(a.list)
			a.list = append(a.list, fields.Field{Name: name, Values: []string{value}})
		}
	}
}

// fields returns them in order, but the address and number at work last: a
// person's own go before these.
func (a *answers) fields() []fields.Field {
	own := make([]fields.Field, 0, len(a.list))
	var work []fields.Field
	for _, field := range a.list {
		if strings.HasPrefix(field.Name, "work_") {
			work = append(work, field)
		} else {
			own = append(own, field)
		}
	}
	return append(own, work...)
}
