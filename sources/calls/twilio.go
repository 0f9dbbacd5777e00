package calls

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/normalize"
	"github.com/leadgate/leadgate/sources/signature"
)

// Twilio is the source type "twilio": calls and text messages to Twilio's
// numbers, as status callbacks and as the requests of TwiML, by POST or GET:
// https://www.twilio.com/docs/voice/api/call-resource#statuscallback
// https://www.twilio.com/docs/voice/twiml/dial#action
// https://www.twilio.com/docs/usage/security#validating-requests
//
// Its secrets are the account's auth tokens. Its options:
//
//	min_duration, answered_only, outbound
//	               which calls are leads (see the package); outbound are those
//	               that were made through the API, the forwarded leg of a call
//	               is no call of its own. Twilio does not say who is new
//	in_progress    calls that are not over are leads already (false)
//	twiml          answer with an empty TwiML document instead of a 204: for
//	               numbers and verbs that ask here what to do next (false)
//
// Tags in the URL that Twilio is given (…/in/calls?utm_source=flyer) are the
// lead's. The state of a call ranks by what it tells, not by when it arrives:
// those before its end by SequenceNumber, then the end, and above that what
// the actions of Dial and Record tell, for a status callback knows neither
// whether anybody came to the telephone (a call that Twilio took is
// "completed"), nor for how long they talked. An action that records without
// a Dial counts as voicemail.
//
// A recording's own callback knows nothing of the call; it becomes a status of
// the lead (status "recording", the link as its reason).
type Twilio struct {
	config  ingest.SourceConfig
	options twilioOptions
}

type twilioOptions struct {
	rule
	InProgress bool `json:"in_progress"`
	TwiML      bool `json:"twiml"`
}

// NewTwilio is the constructor of the type "twilio".
func NewTwilio(config ingest.SourceConfig) (ingest.Source, error) {
	t := &Twilio{config: config}
	if err := config.RequireSecrets(); err != nil {
		return nil, err
	}
	if err := config.DecodeOptions(&t.options); err != nil {
		return nil, err
	}
	return t, t.options.check(false)
}

// Verify checks X-Twilio-Signature.
func (t *Twilio) Verify(d *ingest.Delivery) error { return signature.Twilio(d, t.config.Secrets) }

// Respond answers 204, or with TwiML that does nothing.
func (t *Twilio) Respond(*ingest.Delivery, []ingest.Event) ingest.Answer {
	if !t.options.TwiML {
		return ingest.Answer{Status: http.StatusNoContent}
	}
	return ingest.Answer{
		Status: http.StatusOK, ContentType: "text/xml",
		Body: []byte(`<?xml version="1.0" encoding="UTF-8"?><Response/>`),
	}
}

// twilioStates are the ends of a call; those before are false.
var twilioStates = map[string]bool{
	"queued": false, "initiated": false, "ringing": false, "in-progress": false,
	"completed": true, "busy": true, "no-answer": true, "failed": true, "canceled": true,
}

// twilioParams are a request's parameters; of one that is repeated, the first.
type twilioParams map[string]string

// Decode reads one callback.
func (t *Twilio) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	sent, err := twilioFields(d)
	if err != nil {
		return nil, err
	}
	p := make(twilioParams, len(sent))
	for _, field := range sent {
		p[field.Name] = strings.TrimSpace(field.Values[0])
	}
	id, state := p["CallSid"], p["CallStatus"]
	_, known := twilioStates[state]
	var event ingest.Event
	switch {
	case id == "" && p["MessageSid"] != "":
		event, err = p.message(p["MessageSid"])
	case id == "" && p["ConferenceSid"] != "":
		return nil, ingest.Ignored("news of a conference")
	case id == "":
		return nil, fmt.Errorf("%w: no CallSid", ingest.ErrMalformed)
	case state == "" && p["RecordingSid"] != "":
		return p.recording(id)
	case state == "":
		return nil, ingest.Ignored("a callback that tells no state of the call")
	case !known:
		return nil, fmt.Errorf("%w: CallStatus is none of Twilio's", ingest.ErrMalformed)
	default:
		event, err = t.call(p, id, state)
	}
	if err != nil {
		return nil, err
	}
	event.Lead.Tagging = normalize.Tagging(d.URL)
	if at := p["Timestamp"]; at != "" {
		if event.OccurredAt, event.Zone, err = normalize.Time(at, t.config.Location); err != nil {
			return nil, fmt.Errorf("%w: Timestamp: %w", ingest.ErrMalformed, err)
		}
	}
	return []ingest.Event{event}, nil
}

// twilioFields reads what the signature covers: the query of a GET, else the
// body. In a POST's query a field is the user's own and no news of the call.
func twilioFields(d *ingest.Delivery) ([]fields.Field, error) {
	if d.Method != http.MethodGet {
		return fields.Parse(d)
	}
	_, query, _ := strings.Cut(d.URL, "?")
	return urlencoded(query)
}

// call reads the state of a call.
func (t *Twilio) call(p twilioParams, id, state string) (ingest.Event, error) {
	customer, own, place := p["From"], p["To"], "From"
	way := "inbound"
	switch p["Direction"] {
	case "outbound-dial":
		return ingest.Event{}, ingest.Ignored("a leg of a call that is told of by itself")
	case "outbound-api", "outbound":
		customer, own, place, way = own, customer, "To", "outbound"
	}
	if strings.HasPrefix(customer, "client:") {
		return ingest.Event{}, ingest.Ignored("a call of one of the account's own clients")
	}
	version, over := p.rank(state)
	if !over && !t.options.InProgress {
		return ingest.Event{}, ingest.Ignored("a call that is %s", state)
	}
	lead := &ingest.Lead{ExternalID: id, Person: ingest.Person{
		Phone: twilioNumber(customer), Name: p["CallerName"], Answers: p.named(map[string]string{
			"city": place + "City", "state": place + "State", "zip": place + "Zip", "country": place + "Country",
		}),
	}}
	lead.Call = &ingest.Call{
		Duration: text(p["CallDuration"]).seconds(), TalkTime: text(p["DialCallDuration"]).seconds(),
		Answered: answered(state), Direction: way, TrackingNumber: twilioNumber(own), RecordingURL: p["RecordingUrl"],
	}
	p.outcome(lead.Call, version)
	lead.Attrs = p.named(map[string]string{
		"status": "CallStatus", "dial_status": "DialCallStatus", "answered_by": "AnsweredBy", "stir_verstat": "StirVerstat",
		"account_sid": "AccountSid", "recording_sid": "RecordingSid", "recording_duration": "RecordingDuration",
	})
	event := ingest.Event{Kind: ingest.LeadKind, Key: id, Mutable: true, Version: version, Lead: lead}
	return event, t.options.ask(lead.Call)
}

// rank returns the version of a state, and whether it is one that stays.
func (p twilioParams) rank(state string) (version uint64, over bool) {
	sequence, _ := strconv.ParseUint(p["SequenceNumber"], 10, 16) // 0 in requests that are no status callbacks
	switch {
	case p["DialCallStatus"] != "":
		return fullVersion, true
	case p["RecordingUrl"] != "" && p["SequenceNumber"] == "" && p["CallDuration"] == "":
		return fullVersion + 1, true // of the verb Record, which stands behind a Dial that reached nobody
	case twilioStates[state]:
		return endedVersion + sequence, true
	}
	return startedVersion + sequence, false
}

// outcome says what the actions of TwiML's verbs know better than the state.
func (p twilioParams) outcome(call *ingest.Call, version uint64) {
	no, yes := false, true
	switch {
	case version == fullVersion:
		call.Answered = answered(p["DialCallStatus"])
	case version == fullVersion+1:
		call.Answered, call.Voicemail = &no, &yes
	case strings.HasPrefix(p["AnsweredBy"], "machine"):
		call.Voicemail = &yes
	}
}

// named returns parameters under other names, those that are filled.
func (p twilioParams) named(names map[string]string) map[string]string {
	values := make(map[string]string, len(names))
	for name, param := range names {
		values[name] = p[param]
	}
	maps.DeleteFunc(values, func(_, value string) bool { return value == "" })
	return values
}

// twilioNumber returns the number in a SIP address (sip:+15125550142@host).
func twilioNumber(address string) string {
	user, ok := strings.CutPrefix(address, "sip:")
	if !ok {
		return address
	}
	user, _, _ = strings.Cut(user, "@")
	if strings.Trim(user, "+0123456789") != "" {
		return ""
	}
	return user
}

// recording reads the callback of a recording.
func (p twilioParams) recording(call string) ([]ingest.Event, error) {
	if state := cmp.Or(p["RecordingStatus"], "completed"); state != "completed" || p["RecordingUrl"] == "" {
		return nil, ingest.Ignored("a recording that cannot be had, or not yet")
	}
	return []ingest.Event{recording(p["RecordingSid"], call, p["RecordingUrl"])}, nil
}

// message reads a text message that a number received.
func (p twilioParams) message(id string) (ingest.Event, error) {
	if state := cmp.Or(p["SmsStatus"], p["MessageStatus"]); state != "received" {
		return ingest.Event{}, ingest.Ignored("a text message that was sent, not received")
	}
	return ingest.Event{Kind: ingest.LeadKind, Key: "text:" + id, Lead: &ingest.Lead{
		ExternalID: id,
		Person:     ingest.Person{Phone: p["From"], Message: p["Body"]},
		Call:       &ingest.Call{Direction: "inbound", TrackingNumber: p["To"]},
	}}, nil
}
