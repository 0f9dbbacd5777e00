package calls

import (
	"cmp"
	"crypto"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/normalize"
	"github.com/leadgate/leadgate/sources/signature"
)

// CallTrackingMetrics is the source type "calltrackingmetrics": calls, text
// messages and forms, posted when they begin, end and change:
// https://www.calltrackingmetrics.com/support/integrations-account-management/webhooks-api/webhooks-api-integration/
//
// Its secrets are the accounts' API secrets; hooks of a sub-account have been
// seen to be signed with another one. Its options:
//
//	min_duration, answered_only, first_time_only, outbound
//	             which calls are leads (see the package)
//	tolerance    how old or early X-CTM-Time may be ("30m"; "0s" is any time)
//
// The fields are those of its API; which of them a hook carries is its user's
// choice. Where it sends no utm fields, its own source, medium, campaign and
// keyword stand for them. A call that is not over ranks below every later state
// of it. Uncertain: the form in which X-CTM-Time is written (seconds and all
// that normalize.Time reads are taken), and how new callers are marked.
type CallTrackingMetrics struct {
	config    ingest.SourceConfig
	options   ctmOptions
	tolerance time.Duration
}

type ctmOptions struct {
	rule
	Tolerance string `json:"tolerance"`
}

// NewCallTrackingMetrics is the constructor of the type "calltrackingmetrics".
func NewCallTrackingMetrics(config ingest.SourceConfig) (ingest.Source, error) {
	c := &CallTrackingMetrics{config: config}
	if err := config.RequireSecrets(); err != nil {
		return nil, err
	}
	if err := config.DecodeOptions(&c.options); err != nil {
		return nil, err
	}
	var err error
	if c.tolerance, err = tolerance(c.options.Tolerance, "30m"); err != nil {
		return nil, err
	}
	return c, c.options.check(true)
}

// Verify checks the signature over X-CTM-Time and the body, joined without
// anything between them, and then the time.
func (c *CallTrackingMetrics) Verify(d *ingest.Delivery) error {
	stamp, err := signature.Header(d, "X-Ctm-Time")
	if err != nil {
		return err
	}
	header, err := signature.Header(d, "X-Ctm-Signature")
	if err != nil {
		return err
	}
	received, err := signature.Base64Line(strings.TrimSpace(header))
	if err != nil {
		return err
	}
	if err := signature.HMAC(crypto.SHA1, c.config.Secrets, received, []byte(stamp), d.Body); err != nil || c.tolerance == 0 {
		return err
	}
	at, _, err := normalize.Time(stamp, time.UTC)
	if err != nil {
		return fmt.Errorf("%w: the time in X-CTM-Time cannot be read", ingest.ErrUnverified)
	}
	return signature.Within(d.ReceivedAt, at, c.tolerance)
}

// ctmPayload is what is read of an activity.
type ctmPayload struct {
	ID             text            `json:"id"`
	SID            text            `json:"sid"`
	AccountID      text            `json:"account_id"`
	Name           text            `json:"name"`
	Email          text            `json:"email"`
	CallerNumber   text            `json:"caller_number"`
	CallerFormat   text            `json:"caller_number_format"`
	TrackingNumber text            `json:"tracking_number"`
	TrackingLabel  text            `json:"tracking_label"`
	BusinessNumber text            `json:"business_number"`
	Direction      text            `json:"direction"`
	DialStatus     text            `json:"dial_status"`
	CallStatus     text            `json:"call_status"`
	Status         text            `json:"status"`
	Duration       text            `json:"duration"`
	TalkTime       text            `json:"talk_time"`
	RingTime       text            `json:"ring_time"`
	CalledAt       text            `json:"called_at"`
	UnixTime       text            `json:"unix_time"`
	NewCaller      text            `json:"is_new_caller"`
	Voicemail      text            `json:"voicemail"`
	Spam           text            `json:"spam"`
	Audio          text            `json:"audio"`
	Source         text            `json:"source"`
	Medium         text            `json:"medium"`
	Campaign       text            `json:"campaign"`
	Keyword        text            `json:"keyword"`
	UTMSource      text            `json:"utm_source"`
	UTMMedium      text            `json:"utm_medium"`
	UTMCampaign    text            `json:"utm_campaign"`
	UTMTerm        text            `json:"utm_term"`
	UTMContent     text            `json:"utm_content"`
	GCLID          text            `json:"gclid"`
	FBCLID         text            `json:"fbclid"`
	MSCLKID        text            `json:"msclkid"`
	Location       text            `json:"location"`
	Referrer       text            `json:"referrer"`
	VisitorSID     text            `json:"visitor_sid"`
	MessageID      text            `json:"message_id"`
	MessageBody    text            `json:"message_body"`
	City           text            `json:"city"`
	State          text            `json:"state"`
	PostalCode     text            `json:"postal_code"`
	Country        text            `json:"country"`
	Notes          text            `json:"notes"`
	Tags           json.RawMessage `json:"tag_list"`
	CustomFields   json.RawMessage `json:"custom_fields"`
}

// Decode reads one call, text message or form.
func (c *CallTrackingMetrics) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	var p ctmPayload
	if err := json.Unmarshal(d.Body, &p); err != nil {
		return nil, fmt.Errorf("%w: the body is not the JSON of a CallTrackingMetrics activity", ingest.ErrMalformed)
	}
	id := identity(cmp.Or(p.ID, p.SID, p.MessageID))
	if id == "" {
		return nil, fmt.Errorf("%w: neither id nor sid", ingest.ErrMalformed)
	}
	lead := p.lead(id)
	event := ingest.Event{Kind: ingest.LeadKind, Key: id, Mutable: true, Lead: lead}
	if err := attach(lead.Person.Answers, p.CustomFields); err != nil {
		return nil, err
	}
	state := string(cmp.Or(p.CallStatus, p.DialStatus, p.Status))
	switch way := strings.ToLower(string(p.Direction)); {
	case strings.HasPrefix(way, "msg") || p.MessageBody != "":
		if strings.HasSuffix(way, "outbound") {
			return nil, ingest.Ignored("a text message that was sent, not received")
		}
		lead.Person.Message = string(p.MessageBody)
		lead.Call = &ingest.Call{Direction: "inbound", TrackingNumber: string(p.TrackingNumber)}
	case way == "form" || way == "chat":
	default:
		lead.Call = p.call()
		if err := c.options.ask(lead.Call); err != nil {
			return nil, err
		}
		if underway(state) {
			event.Version = startedVersion
		}
	}
	var err error
	if at := string(cmp.Or(p.UnixTime, p.CalledAt)); at != "" {
		if event.OccurredAt, event.Zone, err = ctmTime(at, c.config.Location); err != nil {
			return nil, fmt.Errorf("%w: the time of the call: %w", ingest.ErrMalformed, err)
		}
	}
	return []ingest.Event{event}, nil
}

// ctmTime reads unix_time, or called_at, which is written as in
// "2026-01-05 06:00 AM -06:00".
func ctmTime(at string, loc *time.Location) (time.Time, string, error) {
	if t, err := time.Parse("2006-01-02 03:04 PM -07:00", at); err == nil && len(at) < 40 {
		return t.UTC(), t.Format("-07:00"), nil
	}
	return normalize.Time(at, loc)
}

func (p *ctmPayload) call() *ingest.Call {
	call := &ingest.Call{
		Duration: p.Duration.seconds(), TalkTime: p.TalkTime.seconds(), Voicemail: p.Voicemail.flag(),
		FirstCall: p.NewCaller.flag(), Direction: direction(string(p.Direction)),
		TrackingNumber: string(p.TrackingNumber), RecordingURL: string(p.Audio),
	}
	settle(call, string(cmp.Or(p.DialStatus, p.CallStatus, p.Status)))
	return call
}

// lead reads everything but the call.
func (p *ctmPayload) lead(id string) *ingest.Lead {
	lead := &ingest.Lead{ExternalID: id, VisitorID: string(p.VisitorSID), PageURL: string(p.Location), Referrer: string(p.Referrer)}
	lead.Person = ingest.Person{
		Name: string(p.Name), Email: string(p.Email), Phone: string(cmp.Or(p.CallerNumber, p.CallerFormat)),
		Answers: named(map[string]text{
			"city": p.City, "state": p.State, "postal_code": p.PostalCode, "country": p.Country, "notes": p.Notes,
		}),
	}
	tag := func(names map[string]text) {
		for name, value := range names {
			normalize.AddTag(&lead.Tagging, name, string(value))
		}
	}
	tag(map[string]text{
		"utm_source": p.UTMSource, "utm_medium": p.UTMMedium, "utm_campaign": p.UTMCampaign, "utm_term": p.UTMTerm,
		"utm_content": p.UTMContent, "gclid": p.GCLID, "fbclid": p.FBCLID, "msclkid": p.MSCLKID,
	})
	if p.UTMSource == "" && p.UTMMedium == "" && normalize.Tagging(lead.PageURL).Source == "" {
		tag(map[string]text{
			"utm_source": visited(p.Source), "utm_medium": visited(p.Medium),
			"utm_campaign": visited(p.Campaign), "utm_term": visited(p.Keyword),
		})
	}
	if isTrue(p.Spam.flag()) {
		lead.SpamReasons = []string{"calltrackingmetrics"}
	}
	lead.Attrs = named(map[string]text{
		"sid": p.SID, "account_id": p.AccountID, "status": cmp.Or(p.CallStatus, p.Status), "dial_status": p.DialStatus,
		"ring_time": p.RingTime, "tracking_label": p.TrackingLabel, "business_number": p.BusinessNumber,
		"source_name": p.Source, "medium": p.Medium, "campaign": p.Campaign, "keyword": p.Keyword, "tags": tags(p.Tags),
	})
	return lead
}

// visited is a value of a visit's source that says something: not "(direct)",
// "(none)" or "(not set)".
func visited(value text) text {
	if strings.HasPrefix(string(value), "(") {
		return ""
	}
	return value
}

// named returns the values that are filled.
func named(values map[string]text) map[string]string {
	kept := make(map[string]string, len(values))
	for name, value := range values {
		kept[name] = string(value)
	}
	maps.DeleteFunc(kept, func(_, value string) bool { return value == "" })
	return kept
}

// tags joins a list of texts.
func tags(list json.RawMessage) text {
	var names []string
	if json.Unmarshal(list, &names) != nil {
		return ""
	}
	return text(strings.Join(names, ", "))
}

// attach adds the values of a JSON object, whatever it holds, to answers; those
// that are there stand. Other JSON than objects is passed over.
func attach(answers map[string]string, raw json.RawMessage) error {
	if len(raw) == 0 || raw[0] != '{' {
		return nil
	}
	value, err := fields.ParseJSON(raw)
	if err != nil {
		return err
	}
	sent, err := fields.Flatten(value.(map[string]any))
	if err != nil {
		return err
	}
	for _, field := range sent {
		value := strings.Join(field.Values, ", ")
		if _, ok := answers[field.Name]; !ok && value != "" {
			answers[field.Name] = value
		}
	}
	return nil
}
