package calls

import (
	"strings"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/signature"
)

// Ringba is the source type "ringba": its pixels, GET or POST, with parameters
// that their user names and fills with macros such as [Call:InboundCallId] and
// [tag:InboundNumber:Number]:
// https://support.ringba.com/hc/en-us/articles/17998491616535-Pixels
// https://support.ringba.com/hc/en-us/articles/17993303467799-Most-Common-Tokens
//
// It does not sign: its secret is a token (see signature.Guard); key= in the
// pixel's URL will do. Its options, besides those of the guard:
//
//	min_duration, answered_only, first_time_only, outbound
//	          which calls are leads (see the package)
//	fields    names of parameters by meaning, if they are not usual ones:
//	          {id: cid, phone: ani, recording_url: rec}
//
// A macro that Ringba did not fill in arrives as it is, and counts as empty.
// Every pixel of one call (on connect, on end, on recording) must carry all that
// is known by then: the later one replaces the earlier. Times without a zone
// are the account's, so set the source's timezone to it. All names are from
// other people's guides and receivers.
type Ringba struct {
	*signature.Guard
	template *template
	options  templateOptions
}

var ringbaWording = wording{
	callID:         {"call_id", "inbound_call_id", "ringba_call_id", "callsid", "call_uuid", "uuid"},
	occurredAt:     {"call_timestamp", "call_connected_timestamp", "call_start", "call_time", "start_time", "timestamp"},
	phone:          {"caller_number", "caller_id", "caller", "caller_phone", "inbound_number", "phone", "phone_number", "ani", "number_e164"},
	"name":         {"caller_name", "name"},
	"email":        {"email"},
	"duration":     {"duration_seconds", "duration", "call_length", "call_duration", "call_length_total", "total_duration"},
	"talk_time":    {"connected_duration", "call_length_connected", "connected_call_length", "talk_time"},
	"answered":     {"connected", "answered", "has_connected"},
	"first_call":   {"first_call", "is_first_call"},
	"repeat":       {"is_repeat", "repeat_call", "is_duplicate", "duplicate"},
	recordingURL:   {"recording_url", "recording", "call_recording"},
	trackingNumber: {"tracking_number", "dialed_number", "number_called", "dnis", "did", "number"},
	status:         {"status", "call_status", "event"},
	"page_url":     {"page_url", "landing_page", "url"},
	"referrer":     {"referrer", "referer"},
	"campaign_id":  {"campaign_id"},
}

// NewRingba is the constructor of the type "ringba".
func NewRingba(config ingest.SourceConfig) (ingest.Source, error) {
	r := &Ringba{}
	var err error
	r.Guard, r.template, err = newTemplated(config, &r.options, &r.options, ringbaWording,
		"revenue", "payout", "profit", "campaign_name", "campaign", "publisher_name", "publisher", "publisher_id", "buyer_name",
		"buyer", "target_name", "target", "conversion_amount", "hangup", "end_call_source", "caller_state", "caller_zip")
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Decode reads one pixel.
func (r *Ringba) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	said, err := r.template.read(d)
	if err != nil {
		return nil, err
	}
	if number := said.values[phone]; len(number) == 11 && strings.Trim(number, "0123456789") == "" && number[0] == '1' {
		said.values[phone] = "+" + number // Number-NoPlus
	}
	if at := said.values[occurredAt]; at != "" {
		said.attrs["occurred_at_raw"] = at
	}
	lead := said.lead()
	lead.Call = said.call()
	event, err := r.template.event(said, lead)
	if err != nil {
		return nil, err
	}
	return []ingest.Event{event}, r.options.ask(lead.Call)
}
