package forms

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/normalize"
)

// Zapier takes leads of instant forms (Meta's and others') that Zapier, Make
// or the like pass on as flat JSON, a form or XML, by POST, PUT or PATCH: one
// lead or, in JSON, a list. Names are those of Meta's own export, or what the
// user of the Zap made of them, mapped with options.fields. Ids may carry the
// prefixes of the export (l:, ag:, as:, c:, f:, p:), which are taken off. It
// signs nothing: let it send the secret as a header (Authorization, X-Api-Key or
// options.token_header), or in the address.
//
// Sending: https://help.zapier.com/hc/en-us/articles/8496326446989-Send-webhooks-in-Zaps
// The fields: https://developers.facebook.com/docs/marketing-api/guides/lead-ads/retrieving
// (their spelling in exports is known from people's files only)
type Zapier struct{ *guarded }

// NewZapier is the constructor of the type "zapier-generic".
func NewZapier(config ingest.SourceConfig) (ingest.Source, error) {
	g, err := openGuarded(config)
	if err != nil {
		return nil, err
	}
	g.mapping.Timed = true
	return &Zapier{guarded: g}, nil
}

// Decode reads one lead, or a list of them.
func (z *Zapier) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	leads, err := zapierLeads(d)
	if err != nil {
		return nil, err
	}
	events := make([]ingest.Event, len(leads))
	for i, sent := range leads {
		if events[i], err = z.lead(d, sent); err != nil {
			return nil, err
		}
	}
	return events, nil
}

// zapierLeads returns the fields of every lead.
func zapierLeads(d *ingest.Delivery) ([][]fields.Field, error) {
	media, err := mediaOf(d)
	if isXML(d) || err == nil && media != fields.JSON {
		sent, err := sentBy(d)
		return [][]fields.Field{sent}, err
	}
	if err != nil {
		return nil, err
	}
	value, err := fields.ParseJSON(d.Body)
	if err != nil {
		return nil, err
	}
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	leads := make([][]fields.Field, len(list))
	for i, element := range list {
		object, ok := element.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("%w: a lead must be a JSON object", ingest.ErrMalformed)
		}
		if leads[i], err = fields.Flatten(withFieldData(object)); err != nil {
			return nil, err
		}
	}
	if len(leads) == 0 {
		return nil, ingest.Ignored("an empty list")
	}
	return leads, nil
}

// withFieldData opens the list that Meta's own API has the answers in, which
// Make passes on as it is: [{"name":"email","values":["…"]}].
func withFieldData(object map[string]any) map[string]any {
	list, ok := object["field_data"].([]any)
	if !ok {
		return object
	}
	open := maps.Clone(object)
	delete(open, "field_data")
	for _, element := range list {
		field, _ := element.(map[string]any)
		name, _ := field["name"].(string)
		values, ok := field["values"]
		if _, taken := open[name]; !ok || name == "" || taken {
			continue
		}
		open[name] = values
	}
	return open
}

// zapierAttrs are facts of the advertisement, by their names reduced.
var zapierAttrs = []string{"ad_name", "adset_name", "campaign_name", "platform", "is_organic"}

func (z *Zapier) lead(d *ingest.Delivery, sent []fields.Field) (ingest.Event, error) {
	attrs := make(map[string]string)
	kept := make([]fields.Field, 0, len(sent))
	dummy := false
	for _, field := range sent {
		name := normalize.Key(field.Name)
		if slices.Contains(zapierAttrs, name) && !z.mapping.Names(field.Name) {
			attrs[name] = field.Values[0]
			continue
		}
		if isDummy(field.Values[0]) {
			dummy = true
			continue
		}
		kept = append(kept, field)
	}
	z.nameID(kept, "lead_id", "leadgen_id", "facebook_lead_id")
	form := z.mapping.Read(kept)
	if !form.Contact && !dummy {
		return ingest.Event{}, fmt.Errorf("%w: no field says who it is about; map email, phone or name with options.fields", ingest.ErrMalformed)
	}
	unprefixed(form)
	lead := form.Lead
	if (lead.AdID != "" || lead.CampaignID != "") && attrs["is_organic"] != "true" {
		lead.Platform = "facebook"
	}
	lead.Attrs = attrs
	lead.Test = lead.Test || dummy
	return z.timed(d, form)
}

// timed makes the event with its time. One that was not mapped and cannot be read is kept as
// it is: what a user's Zap made of it must not cost the lead.
func (z *Zapier) timed(d *ingest.Delivery, form *fields.Form) (ingest.Event, error) {
	at := d.ReceivedAt
	if form.Time != "" {
		t, _, err := normalize.Time(form.Time, z.config.Location)
		switch {
		case err == nil:
			at = t // a Zap that is run again tells the same time
		case z.mapped[string(fields.OccurredAt)] == "":
			keepAnswer(form.Lead, "created_time", form.Time)
			form.Time = ""
		}
	}
	return form.Event(at, z.config.Location)
}

// unprefixed takes the prefixes off the ids: l:1234, ag:1234, p:+1512….
func unprefixed(form *fields.Form) {
	lead := form.Lead
	for prefix, id := range map[string]*string{
		"l:": &form.ID, "ag:": &lead.AdID, "as:": &lead.AdgroupID, "c:": &lead.CampaignID, "f:": &lead.FormID, "p:": &lead.Person.Phone,
	} {
		*id = withoutPrefix(prefix, *id)
	}
	for name, value := range lead.Person.Answers {
		lead.Person.Answers[name] = withoutPrefix("z:", value) // a postal code
	}
}

func withoutPrefix(prefix, text string) string {
	rest, ok := strings.CutPrefix(text, prefix)
	if !ok || rest == "" || rest[0] != '+' && (rest[0] < '0' || rest[0] > '9') {
		return text
	}
	return rest
}

// isDummy knows what Meta's tool for testing lead forms puts for an answer.
func isDummy(value string) bool {
	return strings.Contains(value, "<test lead: dummy data") ||
		strings.EqualFold(value, "test@fb.com") || strings.EqualFold(value, "test@meta.com")
}
