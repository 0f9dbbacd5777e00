package forms

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
)

// Unbounce takes submissions from the webhooks of Unbounce pages: as a form,
// whose field data.json (or data.xml) holds the submission beside the page's
// own, as JSON or as XML. Every value is a list of one. It signs nothing: the
// secret stands in the address, as ?token=…; options.allow_ips may name the
// addresses that Unbounce posts from (54.241.34.25 and 50.19.99.184 by an old
// page). A submission has no id: it is counted by its content and hour.
//
// https://documentation.unbounce.com/hc/en-us/articles/203510044-Using-a-Webhook
type Unbounce struct{ *guarded }

// NewUnbounce is the constructor of the type "unbounce".
func NewUnbounce(config ingest.SourceConfig) (ingest.Source, error) {
	g, err := openGuarded(config)
	if err != nil {
		return nil, err
	}
	return &Unbounce{guarded: g}, nil
}

// Decode reads one submission.
func (u *Unbounce) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	sent, err := sentBy(d)
	if err == nil {
		sent, err = opened(sent)
	}
	if err != nil {
		return nil, err
	}
	var date, clock, uuid, page, name, variant string
	own := map[string]*string{
		"date_submitted": &date, "time_submitted": &clock,
		"page_uuid": &uuid, "page_id": &page, "page_name": &name, "variant": &variant,
	}
	kept := sent[:0]
	for _, field := range sent {
		if slot := own[field.Name]; slot != nil && !u.mapping.Names(field.Name) {
			*slot = strings.TrimSpace(field.Values[0])
			continue
		}
		kept = append(kept, field)
	}
	form, err := u.readLabelled(kept)
	if err != nil {
		return nil, err
	}
	lead := form.Lead
	keepAttr(lead, "variant", variant)
	if lead.FormID == "" {
		if lead.FormID = uuid; uuid == "" {
			lead.FormID = page
		}
	}
	if lead.FormName == "" {
		lead.FormName = name
	}
	events, err := u.event(d, form)
	if err != nil {
		return nil, err
	}
	return events, u.date(&events[0], form, date, clock)
}

// date reads the time of submission, "2026-01-05" and "10:57 PM UTC". A second
// attempt tells the same, so the hour that the lead is counted within is that.
func (u *Unbounce) date(event *ingest.Event, form *fields.Form, date, clock string) error {
	if date == "" || !event.OccurredAt.IsZero() {
		return nil
	}
	text, layout := date+" "+strings.TrimSuffix(clock, " UTC"), "2006-01-02 3:04 PM"
	if clock == "" {
		text, layout = date, time.DateOnly
	}
	at, err := time.ParseInLocation(layout, text, time.UTC)
	if err != nil {
		return fmt.Errorf("%w: date_submitted and time_submitted are not as in 2026-01-05 and 10:57 PM UTC", ingest.ErrMalformed)
	}
	if clock != "" {
		event.OccurredAt, event.Zone = at, "UTC"
	}
	event.Key = form.Key(at)
	return nil
}

// opened puts the submission, which is a field of its own in a form, in the
// place of that field. PHP between us turns data.json into data_json.
func opened(sent []fields.Field) ([]fields.Field, error) {
	var inner []fields.Field
	for _, names := range [][]string{{"data.json", "data_json", "data[json]"}, {"data.xml", "data_xml", "data[xml]"}} {
		i := slices.IndexFunc(sent, func(f fields.Field) bool { return slices.Contains(names, f.Name) })
		if i < 0 {
			continue
		}
		var err error
		if body := []byte(sent[i].Values[0]); inner != nil {
			// The same submission once more.
		} else if names[0] == "data.json" {
			inner, err = fields.Parse(bodyAs(jsonMedia, body))
		} else {
			inner, err = parseXML(body)
		}
		if err != nil {
			return nil, err
		}
		sent = slices.Delete(sent, i, i+1)
	}
	// What the page tells of itself stands in both.
	for _, field := range sent {
		if !slices.ContainsFunc(inner, func(f fields.Field) bool { return f.Name == field.Name }) {
			inner = append(inner, field)
		}
	}
	return inner, nil
}
