package ads

import (
	"fmt"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/signature"
)

// TikTok is the source type "tiktok": the leads of instant forms and direct
// messages, which come whole.
//
// Subscription: https://business-api.tiktok.com/portal/docs?id=1751858054242306
// Signing: https://developers.tiktok.com/doc/webhooks-verification
//
// TikTok documents a signature for the webhooks of its other products only; lead
// subscriptions are said to come without one, so a token goes into the callback
// URL. A signature that comes nevertheless must be right. Whether an answer comes
// under the key or the text of its question is not told either: both are read.
// Besides those of timedOptions its option is:
//
//	fields   meaning -> name of the question, where the name does not say it
type TikTok struct{ *timedForm }

// NewTikTok is the constructor of the type "tiktok".
func NewTikTok(config ingest.SourceConfig) (ingest.Source, error) {
	form, err := openTimedForm(config)
	if err != nil {
		return nil, err
	}
	return &TikTok{form}, nil
}

// Verify checks the signature, or the token.
func (t *TikTok) Verify(d *ingest.Delivery) error {
	const name = "Tiktok-Signature"
	if !t.asksSignature(len(d.Header[name]) > 0) {
		return t.Guard.Verify(d)
	}
	header, err := signature.Header(d, name)
	if err != nil {
		return err
	}
	elements := signature.Elements(header)
	if len(elements["t"]) != 1 || len(elements["s"]) != 1 {
		return fmt.Errorf("%w: the header TikTok-Signature is not t=…,s=…", ingest.ErrUnverified)
	}
	return t.verify(d, elements["t"][0], elements["s"][0])
}

type tiktokNotice struct {
	Object text                   `json:"object"`
	Event  text                   `json:"event"` // of an account's webhook
	Entry  fields.Few[tiktokLead] `json:"entry"`
}

type tiktokLead struct {
	ID             text `json:"id"`
	LeadSource     text `json:"lead_source"`
	PageID         text `json:"page_id"`
	PageName       text `json:"page_name"`
	AdvertiserID   text `json:"advertiser_id"`
	AdvertiserName text `json:"advertiser_name"`
	LibraryID      text `json:"library_id"`
	CampaignID     text `json:"campaign_id"`
	CampaignName   text `json:"campaign_name"`
	AdgroupID      text `json:"adgroup_id"`
	AdgroupName    text `json:"adgroup_name"`
	AdID           text `json:"ad_id"`
	AdName         text `json:"ad_name"`
	CreatedAt      text `json:"create_time"`
	Changes        fields.Few[struct {
		Field text  `json:"field"`
		Value texts `json:"value"`
	}] `json:"changes"`
}

// object 1 is a lead, 2 the review of an ad group, 3 that of an ad.
const tiktokLeadObject = "1"

// Decode reads the leads of one delivery. Its request_id is new with each; the
// lead's own id is not.
func (t *TikTok) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	var notice tiktokNotice
	if err := decode(d.Body, "a TikTok webhook", &notice); err != nil {
		return nil, err
	}
	switch {
	case notice.Object == "" && notice.Event != "":
		return nil, ingest.Ignored("an account's event, not a lead")
	case notice.Object == "":
		return nil, fmt.Errorf("%w: no object", ingest.ErrMalformed)
	case notice.Object != tiktokLeadObject:
		return nil, ingest.Ignored("only object 1 is a lead")
	case len(notice.Entry) == 0:
		return nil, fmt.Errorf("%w: no entry", ingest.ErrMalformed)
	}
	events := make([]ingest.Event, len(notice.Entry))
	for i := range notice.Entry {
		var err error
		if events[i], err = t.event(&notice.Entry[i]); err != nil {
			return nil, err
		}
	}
	return events, nil
}

func (t *TikTok) event(p *tiktokLead) (ingest.Event, error) {
	id := p.ID.id()
	if id == "" {
		return ingest.Event{}, fmt.Errorf("%w: no id of the lead in entry", ingest.ErrMalformed)
	}
	a := answers{mapping: t.mapping}
	for _, change := range p.Changes {
		a.add(string(change.Field), change.Value...)
	}
	lead := t.mapping.Read(a.fields()).Lead
	lead.ExternalID = id
	lead.FormID, lead.FormName = p.PageID.id(), string(p.PageName)
	lead.CampaignID, lead.AdgroupID, lead.AdID = p.CampaignID.id(), p.AdgroupID.id(), p.AdID.id()
	lead.Platform = paidOn("tiktok", lead)
	lead.Attrs = map[string]string{
		"lead_source":   string(p.LeadSource),
		"advertiser_id": p.AdvertiserID.id(), "advertiser_name": string(p.AdvertiserName), "library_id": p.LibraryID.id(),
		"campaign_name": string(p.CampaignName), "adgroup_name": string(p.AdgroupName), "ad_name": string(p.AdName),
	}
	event := ingest.Event{Kind: ingest.LeadKind, Key: id, Lead: lead}
	return event, occurred(&event, "create_time", p.CreatedAt, t.config.Location)
}
