package calls

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/normalize"
	"github.com/leadgate/leadgate/sources/signature"
)

// Several providers let their user write what is sent: the names of the
// parameters, a query or a body, as form or JSON. A template knows which names
// mean what: those that are usual with the provider, and before those the ones
// of the option fields:
//
//	fields: {phone: caller, duration: secs}

// What a parameter can mean, besides the utm parameters and click ids.
const (
	callID         = "id"
	occurredAt     = "occurred_at"
	phone          = "phone"
	status         = "status"
	trackingNumber = "tracking_number"
	recordingURL   = "recording_url"
)

// meanings are all that can be mapped.
var meanings = []string{
	callID, occurredAt, phone, status, "name", "first_name", "last_name", "email", "company", "message",
	"duration", "talk_time", "answered", "voicemail", "first_call", "repeat", "direction", trackingNumber, recordingURL,
	"page_url", "referrer", "visitor_id", "campaign_id", "adgroup_id", "ad_id", "test",
}

// wording are the usual names of parameters, in any spelling that plain makes
// one, by what they mean; the first that is filled stands.
type wording map[string][]string

// templateOptions are those of the types whose users compose what is sent.
type templateOptions struct {
	signature.GuardOptions
	rule
	Fields map[string]string `json:"fields"`
}

// newTemplated reads the options into the struct that into points to, of which
// o is a part.
func newTemplated(config ingest.SourceConfig, into any, o *templateOptions, usual wording, attrs ...string) (*signature.Guard, *template, error) {
	if err := config.DecodeOptions(into); err != nil {
		return nil, nil, err
	}
	guard, err := signature.NewGuard(config, o.GuardOptions)
	if err != nil {
		return nil, nil, err
	}
	t, err := newTemplate(config, o.Fields, usual, attrs...)
	if err != nil {
		return nil, nil, err
	}
	return guard, t, o.check(true)
}

// place is what a parameter's name stands for.
type place struct {
	meaning string
	order   int  // of its wording; the smaller one goes first
	attr    bool // kept under its meaning as a name, for it is not personal
}

// template reads the parameters of one source. It is safe for concurrent use.
type template struct {
	exact, usual map[string]place
	location     *time.Location
}

// newTemplate checks the option fields. What attrs names ("revenue", or
// "ga_client_id=clientId" to keep it by another name) is kept as attributes, and
// everything else that is not known as answers, for it may be personal.
func newTemplate(config ingest.SourceConfig, mapped map[string]string, usual wording, attrs ...string) (*template, error) {
	t := &template{exact: map[string]place{}, usual: map[string]place{}, location: config.Location}
	for _, attr := range attrs {
		name, param, renamed := strings.Cut(attr, "=")
		if !renamed {
			param = name
		}
		t.usual[plain(param)] = place{meaning: name, attr: true}
	}
	for _, name := range tagNames {
		t.usual[plain(name)] = place{meaning: name}
	}
	for meaning, names := range usual {
		for i, name := range names {
			if _, ok := mapped[meaning]; !ok {
				t.usual[plain(name)] = place{meaning: meaning, order: i + 1}
			}
		}
	}
	for _, meaning := range slices.Sorted(maps.Keys(mapped)) {
		if _, ok := usual[meaning]; !ok && !slices.Contains(meanings, meaning) && !slices.Contains(tagNames, meaning) {
			return nil, fmt.Errorf("options.fields: unknown field %q (known: %s, utm parameters and click ids)",
				meaning, strings.Join(meanings, ", "))
		}
		name := mapped[meaning]
		if other, ok := t.exact[name]; ok || name == "" {
			return nil, fmt.Errorf("options.fields.%s: empty, or mapped to %s too", meaning, cmp.Or(other.meaning, "nothing"))
		}
		t.exact[name] = place{meaning: meaning}
	}
	return t, nil
}

// tagNames are the utm parameters and click ids.
var tagNames = append([]string{"utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"}, ingest.ClickIDParams[:]...)

// told is what a delivery says by its parameters.
type told struct {
	values         map[string]string // by meaning
	attrs, answers map[string]string
	tagging        ingest.Tagging
}

// read reads a delivery. Errors: ErrMalformed, ErrTooLarge (wrapped).
func (t *template) read(d *ingest.Delivery) (*told, error) {
	sent, err := parameters(d)
	if err != nil {
		return nil, err
	}
	said := &told{values: map[string]string{}, attrs: map[string]string{}, answers: map[string]string{}}
	orders := make(map[string]int)
	for _, field := range sent {
		value := filled(field.Values)
		if value == "" {
			continue
		}
		at, known := t.exact[field.Name]
		if !known {
			at, known = t.usual[plain(field.Name)]
		}
		switch {
		case !known:
			said.answers[field.Name] = value
		case at.attr:
			said.attrs[at.meaning] = value
		case normalize.AddTag(&said.tagging, at.meaning, value):
		default:
			if order, ok := orders[at.meaning]; !ok || at.order < order {
				said.values[at.meaning], orders[at.meaning] = value, at.order
			}
		}
	}
	return said, nil
}

// filled returns the first value that is one: a placeholder that the provider
// did not fill in is none.
func filled(values []string) string {
	for _, value := range values {
		value = strings.TrimSpace(value)
		switch lower := strings.ToLower(value); {
		case value == "", lower == "null", lower == "undefined", normalize.Macro(value):
		case strings.Contains(lower, "[tag:"), strings.Contains(lower, "[call:"): // Ringba's, inside a text
		default:
			return value
		}
	}
	return ""
}

func (s *told) text(meaning string) text { return text(s.values[meaning]) }

// call makes the call part of a lead.
func (s *told) call() *ingest.Call {
	call := &ingest.Call{
		Duration:       s.text("duration").seconds(),
		TalkTime:       s.text("talk_time").seconds(),
		Answered:       s.text("answered").flag(),
		Voicemail:      s.text("voicemail").flag(),
		FirstCall:      s.text("first_call").flag(),
		Direction:      direction(s.values["direction"]),
		TrackingNumber: s.values[trackingNumber],
		RecordingURL:   s.values[recordingURL],
	}
	if again := s.text("repeat").flag(); call.FirstCall == nil && again != nil {
		first := !*again
		call.FirstCall = &first
	}
	settle(call, s.values[status])
	return call
}

// settle says whether a call was answered where the sender does not say it in
// so many words: by its state, or because somebody talked.
func settle(call *ingest.Call, state string) {
	if call.Answered == nil {
		call.Answered = answered(state)
	}
	if yes := call.TalkTime != nil && *call.TalkTime > 0; yes && call.Answered == nil {
		call.Answered = &yes
	}
}

// lead makes a lead of everything but the call.
func (s *told) lead() *ingest.Lead {
	if state := s.values[status]; state != "" {
		s.attrs[status] = state
	}
	return &ingest.Lead{
		ExternalID: s.values[callID],
		Person: ingest.Person{
			Phone: s.values[phone], Email: s.values["email"], Name: s.values["name"], FirstName: s.values["first_name"],
			LastName: s.values["last_name"], Company: s.values["company"], Message: s.values["message"], Answers: s.answers,
		},
		VisitorID: s.values["visitor_id"], PageURL: s.values["page_url"], Referrer: s.values["referrer"],
		CampaignID: s.values["campaign_id"], AdgroupID: s.values["adgroup_id"], AdID: s.values["ad_id"],
		Tagging: s.tagging, Attrs: s.attrs, Test: isTrue(s.text("test").flag()),
	}
}

// event makes the event of a lead by the call's id.
func (t *template) event(s *told, lead *ingest.Lead) (ingest.Event, error) {
	event := ingest.Event{Kind: ingest.LeadKind, Key: s.values[callID], Mutable: true, Lead: lead}
	if event.Key == "" {
		return event, fmt.Errorf("%w: no id of the call; have it sent, and name it in options.fields.id", ingest.ErrMalformed)
	}
	at := s.values[occurredAt]
	if at == "" {
		return event, nil
	}
	var err error
	if event.OccurredAt, event.Zone, err = t.time(at); err != nil {
		return event, fmt.Errorf("%w: the time of the call: %w", ingest.ErrMalformed, err)
	}
	return event, nil
}

// time reads what normalize.Time does, and the American way of writing.
func (t *template) time(at string) (time.Time, string, error) {
	for _, layout := range []string{"01/02/2006 03:04:05 PM", "1/2/2006 3:04:05 PM", "1/2/2006 15:04:05"} {
		if len(at) > 2*len(layout) {
			break
		}
		if local, err := time.ParseInLocation(layout, at, t.location); err == nil {
			return local.UTC(), t.location.String(), nil
		}
	}
	return normalize.Time(at, t.location)
}

// parameters returns what a delivery carries: the parameters of its body, and
// those of its query that the body does not have. A GET has a query only.
func parameters(d *ingest.Delivery) ([]fields.Field, error) {
	_, query, _ := strings.Cut(d.URL, "?")
	asked, err := urlencoded(query)
	if err != nil || d.Method == "GET" || len(d.Body) == 0 {
		return without(asked, ingest.CredentialParams), err
	}
	sent, err := bodyFields(d)
	if err != nil {
		return nil, err
	}
	known := slices.Clone(ingest.CredentialParams)
	for _, field := range sent {
		if filled(field.Values) != "" {
			known = append(known, field.Name)
		}
	}
	return append(sent, without(asked, known)...), nil
}

func without(list []fields.Field, names []string) []fields.Field {
	return slices.DeleteFunc(list, func(f fields.Field) bool { return slices.Contains(names, f.Name) })
}

func urlencoded(text string) ([]fields.Field, error) {
	d := &ingest.Delivery{Header: map[string][]string{"Content-Type": {"application/x-www-form-urlencoded"}}, Body: []byte(text)}
	return fields.Parse(d)
}

// bodyFields reads a body by what it looks like: templates are sent under
// whatever type their user set, or none.
func bodyFields(d *ingest.Delivery) ([]fields.Field, error) {
	body := strings.TrimLeft(string(d.Body), "\ufeff \t\r\n")
	media, _, err := fields.MediaOf(d)
	switch {
	case strings.HasPrefix(body, "{"):
		return lenientJSON(body)
	case err == nil && media == fields.Multipart:
		return fields.Parse(d)
	case strings.Contains(body, "="):
		return urlencoded(body)
	}
	return nil, fmt.Errorf("%w: the body is neither a form nor a JSON object", ingest.ErrMalformed)
}
