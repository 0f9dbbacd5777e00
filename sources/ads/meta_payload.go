package ads

import (
	"cmp"
	"strings"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
)

// metaLead is a lead as the Graph API has it. Without the parameter fields it
// answers with id, created_time and field_data alone.
type metaLead struct {
	ID             text `json:"id"`
	CreatedAt      text `json:"created_time"`
	AdID           text `json:"ad_id"`
	AdName         text `json:"ad_name"`
	AdsetID        text `json:"adset_id"`
	AdsetName      text `json:"adset_name"`
	CampaignID     text `json:"campaign_id"`
	CampaignName   text `json:"campaign_name"`
	FormID         text `json:"form_id"`
	Organic        text `json:"is_organic"`
	Platform       text `json:"platform"` // fb or ig
	PartnerName    text `json:"partner_name"`
	RetailerItemID text `json:"retailer_item_id"`
	Disclaimers    fields.Few[struct {
		Key     text `json:"checkbox_key"`
		Checked text `json:"is_checked"`
	}] `json:"custom_disclaimer_responses"`
	Answers fields.Few[struct {
		Name   text  `json:"name"`
		Values texts `json:"values"`
	}] `json:"field_data"`
}

// fetched reads a lead that the Graph API answered with.
func (m *Meta) fetched(d *ingest.Delivery) ([]ingest.Event, error) {
	reference, err := asked(d)
	if err != nil {
		return nil, err
	}
	var p metaLead
	if err := decode(d.Body, "a lead of the Graph API", &p); err != nil {
		return nil, err
	}
	id, err := answeredID(p.ID.id(), reference)
	if err != nil {
		return nil, err
	}
	sent, test := p.answers(m.mapping)
	lead := m.mapping.Read(sent).Lead
	lead.ExternalID, lead.Test = id, lead.Test || test
	lead.FormID = cmp.Or(p.FormID.id(), reference.Args["form_id"], lead.FormID)
	lead.CampaignID = cmp.Or(p.CampaignID.id(), lead.CampaignID)
	lead.AdgroupID = cmp.Or(p.AdsetID.id(), lead.AdgroupID)
	lead.AdID = cmp.Or(p.AdID.id(), lead.AdID)
	if p.Organic != "true" && p.Organic != "1" {
		lead.Platform = paidOn("facebook", lead)
	}
	lead.Attrs = p.attrs()
	lead.Attrs["page_id"] = reference.Args["page_id"]
	event := ingest.Event{Kind: ingest.LeadKind, Key: id, Mutable: true, Lead: lead}
	return []ingest.Event{event}, occurred(&event, "created_time", p.CreatedAt, m.config.Location)
}

func (p *metaLead) attrs() map[string]string {
	attrs := map[string]string{
		"campaign_name": string(p.CampaignName), "adset_name": string(p.AdsetName), "ad_name": string(p.AdName),
		"platform": string(p.Platform), "is_organic": string(p.Organic),
		"partner_name": string(p.PartnerName), "retailer_item_id": string(p.RetailerItemID),
	}
	for _, box := range p.Disclaimers {
		if box.Key != "" {
			attrs["consent_"+string(box.Key)] = yesNo(box.Checked)
		}
	}
	return attrs
}

// yesNo is a flag in the one spelling: Meta writes 1 and "", others true and false.
func yesNo(flag text) string {
	if flag == "1" || flag == "true" {
		return "true"
	}
	return "false"
}

// answers also tells whether it is a lead of the testing tool. Its dummy texts
// are left out: they are no numbers and addresses, and would be invalid as such.
func (p *metaLead) answers(mapping *fields.Mapping) (list []fields.Field, test bool) {
	a := answers{mapping: mapping}
	for _, answer := range p.Answers {
		for _, value := range answer.Values {
			switch {
			case strings.Contains(strings.ToLower(value), "test lead: dummy data"):
				test = true
				continue
			case strings.EqualFold(value, "test@fb.com"), strings.EqualFold(value, "test@meta.com"):
				test = true
			}
			a.add(string(answer.Name), value)
		}
	}
	return a.fields(), test
}
