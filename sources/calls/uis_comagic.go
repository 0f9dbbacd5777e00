package calls

import (
	"strings"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/signature"
)

// UISCoMagic is the source type "uis-comagic": the HTTP notifications of UIS,
// CoMagic and CallGear, GET or POST, whose body their user composes of macros:
// https://uiscom.ru/academiya/spravochnyj-centr/uvedomleniya/uvedomleniya-o-sobytiyakh
//
// It does not sign: its secret is a token (see signature.Guard). Its options,
// besides those of the guard:
//
//	min_duration, answered_only, first_time_only, outbound
//	          which calls are leads (see the package)
//	fields    names of parameters that are not the macros', by meaning
//
// A body may be a form, JSON, or what a template makes of JSON with the values
// put in as they are: that is read where it can mean one thing only. Times are
// the account's, so set the source's timezone to it; notification_timestamp,
// where it is sent, says which notification is the later one among those that
// tell alike: with the whole duration, with that of talking or waiting, or none.
// A notification of a recording, which has no duration of the call, becomes a
// status of the lead (status "recording", the link as its reason). The names are
// the macros' own; what notification_mnemonic may say is not published: "lost"
// in it is read as a call that nobody answered, "out" at its beginning, where no
// direction is sent, as one that was made.
type UISCoMagic struct {
	*signature.Guard
	template *template
	options  templateOptions
}

var uisWording = wording{
	callID:          {"call_session_id"},
	"communication": {"communication_id"},
	"type":          {"communication_type"},
	occurredAt:      {"start_time"},
	"told_time":     {"notification_time"},
	"told_at":       {"notification_timestamp"},
	phone:           {"contact_phone_number"},
	"calling":       {"calling_phone_number", "numa"},
	"called":        {"called_phone_number", "numb"},
	"name":          {"contact_full_name", "visitor_name"},
	"email":         {"contact_email", "visitor_email"},
	"message":       {"message", "comment"},
	"duration":      {"total_time_duration", "total_duration"},
	"talk_time":     {"talk_time_duration", "talk_duration"},
	"waited":        {"wait_time_duration", "wait_duration"},
	"lost":          {"is_lost"},
	"mnemonic":      {"notification_mnemonic"},
	"direction":     {"direction"},
	"internal":      {"is_internal"},
	trackingNumber:  {"virtual_phone_number"},
	recordingURL:    {"file_link", "record_link", "full_record_file_link", "call_record_link"},
	"page_url":      {"entrance_page", "landing_page", "page_url"},
	"referrer":      {"referrer", "visitor_referrer"},
	"visitor_id":    {"visitor_id"},
	"campaign_id":   {"campaign_id"},
	"first_call":    {"is_first_call"},
}

// NewUISCoMagic is the constructor of the type "uis-comagic".
func NewUISCoMagic(config ingest.SourceConfig) (ingest.Source, error) {
	u := &UISCoMagic{}
	var err error
	u.Guard, u.template, err = newTemplated(config, &u.options, &u.options, uisWording,
		"app_id", "call_source", "scenario_name", "scenario_id", "external_id", "notification_name", "campaign_name",
		"communication_number", "visitor_country", "cpn_region_id", "cpn_region_name", "employee_id", "site_domain_name",
		"site_id", "tag_names", "tag_ids", "ad_campaign_name", "contact_id", "file_duration", "finish_reason")
	if err != nil {
		return nil, err
	}
	return u, nil
}

// Decode reads one notification.
func (u *UISCoMagic) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	said, err := u.template.read(d)
	if err != nil {
		return nil, err
	}
	if isTrue(said.text("internal").flag()) {
		return nil, ingest.Ignored("an internal call")
	}
	if said.values[occurredAt] == "" && said.values["told_time"] != "" {
		said.values[occurredAt] = said.values["told_time"]
	}
	call, external := said.uisCall(), said.values[callID]
	if id := said.values["communication"]; external == "" && id != "" {
		said.values[callID], external = id, id
		if kind := plain(said.values["type"]); kind != "" && kind != "call" {
			said.values[callID], call = kind+":"+id, nil
		}
	}
	if _, told := said.values["direction"]; call != nil && call.RecordingURL != "" && external != "" &&
		call.Duration == nil && call.TalkTime == nil && !told {
		return []ingest.Event{recording(external, external, call.RecordingURL)}, nil
	}
	lead := said.lead()
	lead.ExternalID, lead.Call = external, call
	for name, meaning := range map[string]string{"notification_mnemonic": "mnemonic", "communication_type": "type", "wait_time": "waited"} {
		if value := said.values[meaning]; value != "" {
			lead.Attrs[name] = value
		}
	}
	event, err := u.template.event(said, lead)
	if err != nil || call == nil {
		return []ingest.Event{event}, err
	}
	event.Version = said.uisVersion(d, u.template)
	return []ingest.Event{event}, u.options.ask(call)
}

// uisCall finds out who is the customer, and whether somebody answered.
func (s *told) uisCall() *ingest.Call {
	mnemonic := plain(s.values["mnemonic"])
	if s.values["direction"] == "" && strings.HasPrefix(mnemonic, "out") {
		s.values["direction"] = "out"
	}
	call := s.call()
	if s.values[phone] == "" {
		s.values[phone] = s.values["calling"]
		if call.Direction == "outbound" {
			s.values[phone] = s.values["called"]
		}
	}
	s.values[phone], call.TrackingNumber = russian(s.values[phone]), russian(call.TrackingNumber)
	lost := isTrue(s.text("lost").flag()) || strings.Contains(mnemonic, "lost")
	if silent := call.Duration != nil && call.TalkTime != nil && *call.TalkTime == 0; lost || silent {
		no := false
		call.Answered = &no
	}
	return call
}

// uisVersion ranks a notification by how much of the call it tells, and those
// that tell alike by the time in them, within a second by their arrival.
func (s *told) uisVersion(d *ingest.Delivery, t *template) uint64 {
	// More than the microseconds since 1970 until 2065, and thrice that is still a
	// whole number to those who compare with floating point.
	const step = 3_000_000_000_000_000
	rank := d.Rank()
	if at, _, err := t.time(s.values["told_at"]); err == nil {
		rank = uint64(at.UnixMicro())
	}
	switch {
	case s.values["duration"] != "":
		return 2*step + rank
	case s.values["talk_time"] != "" || s.values["waited"] != "" || s.values["lost"] != "":
		return step + rank
	}
	return rank
}
