package ads

import (
	"fmt"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/normalize"
	"github.com/leadgate/leadgate/sources/signature"
)

// Snapchat is the source type "snapchat": the leads of Snapchat's lead generation
// ads, https://developers.snap.com/api/marketing-api/Ads-API/lead-generation-ads.
//
// That page names the kinds of questions; the flat names of what is sent, and the
// signature (headers t and signature), are known from other people's receivers
// only. So either is taken, a right signature or the secret: see timedOptions.
// Besides those its option is:
//
//	fields   meaning -> name of the field, where the name does not say it
type Snapchat struct{ *timedForm }

// NewSnapchat is the constructor of the type "snapchat".
func NewSnapchat(config ingest.SourceConfig) (ingest.Source, error) {
	form, err := openTimedForm(config)
	if err != nil {
		return nil, err
	}
	return &Snapchat{form}, nil
}

// Verify checks the signature, or the secret.
func (s *Snapchat) Verify(d *ingest.Delivery) error {
	if !s.asksSignature(len(d.Header["Signature"]) > 0) {
		return s.Guard.Verify(d)
	}
	t, err := signature.Header(d, "T")
	if err != nil {
		return err
	}
	signed, err := signature.Header(d, "Signature")
	if err != nil {
		return err
	}
	return s.verify(d, t, signed)
}

// snapchatFacts are the fields that are no answers, under the names they are kept
// by: those of attributes, or those that the lead has a place for.
var snapchatFacts = map[string]bool{
	"lead_id": true, "create_time": true, "form_id": true, "form_name": true, "ad_account_id": true,
	"campaign_id": true, "campaign_name": true, "ad_squad_id": true, "ad_squad_name": true,
	"ad_id": true, "ad_name": true, "strategy_type": true,
}

// Decode reads one lead.
func (s *Snapchat) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	value, err := fields.ParseJSON(d.Body)
	if err != nil {
		return nil, err
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%w: the body is not the JSON object of a lead", ingest.ErrMalformed)
	}
	sent, err := fields.Flatten(object)
	if err != nil {
		return nil, err
	}
	facts := make(map[string]text, len(snapchatFacts))
	a := answers{mapping: s.mapping}
	for _, field := range sent {
		if name := normalize.Key(field.Name); snapchatFacts[name] && !s.mapping.Names(field.Name) {
			facts[name] = text(field.Values[0])
			continue
		}
		a.add(field.Name, field.Values...)
	}
	id := facts["lead_id"].id()
	if id == "" {
		return nil, fmt.Errorf("%w: no lead_id", ingest.ErrMalformed)
	}
	lead := s.mapping.Read(a.fields()).Lead
	lead.ExternalID = id
	lead.FormID, lead.FormName = facts["form_id"].id(), string(facts["form_name"])
	lead.CampaignID, lead.AdgroupID, lead.AdID = facts["campaign_id"].id(), facts["ad_squad_id"].id(), facts["ad_id"].id()
	lead.Platform = paidOn("snapchat", lead)
	lead.Attrs = make(map[string]string)
	for _, name := range [...]string{"ad_account_id", "campaign_name", "ad_squad_name", "ad_name", "strategy_type"} {
		lead.Attrs[name] = facts[name].id()
	}
	event := ingest.Event{Kind: ingest.LeadKind, Key: id, Lead: lead}
	return []ingest.Event{event}, occurred(&event, "create_time", facts["create_time"], s.config.Location)
}
