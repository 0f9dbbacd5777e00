package calls

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/normalize"
	"github.com/leadgate/leadgate/sources/signature"
)

// WhatConverts is the source type "whatconverts": calls, forms, chats and other
// leads, posted when they are new and whenever they change:
// https://www.whatconverts.com/help/docs/automations-and-advanced-systems/webhooks/what-are-webhooks
//
// It does not sign: its secret is a token in the URL (or see signature.Guard).
// Its options, besides those of the guard:
//
//	min_duration, answered_only, first_time_only, outbound
//	              which calls are leads (see the package)
//	lead_types    the lead types to take, such as "Phone Call" and "Web Form"
//	              (all)
//
// last_updated says which post is the later one. An update "sends the updated
// fields along with common lead variables": one that tells neither who it is about
// nor from which number is ignored, for it would blank what is known. What
// it calls source, medium, campaign, keyword and content stands for the utm
// fields, "(direct)" and "(none)" for nothing. A call by a lead that is
// "Unique" counts as the caller's first. Uncertain: the names of duration,
// recording and click ids, which its webhook page does not show; those of its
// API are read.
type WhatConverts struct {
	*signature.Guard
	config  ingest.SourceConfig
	options whatConvertsOptions
}

type whatConvertsOptions struct {
	signature.GuardOptions
	rule
	LeadTypes []string `json:"lead_types"`
}

// NewWhatConverts is the constructor of the type "whatconverts".
func NewWhatConverts(config ingest.SourceConfig) (ingest.Source, error) {
	w := &WhatConverts{config: config}
	err := config.DecodeOptions(&w.options)
	if err == nil {
		w.Guard, err = signature.NewGuard(config, w.options.GuardOptions)
	}
	if err != nil {
		return nil, err
	}
	return w, w.options.check(true)
}

// whatConvertsPayload is what is read of a lead.
type whatConvertsPayload struct {
	Trigger         text            `json:"trigger"`
	LeadID          text            `json:"lead_id"`
	LeadType        text            `json:"lead_type"`
	LeadStatus      text            `json:"lead_status"`
	LeadState       text            `json:"lead_state"`
	LeadScore       text            `json:"lead_score"`
	LeadAnalysis    json.RawMessage `json:"lead_analysis"`
	LastUpdated     text            `json:"last_updated"`
	DateCreated     text            `json:"date_created"`
	Quotable        text            `json:"quotable"`
	QuoteValue      text            `json:"quote_value"`
	SalesValue      text            `json:"sales_value"`
	SpottedKeywords text            `json:"spotted_keywords"`
	Profile         text            `json:"profile"`
	ProfileID       text            `json:"profile_id"`
	AccountID       text            `json:"account_id"`
	UserID          text            `json:"user_id"`
	LeadURL         text            `json:"lead_url"`
	LandingURL      text            `json:"landing_url"`
	DeviceType      text            `json:"device_type"`
	Source          text            `json:"lead_source"`
	Medium          text            `json:"lead_medium"`
	Campaign        text            `json:"lead_campaign"`
	Content         text            `json:"lead_content"`
	Keyword         text            `json:"lead_keyword"`
	GCLID           text            `json:"gclid"`
	MSCLKID         text            `json:"msclkid"`
	FBCLID          text            `json:"fbclid"`
	ContactName     text            `json:"contact_name"`
	ContactCompany  text            `json:"contact_company_name"`
	ContactEmail    text            `json:"contact_email_address"`
	ContactPhone    text            `json:"contact_phone_number"`
	Email           text            `json:"email_address"`
	Phone           text            `json:"phone_number"`
	City            text            `json:"city"`
	State           text            `json:"state"`
	Zip             text            `json:"zip"`
	Country         text            `json:"country"`
	Notes           text            `json:"notes"`
	Message         text            `json:"message"`
	Spam            text            `json:"spam"`
	Additional      json.RawMessage `json:"additional_fields"`
	Mappings        json.RawMessage `json:"field_mappings"`

	CallStatus     text `json:"call_status"`
	PhoneName      text `json:"phone_name"`
	TrackingNumber text `json:"tracking_number"`
	Destination    text `json:"destination_number"`
	CallerNumber   text `json:"caller_number"`
	CallerName     text `json:"caller_name"`
	LineType       text `json:"line_type"`
	Duration       text `json:"call_duration_seconds"`
	DurationText   text `json:"call_duration"`
	TalkTime       text `json:"answer_duration_seconds"`
	Voicemail      text `json:"voicemail"`
	Recording      text `json:"recording"`
	PlayRecording  text `json:"play_recording"`
}

// Decode reads one lead.
func (w *WhatConverts) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	var p whatConvertsPayload
	if err := json.Unmarshal(d.Body, &p); err != nil {
		return nil, fmt.Errorf("%w: the body is not the JSON of a WhatConverts lead", ingest.ErrMalformed)
	}
	if p.LeadID == "" {
		return nil, fmt.Errorf("%w: no lead_id", ingest.ErrMalformed)
	}
	taken := func(t string) bool { return strings.EqualFold(t, string(p.LeadType)) }
	if len(w.options.LeadTypes) > 0 && !slices.ContainsFunc(w.options.LeadTypes, taken) {
		return nil, ingest.Ignored("a lead type that is not in options.lead_types")
	}
	if p.Trigger == "update" && p.anonymous() {
		return nil, ingest.Ignored("an update that has only what changed")
	}
	lead, err := p.lead()
	if err != nil {
		return nil, err
	}
	if strings.Contains(strings.ToLower(string(p.LeadType)), "call") || p.LeadType == "" && p.CallerNumber != "" {
		lead.Call = p.call()
		if err := w.options.ask(lead.Call); err != nil {
			return nil, err
		}
	}
	event := ingest.Event{Kind: ingest.LeadKind, Key: string(p.LeadID), Mutable: true, Lead: lead}
	if p.DateCreated != "" {
		if event.OccurredAt, event.Zone, err = normalize.Time(string(p.DateCreated), w.config.Location); err != nil {
			return nil, fmt.Errorf("%w: date_created: %w", ingest.ErrMalformed, err)
		}
	}
	if updated, _, err := normalize.Time(string(p.LastUpdated), w.config.Location); err == nil {
		event.Version = uint64(updated.UnixMicro())
	}
	return []ingest.Event{event}, nil
}

// anonymous tells whether the post says nothing of a person.
func (p *whatConvertsPayload) anonymous() bool {
	return cmp.Or(p.ContactEmail, p.Email, p.ContactPhone, p.Phone, p.CallerNumber, p.ContactName) == ""
}

func (p *whatConvertsPayload) call() *ingest.Call {
	call := &ingest.Call{
		Duration: p.Duration.seconds(), TalkTime: p.TalkTime.seconds(), Voicemail: p.Voicemail.flag(), Direction: "inbound",
		TrackingNumber: string(p.TrackingNumber), RecordingURL: string(cmp.Or(p.Recording, p.PlayRecording)),
	}
	if call.Duration == nil {
		call.Duration = p.DurationText.seconds()
	}
	if p.LeadStatus != "" {
		unique := strings.EqualFold(string(p.LeadStatus), "unique")
		call.FirstCall = &unique
	}
	settle(call, string(p.CallStatus))
	return call
}

// lead reads everything but the call.
func (p *whatConvertsPayload) lead() (*ingest.Lead, error) {
	lead := &ingest.Lead{ExternalID: string(p.LeadID), PageURL: string(cmp.Or(p.LeadURL, p.LandingURL))}
	lead.Person = ingest.Person{
		Name: string(cmp.Or(p.ContactName, p.CallerName)), Company: string(p.ContactCompany),
		Email: string(cmp.Or(p.ContactEmail, p.Email)), Phone: string(cmp.Or(p.ContactPhone, p.Phone, p.CallerNumber)),
		Message: string(p.Message),
		Answers: named(map[string]text{
			"city": p.City, "state": p.State, "zip": p.Zip, "country": p.Country, "notes": p.Notes, "caller_name": p.CallerName,
			"spotted_keywords": p.SpottedKeywords,
		}),
	}
	for _, more := range []json.RawMessage{p.Additional, p.Mappings, p.LeadAnalysis} {
		if err := attach(lead.Person.Answers, more); err != nil {
			return nil, err
		}
	}
	for name, value := range map[string]text{
		"utm_source": visited(p.Source), "utm_medium": visited(p.Medium), "utm_campaign": visited(p.Campaign),
		"utm_content": visited(p.Content), "utm_term": visited(p.Keyword),
		"gclid": p.GCLID, "msclkid": p.MSCLKID, "fbclid": p.FBCLID,
	} {
		normalize.AddTag(&lead.Tagging, name, string(value))
	}
	lead.Tagging = normalize.Merge(lead.Tagging, normalize.Tagging(string(p.LandingURL)))
	if isTrue(p.Spam.flag()) || strings.EqualFold(string(p.LeadStatus), "spam") {
		lead.SpamReasons = []string{"whatconverts"}
	}
	lead.Attrs = named(map[string]text{
		"action": p.Trigger, "lead_type": p.LeadType, "lead_status": p.LeadStatus, "lead_state": p.LeadState,
		"lead_score": p.LeadScore, "call_status": p.CallStatus, "phone_name": p.PhoneName, "line_type": p.LineType,
		"destination_number": p.Destination, "quotable": p.Quotable, "quote_value": p.QuoteValue, "sales_value": p.SalesValue,
		"profile": p.Profile, "profile_id": p.ProfileID, "account_id": p.AccountID, "user_id": p.UserID, "device_type": p.DeviceType,
	})
	return lead, nil
}
