package calls

import (
	"strings"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/normalize"
	"github.com/leadgate/leadgate/sources/signature"
)

// Calltouch is the source type "calltouch": its webhooks of leads, that is calls
// and requests, GET or POST, with the parameters that their user picks:
// https://www.calltouch.ru/support/otpravka-informatsii-o-zvonkakh-zayavkakh-chatakh-iz-calltouch-v-lyubuyu-sistemu-s-pomoshchyu-webhoo/
//
// It does not sign: its secret is a token (see signature.Guard), and allow_ips:
// ["92.118.66.0/23"] is where it posts from. Its options, besides those of the
// guard:
//
//	min_duration, answered_only, first_time_only, outbound
//	               which calls are leads (see the package)
//	in_progress    calls that are not over are leads already (false)
//	fields         names of parameters that are not Calltouch's own, by meaning
//
// Date is the site's local time: set the source's timezone (Europe/Moscow); where
// timestamp is sent too, that is taken. The phases rank as a call goes through
// them, in whatever order they arrive. Uncertain: the words that name the
// phases; a phase that is not known counts as a call's end.
type Calltouch struct {
	*signature.Guard
	template *template
	options  calltouchOptions
}

type calltouchOptions struct {
	templateOptions
	InProgress bool `json:"in_progress"`
}

var calltouchWording = wording{
	callID:         {"callId", "id"},
	"request":      {"requestId"},
	occurredAt:     {"timestamp", "date", "callDate"},
	phone:          {"callerNumber", "callerPhone", "phone"},
	"name":         {"fio", "name", "clientName"},
	"email":        {"email"},
	"duration":     {"duration", "callDuration"},
	"answered":     {"successful"},
	"first_call":   {"uniqueCall", "unique"},
	recordingURL:   {"recordUrl", "recordingUrl", "callRecordUrl", "record"},
	trackingNumber: {"phoneNumber", "trackingNumber"},
	"direction":    {"direction", "callType"},
	"page_url":     {"callUrl", "url", "entryUrl"},
	"referrer":     {"referrer", "ref"},
	"phase":        {"callphase"},
	"message":      {"comment", "message"},
}

// NewCalltouch is the constructor of the type "calltouch".
func NewCalltouch(config ingest.SourceConfig) (ingest.Source, error) {
	c := &Calltouch{}
	var err error
	c.Guard, c.template, err = newTemplated(config, &c.options, &c.options.templateOptions, calltouchWording,
		"site_id", "session_id", "ya_client_id", "ct_client_id", "ct_caller_id", "ct_global_id", "call_reference_id",
		"waiting_connect", "target_call", "source", "medium", "ga_client_id=clientId", "hostname", "order_id")
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Decode reads one phase of a call.
func (c *Calltouch) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	said, err := c.template.read(d)
	if err != nil {
		return nil, err
	}
	said.values[phone], said.values[trackingNumber] = russian(said.values[phone]), russian(said.values[trackingNumber])
	lead := said.lead()
	if lead.Tagging.Source == "" && lead.Tagging.Medium == "" {
		normalize.AddTag(&lead.Tagging, "utm_source", string(visited(text(lead.Attrs["source"]))))
		normalize.AddTag(&lead.Tagging, "utm_medium", string(visited(text(lead.Attrs["medium"]))))
	}
	if request := said.values["request"]; request != "" && said.values[callID] == "" {
		lead.ExternalID, said.values[callID] = request, "request:"+request
		event, err := c.template.event(said, lead)
		return []ingest.Event{event}, err
	}
	lead.Call = said.call()
	event, err := c.template.event(said, lead)
	if err != nil {
		return nil, err
	}
	phase := said.values["phase"]
	version, missed := calltouchPhase(phase)
	if event.Version = version; version < endedVersion && !c.options.InProgress {
		return nil, ingest.Ignored("a call that is not over")
	}
	if no := false; missed && lead.Call.Answered == nil {
		lead.Call.Answered = &no
	}
	if phase != "" {
		lead.Attrs["call_phase"] = phase
	}
	return []ingest.Event{event}, c.options.ask(lead.Call)
}

// calltouchPhase returns the version of a phase, and whether it means that
// nobody answered.
func calltouchPhase(phase string) (version uint64, missed bool) {
	has := func(parts ...string) bool {
		for _, part := range parts {
			if strings.Contains(plain(phase), part) {
				return true
			}
		}
		return false
	}
	switch {
	case phase == "", has("complete", "finish"):
		return fullVersion, false
	case has("lost", "miss"):
		return endedVersion, true
	case has("disconnect", "end", "hangup"):
		return endedVersion, false
	case has("connect", "answer"):
		return startedVersion + 1, false
	case has("start", "begin", "ring", "income", "incoming", "new"):
		return startedVersion, false
	}
	return endedVersion, false
}
