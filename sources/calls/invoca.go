package calls

import (
	"cmp"
	"strings"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/normalize"
	"github.com/leadgate/leadgate/sources/signature"
)

// Invoca is the source type "invoca": the transactions of calls, sent as its
// user composes them, GET or POST, form or JSON, with the field names of
// https://developers.invoca.net/en/latest/api_documentation/transactions_api/network_user.html
//
// It does not sign: its secret is a token (see signature.Guard). Its options,
// besides those of the guard:
//
//	min_duration, answered_only, first_time_only, outbound
//	          which calls are leads (see the package)
//	fields    names of parameters that are not Invoca's own, by meaning
//
// A correction is a transaction of its own that names the one it corrects, and
// becomes a later state of that one's lead, also when the original is sent once
// more behind it. The other types of transaction (signals, reported conversions)
// are no second call: they are ignored. Uncertain: the name of the parameter with
// the number that was called, which the user chooses.
type Invoca struct {
	*signature.Guard
	template *template
	options  templateOptions
}

const corrects = "corrects_id"

var invocaWording = wording{
	callID:         {"transaction_id"},
	corrects:       {"corrects_transaction_id"},
	"call_id":      {"complete_call_id"},
	"type":         {"transaction_type"},
	occurredAt:     {"start_time_utc"},
	"local_time":   {"start_time_local"},
	phone:          {"calling_phone_number", "caller_id"},
	"name":         {"caller_name", "display_name", "name"},
	"email":        {"email", "email_address"},
	"duration":     {"duration", "duration_in_seconds"},
	"talk_time":    {"connect_duration"},
	"repeat":       {"repeat_calling_phone_number"},
	"first_call":   {"first_call"},
	"direction":    {"direction"},
	recordingURL:   {"recording", "recording_url", "recording_download_url"},
	trackingNumber: {"promo_line_phone_number", "promo_number", "called_phone_number", "tracking_number"},
	status:         {"call_result", "call_result_description", "call_result_description_detail", "call_status"},
	"page_url":     {"landing_page", "calling_page", "page_url"},
	"referrer":     {"referrer", "referer"},
	"visitor_id":   {"invoca_id", "visitor_id"},
}

// NewInvoca is the constructor of the type "invoca".
func NewInvoca(config ingest.SourceConfig) (ingest.Source, error) {
	v := &Invoca{}
	var err error
	v.Guard, v.template, err = newTemplated(config, &v.options, &v.options, invocaWording,
		"advertiser_campaign_name", "advertiser_campaign_id", "advertiser_name", "advertiser_id", "promo_line_description",
		"destination_phone_number", "original_order_id", "ivr_duration", "media_type", "call_source_description", "hangup_cause", "virtual_line_id", "corrected_at")
	if err != nil {
		return nil, err
	}
	return v, nil
}

// Decode reads one transaction.
func (v *Invoca) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	said, err := v.template.read(d)
	if err != nil {
		return nil, err
	}
	if kind := said.values["type"]; kind != "" && !strings.EqualFold(kind, "call") {
		return nil, ingest.Ignored("a transaction that is no call")
	}
	local := said.values["local_time"]
	if said.values[occurredAt] == "" && local != "" {
		said.values[occurredAt] = local
	}
	own, original := said.values[callID], said.values[corrects]
	if original != "" && own != "" {
		said.values[callID], said.attrs["transaction_id"] = original, own
	}
	lead := said.lead()
	lead.Call = said.call()
	if id := said.values["call_id"]; id != "" {
		lead.Attrs["call_id"] = id
	}
	event, err := v.template.event(said, lead)
	if err != nil {
		return nil, err
	}
	if original == "" {
		event.Version = endedVersion // below its corrections, should it come again
	}
	// Milliseconds of UTC have no zone, but the local time beside them does.
	if at, zone, err := normalize.Time(local, v.template.location); err == nil && at.Equal(event.OccurredAt) {
		event.Zone = cmp.Or(event.Zone, zone)
	}
	return []ingest.Event{event}, v.options.ask(lead.Call)
}
