package ads

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
)

// YandexDirect is the source type "yandex-direct": the leads of Turbo pages and of
// landing pages in Yandex Direct, which are asked for, as Yandex sends none:
// https://yandex.com/dev/direct/doc/en/leads/get. Each delivery is one element of
// the list that the method answers with. Its secrets are OAuth tokens; its options:
//
//	fields   meaning -> name of the form's field, where the name does not say it
//	turbo_page_ids   the pages whose leads are listed; all if empty
//	client_login     the advertiser's, where an agency asks
//
// and those of fetch.Options; pull_interval is 15m. The token may also be its
// credential access_token.
//
// The API tells neither campaign nor ad of a lead.
type YandexDirect struct {
	config  ingest.SourceConfig
	mapping *fields.Mapping
	*yandexFetch
}

type yandexDirectOptions struct {
	yandexFetchOptions
	Fields map[string]string `json:"fields"`
}

// NewYandexDirect is the constructor of the type "yandex-direct".
func NewYandexDirect(config ingest.SourceConfig) (ingest.Source, error) {
	var options yandexDirectOptions
	if err := config.RequireSecrets(); err != nil {
		return nil, err
	}
	if err := config.DecodeOptions(&options); err != nil {
		return nil, err
	}
	mapping, err := fields.NewMapping(options.Fields)
	if err != nil {
		return nil, err
	}
	fetch, err := newYandexFetch(config, options.yandexFetchOptions)
	if err != nil {
		return nil, err
	}
	return &YandexDirect{config: config, mapping: mapping, yandexFetch: fetch}, nil
}

// Verify refuses whatever was sent: leads are fetched.
func (y *YandexDirect) Verify(d *ingest.Delivery) error {
	if d.Method != ingest.Fetched {
		return fmt.Errorf("%w: nothing is sent to a yandex-direct source, its leads are fetched", ingest.ErrUnverified)
	}
	return nil
}

// Refuse says so to whoever sends something nevertheless.
func (y *YandexDirect) Refuse(r ingest.Refusal) (ingest.Answer, bool) {
	switch r.Status {
	case http.StatusUnauthorized, http.StatusBadRequest, http.StatusMethodNotAllowed:
	default:
		return ingest.Answer{}, false
	}
	return ingest.Answer{
		Status: http.StatusMethodNotAllowed, ContentType: "application/json", Header: map[string]string{"Allow": "OPTIONS"},
		Body: []byte(`{"error":{"code":"method_not_allowed","message":"nothing is sent here: Leadgate fetches these leads itself"}}`),
	}, true
}

type yandexLead struct {
	ID          text `json:"Id"`
	SubmittedAt text `json:"SubmittedAt"`
	PageID      text `json:"TurboPageId"`
	PageName    text `json:"TurboPageName"`
	Data        fields.Few[struct {
		Name  text  `json:"Name"`
		Value texts `json:"Value"`
	}] `json:"Data"`
}

// Decode reads one lead. A field may lack its name: then it is known by its place.
func (y *YandexDirect) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	reference, err := asked(d)
	if err != nil {
		return nil, err
	}
	var p yandexLead
	if err := decode(d.Body, "a lead of Yandex Direct", &p); err != nil {
		return nil, err
	}
	id, err := answeredID(p.ID.id(), reference)
	if err != nil {
		return nil, err
	}
	a := answers{mapping: y.mapping}
	for i, field := range p.Data {
		name := string(field.Name)
		if name == "" {
			name = "field_" + strconv.Itoa(i+1)
		}
		a.add(name, field.Value...)
	}
	lead := y.mapping.Read(a.fields()).Lead
	lead.ExternalID, lead.FormID, lead.FormName = id, p.PageID.id(), string(p.PageName)
	lead.Platform = "yandex" // its pages are shown to those who clicked an advertisement
	event := ingest.Event{Kind: ingest.LeadKind, Key: id, Lead: lead}
	return []ingest.Event{event}, occurred(&event, "SubmittedAt", p.SubmittedAt, y.config.Location)
}
