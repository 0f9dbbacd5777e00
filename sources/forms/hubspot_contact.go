package forms

import (
	"cmp"
	"strings"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/normalize"
)

// HubSpotProperties are the properties of a contact that whoever fetches one must
// ask for: the CRM API answers with those that it was asked for and few besides.
var HubSpotProperties = []string{
	"email", "phone", "mobilephone", "firstname", "lastname", "company", "jobtitle", "website", "message", "city", "state",
	"country", "zip", "createdate", "lastmodifieddate", "lifecyclestage", "hs_lead_status", "hs_object_id",
	"hs_analytics_source", "hs_latest_source", "hs_analytics_first_url", "hs_analytics_first_referrer",
	"hs_google_click_id", "hs_facebook_click_id", "first_conversion_event_name", "recent_conversion_event_name",
	"utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "gclid", "fbclid", "msclkid",
}

// flat are the properties by name, whether they come as texts, or as objects with
// a value and its history; nil for none.
func flat(properties payload) payload {
	if properties == nil {
		return nil
	}
	values := make(payload, len(properties))
	for name, property := range properties {
		if object := asPayload(property); object != nil {
			property = object["value"]
		}
		values[name] = property
	}
	return values
}

// read makes a lead of the properties that say something about the person. The
// main number goes before the mobile one.
func (h *HubSpot) read(properties payload) (*fields.Form, error) {
	answers := answered{mapping: h.mapping}
	shown := make(payload, len(properties))
	for name, value := range properties {
		if h.mapping.Names(name) || !internal(name) {
			shown[name] = value
		}
	}
	if err := answers.all(shown, "email", "phone"); err != nil {
		return nil, err
	}
	return answers.read(), nil
}

// internal tells whether a property is HubSpot's own bookkeeping, of which every
// contact has hundreds.
func internal(name string) bool {
	switch name {
	case "createdate", "lastmodifieddate", "lifecyclestage", "vid", "canonical-vid", "portal-id", "portalId", "objectId", "id",
		"objectType", "objectTypeId", "currentlyinworkflow", "first_conversion_event_name", "recent_conversion_event_name":
		return true
	}
	for _, prefix := range [...]string{"hs_", "hubspot", "num_", "notes_", "first_conversion_", "recent_conversion_", "associatedcompany"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// visited adds where the contact came from: by the first form that it filled in,
// if the workflow tells, else by the first page that HubSpot saw it on.
func visited(lead *ingest.Lead, p, properties payload) {
	form := firstSubmission(p.list("form-submissions"))
	lead.FormID = cmp.Or(lead.FormID, form.text("form-id"))
	lead.FormName = cmp.Or(lead.FormName, form.text("title"), properties.text("first_conversion_event_name"))
	lead.PageURL = cmp.Or(lead.PageURL, form.text("page-url"), properties.text("hs_analytics_first_url"))
	lead.Referrer = cmp.Or(lead.Referrer, properties.text("hs_analytics_first_referrer"))
	normalize.AddTag(&lead.Tagging, "gclid", properties.text("hs_google_click_id"))
	normalize.AddTag(&lead.Tagging, "fbclid", properties.text("hs_facebook_click_id"))
	lead.Attrs = attrs(map[string]string{
		"lifecycle_stage": properties.text("lifecyclestage"), "lead_status": properties.text("hs_lead_status"),
		"analytics_source": properties.text("hs_analytics_source"), "latest_source": properties.text("hs_latest_source"),
		"recent_conversion": properties.text("recent_conversion_event_name"),
	})
}

func firstSubmission(list []any) (first payload) {
	for _, element := range list {
		form := asPayload(element)
		if first == nil || earlier(form.text("timestamp"), first.text("timestamp")) {
			first = form
		}
	}
	return first
}

// earlier compares numbers of milliseconds.
func earlier(a, b string) bool {
	return len(a) < len(b) || len(a) == len(b) && a < b
}
