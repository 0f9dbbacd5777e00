package ads

import (
	"cmp"
	"crypto"
	"fmt"
	"net/http"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/signature"
)

// Meta is the source type "meta": lead ads of Facebook and Instagram.
//
// Webhook: https://developers.facebook.com/docs/graph-api/webhooks/getting-started
// Leads: https://developers.facebook.com/docs/marketing-api/guides/lead-ads/retrieving
//
// A notification only names the lead, which is then fetched. Its secrets are the
// app's secrets; its options:
//
//	verify_token   what the app's dashboard was given to subscribe with
//	fields         meaning -> name of the question, where the name does not say it
//	forms, pages   ids of what a backfill lists: forms, or pages with all theirs
//	api_version    of the Graph API (v24.0)
//	app_id         the app's: Meta then tells when the token ends
//	appsecret_proof   send the proof that an app can ask for (false)
//
// and those of fetch.Options. Its credentials are access_token, and, by the page's
// id, the tokens of pages that have their own.
//
// Nothing marks a test lead but what is in it: the dummy texts and addresses of
// the testing tool, which no page of Meta's lists.
type Meta struct {
	config      ingest.SourceConfig
	verifyToken string
	mapping     *fields.Mapping
	*metaFetch
}

type metaOptions struct {
	metaFetchOptions
	VerifyToken string            `json:"verify_token"`
	Fields      map[string]string `json:"fields"`
}

// NewMeta is the constructor of the type "meta".
func NewMeta(config ingest.SourceConfig) (ingest.Source, error) {
	var options metaOptions
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
	fetch, err := newMetaFetch(config, options.metaFetchOptions)
	if err != nil {
		return nil, err
	}
	return &Meta{config: config, verifyToken: options.VerifyToken, mapping: mapping, metaFetch: fetch}, nil
}

// Challenge answers the subscription's GET: with the challenge, if it knows the
// verify token.
func (m *Meta) Challenge(d *ingest.Delivery) (ingest.Answer, bool) {
	query := queryOf(d)
	if d.Method != http.MethodGet || !query.Has("hub.mode") && !query.Has("hub.challenge") && !query.Has("hub.verify_token") {
		return ingest.Answer{}, false
	}
	challenge := query.Get("hub.challenge")
	if m.verifyToken == "" || query.Get("hub.mode") != "subscribe" || challenge == "" ||
		signature.Secret([]string{m.verifyToken}, query.Get("hub.verify_token")) != nil {
		return ingest.Answer{Status: http.StatusForbidden, ContentType: plainText, Body: []byte("not options.verify_token")}, true
	}
	return ingest.Answer{Status: http.StatusOK, ContentType: plainText, Body: []byte(challenge)}, true
}

// Verify checks the HMAC-SHA256 of the body as it came, escapes and all. The
// header with SHA-1 does not count.
func (m *Meta) Verify(d *ingest.Delivery) error {
	header, err := signature.Header(d, "X-Hub-Signature-256")
	if err != nil {
		return err
	}
	digits, err := signature.After("sha256=", header)
	if err != nil {
		return err
	}
	received, err := signature.Hex(digits)
	if err != nil {
		return err
	}
	return signature.HMAC(crypto.SHA256, m.config.Secrets, received, d.Body)
}

type metaNotice struct {
	Object text `json:"object"`
	Entry  fields.Few[struct {
		Changes fields.Few[struct {
			Field text        `json:"field"`
			Value metaLeadgen `json:"value"`
		}] `json:"changes"`
	}] `json:"entry"`
}

// metaLeadgen names a lead. Its adgroup_id is that of the ad, as ad_id is.
type metaLeadgen struct {
	LeadID    text `json:"leadgen_id"`
	PageID    text `json:"page_id"`
	FormID    text `json:"form_id"`
	AdID      text `json:"ad_id"`
	AdgroupID text `json:"adgroup_id"`
	CreatedAt text `json:"created_time"`
}

// UnmarshalJSON passes over the values of other fields, which may be anything.
func (l *metaLeadgen) UnmarshalJSON(value []byte) error {
	type plain metaLeadgen
	if len(value) == 0 || value[0] != '{' {
		return nil
	}
	return decode(value, "a change", (*plain)(l))
}

// Decode reads the leads that a notification names, or one that was fetched.
func (m *Meta) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	if d.Method == ingest.Fetched {
		return m.fetched(d)
	}
	var notice metaNotice
	if err := decode(d.Body, "a Meta webhook", &notice); err != nil {
		return nil, err
	}
	if notice.Object == "" {
		return nil, fmt.Errorf("%w: no object", ingest.ErrMalformed)
	}
	if notice.Object != "page" {
		return nil, ingest.Ignored("only changes of a page are leads")
	}
	var events []ingest.Event
	for _, entry := range notice.Entry {
		for _, change := range entry.Changes {
			if change.Field != "leadgen" {
				continue
			}
			if change.Value.LeadID.id() == "" {
				return nil, fmt.Errorf("%w: no leadgen_id", ingest.ErrMalformed)
			}
			events = append(events, m.announced(&change.Value))
		}
	}
	if len(events) == 0 {
		return nil, ingest.Ignored("only changes of the field leadgen are leads")
	}
	return events, nil
}

// announced is what is known of a lead before it is fetched. Organic leads, those
// of previews and of the testing tool come without an ad.
func (m *Meta) announced(l *metaLeadgen) ingest.Event {
	id := l.LeadID.id()
	args := map[string]string{}
	for name, value := range map[string]text{"form_id": l.FormID, "page_id": l.PageID} {
		if value.id() != "" {
			args[name] = value.id()
		}
	}
	event := ingest.Event{
		Kind: ingest.LeadKind, Key: id, Mutable: true, Version: ingest.AnnouncedVersion,
		Lead: &ingest.Lead{
			ExternalID: id, FormID: l.FormID.id(), AdID: cmp.Or(l.AdID.id(), l.AdgroupID.id()),
			Attrs: map[string]string{"page_id": l.PageID.id()},
		},
		Fetch: &ingest.Reference{Kind: leadReference, ID: id, Args: args},
	}
	event.Lead.Platform = paidOn("facebook", event.Lead)
	announcedAt(&event, l.CreatedAt, m.config.Location)
	return event
}
