package ads

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/normalize"
	"github.com/leadgate/leadgate/sources/signature"
)

// keyMember is the member of the body that carries the shared secret.
const keyMember = "google_key"

// GoogleAds is the source type "google-ads": the webhook of Google Ads lead
// forms, https://developers.google.com/google-ads/webhook/docs/implementation.
// Its secrets are the form's keys. Google signs nothing: the key stands in the
// body, and is taken out before the delivery is kept.
type GoogleAds struct{ config ingest.SourceConfig }

// NewGoogleAds returns a source of type "google-ads". It has no options.
func NewGoogleAds(config ingest.SourceConfig) (ingest.Source, error) {
	if err := config.RequireSecrets(); err != nil {
		return nil, err
	}
	if err := config.DecodeOptions(&struct{}{}); err != nil {
		return nil, err
	}
	return &GoogleAds{config: config}, nil
}

// Verify compares the key in the body.
func (g *GoogleAds) Verify(d *ingest.Delivery) error {
	var claim struct {
		Key text `json:"google_key"`
	}
	if err := json.Unmarshal(d.Body, &claim); err != nil {
		return fmt.Errorf("%w: the body is not a JSON object with %s", ingest.ErrUnverified, keyMember)
	}
	return signature.Secret(g.config.Secrets, string(claim.Key))
}

// Redact removes the key from the body, and leaves every other byte.
func (g *GoogleAds) Redact(d *ingest.Delivery) { d.Body = withoutMember(d.Body, keyMember) }

// Respond answers {}, as Google asks for.
func (g *GoogleAds) Respond(*ingest.Delivery, []ingest.Event) ingest.Answer {
	return ingest.Answer{Status: 200, ContentType: "application/json", Body: []byte("{}")}
}

// Refuse answers as Google asks for, and with what its status does in mind: after
// a 4xx it never sends the lead again, after a 5xx it does. A wrong key is not
// mended by trying again; that we are too busy, or that the request came in too
// slowly, is.
func (g *GoogleAds) Refuse(r ingest.Refusal) (ingest.Answer, bool) {
	switch r.Status {
	case http.StatusTooManyRequests, http.StatusRequestTimeout:
		r.Status = http.StatusServiceUnavailable
	}
	body, err := json.Marshal(map[string]string{"message": r.Message})
	return ingest.Answer{Status: r.Status, ContentType: "application/json", Body: body}, err == nil
}

type googleLead struct {
	LeadID   text `json:"lead_id"`
	UserData fields.Few[struct {
		ID    text `json:"column_id"`
		Name  text `json:"column_name"`
		Value text `json:"string_value"`
	}] `json:"user_column_data"`
	FormID       text `json:"form_id"`
	CampaignID   text `json:"campaign_id"`
	AdgroupID    text `json:"adgroup_id"`
	CreativeID   text `json:"creative_id"`
	AssetGroupID text `json:"asset_group_id"`
	ClickID      text `json:"gcl_id"`
	Test         text `json:"is_test"`
	Stage        text `json:"lead_stage"`
	LeadSource   text `json:"lead_source"`
	SubmittedAt  text `json:"lead_submit_time"`
}

// Decode reads one lead.
func (g *GoogleAds) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	var p googleLead
	if err := json.Unmarshal(d.Body, &p); err != nil {
		return nil, fmt.Errorf("%w: the body is not the JSON of a lead", ingest.ErrMalformed)
	}
	if p.LeadID == "" {
		return nil, fmt.Errorf("%w: no lead_id", ingest.ErrMalformed)
	}
	lead := new(fields.Mapping).Read(p.answers()).Lead
	lead.ExternalID = string(p.LeadID)
	lead.FormID, lead.CampaignID = p.FormID.id(), p.CampaignID.id()
	lead.AdgroupID, lead.AdID = p.AdgroupID.id(), p.CreativeID.id()
	lead.Test, lead.Platform = p.Test == "true", "google"
	normalize.AddTag(&lead.Tagging, "gclid", string(p.ClickID))
	lead.Attrs = map[string]string{
		"asset_group_id": p.AssetGroupID.id(), "lead_stage": string(p.Stage), "lead_source": string(p.LeadSource),
	}
	event := ingest.Event{Kind: ingest.LeadKind, Key: string(p.LeadID), Lead: lead}
	if err := occurred(&event, "lead_submit_time", p.SubmittedAt, g.config.Location); err != nil {
		return nil, err
	}
	return []ingest.Event{event}, nil
}

// answers are under the ids of their columns. Questions of the advertiser's own
// have the text of the question instead, if it is told.
func (p *googleLead) answers() []fields.Field {
	var a answers
	for _, column := range p.UserData {
		a.add(columnName(string(column.ID), string(column.Name)), string(column.Value))
	}
	return a.fields()
}

// columnName returns the name that an answer is kept under. Google's own
// columns are in capitals: FULL_NAME, POSTAL_CODE. Forms of old told only the
// name: "User Email".
func columnName(id, name string) string {
	switch {
	case id != "" && (id == strings.ToUpper(id) || name == ""):
		return strings.ToLower(id)
	case name != "":
		return name
	}
	return ""
}
