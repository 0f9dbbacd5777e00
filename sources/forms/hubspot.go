package forms

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/signature"
)

// HubSpot is the source type "hubspot": contacts of a HubSpot account, from the
// webhooks of an app, https://developers.hubspot.com/docs/api/webhooks, or from
// the webhook action of a workflow,
// https://legacydocs.hubspot.com/docs/methods/workflows/webhook_information. Both
// are signed as https://developers.hubspot.com/docs/api/webhooks/validating-requests
// has it; the secrets are the apps' client secrets. Its options:
//
//	fields        meaning -> name of the contact's property
//	portal_id     the account's id, for workflows whose body does not tell it, and
//	              for a backfill
//	properties    of contacts, to ask for besides the known ones and those of fields
//	require_v3    refuse the signatures v1 and v2, which have no time (false)
//	tolerance     how old or early a timestamp may be ("5m")
//
// and those of fetch.Options. Its credentials are access_token, and, by the account's
// id, the tokens of accounts that have their own.
//
// An app's webhook only announces: of each contact that it names, the whole is
// asked of the CRM API, and comes as a delivery of its own. A contact is one lead,
// counted by "account:contact" however many notifications name it; a later state
// replaces an earlier one. A contact that is older than the webhook becomes a lead
// when it is first told of, on the day on which HubSpot knew it first.
type HubSpot struct {
	config    ingest.SourceConfig
	options   hubSpotOptions
	mapping   *fields.Mapping
	tolerance time.Duration
	*hubSpotFetch
}

type hubSpotOptions struct {
	hubSpotFetchOptions
	Fields    map[string]string `json:"fields"`
	PortalID  json.Number       `json:"portal_id"`
	RequireV3 bool              `json:"require_v3"`
	Tolerance string            `json:"tolerance"`
}

// NewHubSpot is the constructor of the type "hubspot".
func NewHubSpot(config ingest.SourceConfig) (ingest.Source, error) {
	h := &HubSpot{config: config}
	if err := config.RequireSecrets(); err != nil {
		return nil, err
	}
	if err := config.DecodeOptions(&h.options); err != nil {
		return nil, err
	}
	var err error
	if h.tolerance, err = window(h.options.Tolerance, 5*time.Minute); err != nil {
		return nil, err
	}
	if h.mapping, err = fields.NewMapping(h.options.Fields); err != nil {
		return nil, err
	}
	properties := slices.Clone(HubSpotProperties)
	for _, name := range h.options.Fields {
		if hubSpotProperty.MatchString(name) && !slices.Contains(properties, name) {
			properties = append(properties, name)
		}
	}
	slices.Sort(properties[len(HubSpotProperties):])
	h.hubSpotFetch, err = newHubSpotFetch(config, h.options.hubSpotFetchOptions, h.options.PortalID.String(), properties)
	if err != nil {
		return nil, err
	}
	return h, nil
}

// Verify checks the newest signature that the delivery carries: a good old one
// does not make up for a bad new one.
func (h *HubSpot) Verify(d *ingest.Delivery) error {
	if h.options.RequireV3 || len(d.Header["X-Hubspot-Signature-V3"]) > 0 {
		return h.verifyV3(d)
	}
	text, err := signature.Header(d, "X-HubSpot-Signature")
	if err != nil {
		return err
	}
	received, err := signature.Hex(text)
	if err != nil {
		return err
	}
	switch version := d.Header.Get("X-HubSpot-Signature-Version"); version {
	case "", "v1":
		return plainHash(h.config.Secrets, received, d.Body)
	case "v2":
		return plainHash(h.config.Secrets, received, []byte(d.Method+d.URL), d.Body)
	}
	return unverified("X-HubSpot-Signature-Version is not one that is known")
}

// verifyV3 checks the HMAC of method, address, body and time. HubSpot's page asks
// to decode some escapes in the address first, and its own libraries do not: the
// address counts either way.
func (h *HubSpot) verifyV3(d *ingest.Delivery) error {
	text, err := signature.Header(d, "X-HubSpot-Signature-v3")
	if err != nil {
		return err
	}
	stamp, err := signature.Header(d, "X-HubSpot-Request-Timestamp")
	if err != nil {
		return err
	}
	claimed, err := signature.Millis(stamp)
	if err != nil {
		return err
	}
	if err := signature.Within(d.ReceivedAt, claimed, h.tolerance); err != nil {
		return err
	}
	received, err := signature.Base64(text)
	if err != nil {
		return err
	}
	err = signature.HMAC(crypto.SHA256, h.config.Secrets, received, []byte(d.Method+d.URL), d.Body, []byte(stamp))
	if decoded := escapes.Replace(d.URL); err != nil && decoded != d.URL {
		err = signature.HMAC(crypto.SHA256, h.config.Secrets, received, []byte(d.Method+decoded), d.Body, []byte(stamp))
	}
	if err != nil {
		return fmt.Errorf("%w; behind a proxy, public_url must be the address that HubSpot has", err)
	}
	return nil
}

// escapes are those, and only those, that HubSpot decodes before it signs.
var escapes = strings.NewReplacer(
	"%3A", ":", "%2F", "/", "%3F", "?", "%40", "@", "%21", "!", "%24", "$", "%27", "'", "%28", "(", "%29", ")",
	"%2A", "*", "%2C", ",", "%3B", ";",
	"%3a", ":", "%2f", "/", "%3f", "?", "%2a", "*", "%2c", ",", "%3b", ";",
)

// plainHash checks HubSpot's older signatures: a SHA-256, not an HMAC, of the
// secret with the content behind it.
func plainHash(secrets []string, received []byte, parts ...[]byte) error {
	good := false
	for _, secret := range secrets {
		if secret == "" {
			return unverified("an empty secret is configured")
		}
		hash := sha256.New()
		hash.Write([]byte(secret))
		for _, part := range parts {
			hash.Write(part)
		}
		good = hmac.Equal(hash.Sum(nil), received) || good
	}
	if !good {
		return unverified("the signature does not match the content")
	}
	return nil
}

// Refuse answers 503 where the sender could not be verified. After a 401 HubSpot
// drops the lead for good; so it tries again, a workflow for three days, while a
// secret that is wrong here is mended.
func (h *HubSpot) Refuse(refusal ingest.Refusal) (ingest.Answer, bool) {
	if refusal.Code != "unverified" {
		return ingest.Answer{}, false
	}
	body, err := json.Marshal(map[string]any{"error": map[string]string{"code": refusal.Code, "message": refusal.Message}})
	return ingest.Answer{Status: unavailable, ContentType: "application/json", Body: body}, err == nil
}

const unavailable = 503

// Decode reads the notifications of an app, the contact of a workflow, or what the
// CRM API answered about one.
func (h *HubSpot) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	if d.Method == ingest.Fetched {
		return h.fetched(d)
	}
	if bytes.HasPrefix(bytes.TrimLeft(d.Body, " \t\r\n"), []byte("[")) {
		return h.announced(d.Body)
	}
	p, err := readPayload(d.Body)
	if err != nil {
		return nil, err
	}
	return h.workflow(p, d)
}
