package calls

import (
	"cmp"
	"crypto"
	"encoding/json"
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

// CallRail is the source type "callrail": calls, text messages and forms as
// https://apidocs.callrail.com/#webhooks describes them, signed as under
// https://apidocs.callrail.com/#validating-payloads. Its secrets are the
// companies' signing keys; its options:
//
//	min_duration, answered_only, first_time_only, outbound
//	             which calls are leads (see the package)
//	tolerance    how old or early a delivery's timestamp may be, as "24h";
//	             "0s", the default, is any time
//
// The timestamp is no time of sending: it is derived from the call's start,
// while "call modified" comes whenever somebody tags a call, days later, and a
// refused delivery is not sent again. What a replay could do without the check
// is to restate one call.
type CallRail struct {
	config    ingest.SourceConfig
	options   callRailOptions
	tolerance time.Duration
}

type callRailOptions struct {
	rule
	Tolerance string `json:"tolerance"`
}

// NewCallRail returns a source of type "callrail". Errors name the
// configuration key.
func NewCallRail(config ingest.SourceConfig) (ingest.Source, error) {
	c := &CallRail{config: config}
	if err := config.RequireSecrets(); err != nil {
		return nil, err
	}
	if err := config.DecodeOptions(&c.options); err != nil {
		return nil, err
	}
	var err error
	if c.tolerance, err = tolerance(c.options.Tolerance, "0s"); err != nil {
		return nil, err
	}
	if err := c.options.check(true); err != nil {
		return nil, err
	}
	return c, nil
}

// Verify checks the signature over the raw body, and, if a tolerance is set,
// the timestamp in it against the time of receipt.
func (c *CallRail) Verify(d *ingest.Delivery) error {
	header, err := signature.Header(d, "Signature")
	if err != nil {
		return err
	}
	received, err := signature.Base64(header)
	if err != nil {
		return err
	}
	if err := signature.HMAC(crypto.SHA1, c.config.Secrets, received, d.Body); err != nil || c.tolerance == 0 {
		return err
	}
	var claim struct {
		Timestamp text `json:"timestamp"`
	}
	if err := json.Unmarshal(d.Body, &claim); err != nil {
		return fmt.Errorf("%w: the body is not JSON and tells no timestamp", ingest.ErrUnverified)
	}
	at, _, err := normalize.Time(string(claim.Timestamp), c.config.Location)
	if err != nil {
		return fmt.Errorf("%w: the body's timestamp cannot be read", ingest.ErrUnverified)
	}
	return signature.Within(d.ReceivedAt, at, c.tolerance)
}

// Decode reads one call, text message or form.
func (c *CallRail) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	var p callRailPayload
	if err := json.Unmarshal(d.Body, &p); err != nil {
		return nil, fmt.Errorf("%w: the body is not the JSON of a CallRail webhook", ingest.ErrMalformed)
	}
	id := identity(cmp.Or(p.ID, p.ResourceID))
	if id == "" {
		return nil, fmt.Errorf("%w: neither id nor resource_id", ingest.ErrMalformed)
	}
	lead, key, err := &ingest.Lead{}, id, error(nil)
	switch {
	case len(p.FormData) > 0:
		key, err = "form:"+id, p.form(lead)
	case p.SourceNumber != "" || p.MessageType != "":
		key, err = "text:"+id, p.message(lead)
	default:
		err = c.call(&p, lead)
	}
	if err != nil {
		return nil, err
	}
	lead.ExternalID = id
	p.visit(lead)
	event := ingest.Event{Kind: ingest.LeadKind, Key: key, Mutable: true, Lead: lead}
	at, zone := cmp.Or(p.StartTime, p.SubmittedAt, p.CreatedAt, p.Timestamp), c.config.Location
	if at == "" {
		at, zone = p.DateTime, time.UTC // the one time that is written without its offset
	}
	if at != "" {
		if event.OccurredAt, event.Zone, err = normalize.Time(string(at), zone); err != nil {
			return nil, fmt.Errorf("%w: the time of the call: %w", ingest.ErrMalformed, err)
		}
	}
	return []ingest.Event{event}, nil
}

// call reads a call and asks the rules whether it is a lead.
func (c *CallRail) call(p *callRailPayload, lead *ingest.Lead) error {
	direction := string(cmp.Or(p.Direction, "inbound"))
	if p.CallType == "outbound" {
		direction = "outbound"
	}
	lead.Person = ingest.Person{
		Name:    string(cmp.Or(p.CustomerName, p.CallerName)),
		Phone:   string(cmp.Or(p.CustomerPhone, p.CustomerNum, p.CallerNum)),
		Answers: p.answers(),
	}
	lead.Call = &ingest.Call{
		Duration:       p.Duration.seconds(),
		Answered:       p.Answered.flag(),
		Voicemail:      p.Voicemail.flag(),
		FirstCall:      p.FirstCall.flag(),
		Direction:      direction,
		TrackingNumber: string(cmp.Or(p.TrackingPhone, p.TrackingNum)),
		RecordingURL:   string(p.Recording),
	}
	return c.options.ask(lead.Call)
}

// message reads a text message that a tracking number received.
func (p *callRailPayload) message(lead *ingest.Lead) error {
	if p.Agent != "" {
		return ingest.Ignored("a text message that was sent, not received")
	}
	lead.Person.Phone, lead.Person.Message = string(p.SourceNumber), string(p.Content)
	lead.Call = &ingest.Call{Direction: "inbound", TrackingNumber: string(p.DestinationNumber)}
	return nil
}

// form reads a form of the advertiser's site that CallRail watched.
func (p *callRailPayload) form(lead *ingest.Lead) error {
	value, err := fields.ParseJSON(p.FormData)
	if err != nil {
		return err
	}
	object, ok := value.(map[string]any)
	if !ok {
		return fmt.Errorf("%w: form_data is not an object", ingest.ErrMalformed)
	}
	sent, err := fields.Flatten(object)
	if err != nil {
		return err
	}
	slices.SortFunc(sent, func(a, b fields.Field) int { return strings.Compare(a.Name, b.Name) })
	*lead = *new(fields.Mapping).Read(sent).Lead
	lead.PageURL = cmp.Or(lead.PageURL, string(p.FormURL))
	return nil
}

// visit adds where the caller came from, and what CallRail has to say besides.
func (p *callRailPayload) visit(lead *ingest.Lead) {
	lead.PageURL = cmp.Or(lead.PageURL, string(cmp.Or(p.LandingPageURL, p.LandingPage)))
	lead.Referrer = cmp.Or(lead.Referrer, string(cmp.Or(p.ReferringURL, p.Referrer)))
	for name, value := range map[string]text{
		"utm_source": p.UTMSource, "utm_medium": p.UTMMedium, "utm_campaign": p.UTMCampaign,
		"utm_term": p.UTMTerm, "utm_content": p.UTMContent, "gclid": p.GCLID, "fbclid": p.FBCLID, "msclkid": p.MSCLKID,
	} {
		normalize.AddTag(&lead.Tagging, name, string(value))
	}
	if isTrue(p.Spam.flag()) {
		lead.SpamReasons = append(lead.SpamReasons, "callrail")
	}
	attrs := map[string]string{
		"resource_id": string(p.ResourceID), "call_type": string(p.CallType), "lead_status": string(p.LeadStatus),
		"source_name": string(cmp.Or(p.SourceName, p.Source)), "medium": string(p.Medium), "campaign": string(p.Campaign),
		"keywords": string(p.Keywords), "value": string(p.Value), "company_id": string(cmp.Or(p.CompanyID, p.CompanyResourceID)),
		"tracker_id": string(cmp.Or(p.TrackerID, p.TrackerResourceID)), "tags": p.tags(),
	}
	maps.DeleteFunc(attrs, func(_, value string) bool { return value == "" })
	lead.Attrs = attrs
}

func (p *callRailPayload) tags() string {
	var names []string
	if json.Unmarshal(p.Tags, &names) != nil {
		return ""
	}
	return strings.Join(names, ", ")
}

func (p *callRailPayload) answers() map[string]string {
	answers := map[string]string{
		"city": string(p.CustomerCity), "state": string(p.CustomerState), "country": string(p.CustomerCountry),
		"note": string(p.Note), "transcription": string(p.Transcription),
	}
	maps.DeleteFunc(answers, func(_, value string) bool { return value == "" })
	return answers
}
