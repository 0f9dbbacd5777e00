package ads

import (
	"cmp"
	"crypto"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/normalize"
	"github.com/leadgate/leadgate/sources/signature"
)

// LinkedIn is the source type "linkedin": lead sync of LinkedIn's lead gen forms.
//
// Leads: https://learn.microsoft.com/en-us/linkedin/marketing/lead-sync/leadsync
// Handshake and signing: https://learn.microsoft.com/en-us/linkedin/shared/api-guide/webhook-validation
//
// A notification only names the lead, which is then fetched together with its
// form: answers carry no more than the ids of their questions. Its secrets are the
// applications' client secrets, of which the first answers challenges; its options:
//
//	applications   ids of the applications, in the order of the secrets, where
//	               several share this source: says whose challenge it is
//	questions      id of a question -> what it asks for, as "first_name" or
//	               "email"; goes before what the form says
//	owners         URNs of the advertising accounts and organizations whose leads
//	               a backfill lists
//	api_version    month of the API's version (202606)
//
// and those of fetch.Options. Its credential is access_token.
//
// That a member has had a lead deleted empties it: a last state without person
// and answers replaces every other, also those that are fetched later.
type LinkedIn struct {
	config  ingest.SourceConfig
	options linkedInOptions
	*linkedInFetch
}

type linkedInOptions struct {
	linkedInFetchOptions
	Applications []text            `json:"applications"`
	Questions    map[string]string `json:"questions"`
}

// NewLinkedIn is the constructor of the type "linkedin".
func NewLinkedIn(config ingest.SourceConfig) (ingest.Source, error) {
	l := &LinkedIn{config: config}
	if err := config.RequireSecrets(); err != nil {
		return nil, err
	}
	if err := config.DecodeOptions(&l.options); err != nil {
		return nil, err
	}
	if n := len(l.options.Applications); n > len(config.Secrets) {
		return nil, fmt.Errorf("options.applications: one secret is needed for each (%d secrets, got %d applications)", len(config.Secrets), n)
	}
	var err error
	l.linkedInFetch, err = newLinkedInFetch(config, l.options.linkedInFetchOptions)
	if err != nil {
		return nil, err
	}
	return l, nil
}

// signedPrefix stands before the body in what LinkedIn signs.
const signedPrefix = "hmacsha256="

// Challenge proves to LinkedIn that we know the client secret: it asks before
// anything is sent, and every two hours again. The answer is a signature of the
// code as it came. That is why codes that are no UUID are refused: one that starts
// like a signed body would get somebody the signature to forge it with.
func (l *LinkedIn) Challenge(d *ingest.Delivery) (ingest.Answer, bool) {
	query := queryOf(d)
	if d.Method != http.MethodGet || !query.Has("challengeCode") {
		return ingest.Answer{}, false
	}
	code := query.Get("challengeCode")
	if !isUUID(code) {
		return ingest.Answer{Status: http.StatusBadRequest, ContentType: plainText, Body: []byte("challengeCode is not a UUID")}, true
	}
	secret := l.config.Secrets[0]
	if i := slices.Index(l.options.Applications, text(query.Get("applicationId"))); i >= 0 {
		secret = l.config.Secrets[i]
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(code))
	body, err := json.Marshal(map[string]string{
		"challengeCode": code, "challengeResponse": hex.EncodeToString(mac.Sum(nil)),
	})
	return ingest.Answer{Status: http.StatusOK, ContentType: "application/json", Body: body}, err == nil
}

func isUUID(code string) bool {
	groups := strings.Split(code, "-")
	if len(code) != 36 || len(groups) != 5 {
		return false
	}
	for i, length := range [...]int{8, 4, 4, 4, 12} {
		if len(groups[i]) != length || strings.Trim(groups[i], "0123456789abcdefABCDEF") != "" {
			return false
		}
	}
	return true
}

// Verify checks the HMAC-SHA256 of a prefix and the body. The header has the
// digits alone; some put the prefix there too.
func (l *LinkedIn) Verify(d *ingest.Delivery) error {
	header, err := signature.Header(d, "X-Li-Signature")
	if err != nil {
		return err
	}
	received, err := signature.Hex(strings.TrimPrefix(header, signedPrefix))
	if err != nil {
		return err
	}
	return signature.HMAC(crypto.SHA256, l.config.Secrets, received, []byte(signedPrefix), d.Body)
}

type linkedInNotice struct {
	Type       text          `json:"type"`
	Response   text          `json:"leadGenFormResponse"`
	Form       text          `json:"leadGenForm"`
	Owner      linkedInOwner `json:"owner"`
	Entity     linkedInOwner `json:"associatedEntity"`
	LeadType   text          `json:"leadType"`
	Action     text          `json:"leadAction"`
	OccurredAt text          `json:"occurredAt"`
}

// Decode reads what a notification tells of a lead, or a lead that was fetched.
func (l *LinkedIn) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	if d.Method == ingest.Fetched {
		return l.fetched(d)
	}
	var p linkedInNotice
	if err := decode(d.Body, "a LinkedIn webhook", &p); err != nil {
		return nil, err
	}
	if p.Type == "" {
		return nil, fmt.Errorf("%w: no type", ingest.ErrMalformed)
	}
	if p.Type != "LEAD_ACTION" {
		return nil, ingest.Ignored("only LEAD_ACTION is about leads")
	}
	id := leadID(string(p.Response))
	if id == "" {
		return nil, fmt.Errorf("%w: no leadGenFormResponse", ingest.ErrMalformed)
	}
	form, version := versionedForm(string(p.Form))
	lead := &ingest.Lead{
		ExternalID: string(p.Response), FormID: form, AdID: p.Entity.creative(),
		Attrs: map[string]string{
			"action": string(p.Action), "lead_type": string(p.LeadType), "form_version": version,
			"owner": p.Owner.urn(), "associated_entity": p.Entity.other(),
		},
	}
	lead.Platform = paidOn("linkedin", lead)
	event := ingest.Event{Kind: ingest.LeadKind, Key: id, Mutable: true, Lead: lead}
	switch p.Action {
	case "CREATED":
		event.Version = ingest.AnnouncedVersion
		event.Fetch = &ingest.Reference{Kind: leadReference, ID: id, Args: map[string]string{
			"response": string(p.Response), "form": string(p.Form), "form_id": form, "form_version": version,
			"owner": p.Owner.urn(),
		}}
	case "DELETED":
		// It keeps the time that the lead had, as far as that was its receipt.
		event.Version = d.Rank() + uint64(forever.Microseconds())
		if at, _, err := normalize.Time(string(p.OccurredAt), l.config.Location); err == nil {
			lead.Attrs["deleted_at"] = at.Format(time.RFC3339)
		}
		return []ingest.Event{event}, nil
	case "":
		return nil, fmt.Errorf("%w: no leadAction", ingest.ErrMalformed)
	default:
		return nil, ingest.Ignored("only the actions CREATED and DELETED are known")
	}
	announcedAt(&event, p.OccurredAt, l.config.Location)
	return []ingest.Event{event}, nil
}

// forever is by how much the last state of a lead outranks what may still come.
const forever = 100 * 365 * 24 * time.Hour

// leadID is what a lead is counted by: its URN and its own id are both used.
func leadID(urn string) string { return strings.TrimPrefix(urn, "urn:li:leadGenFormResponse:") }

// idOf returns the last part of a URN.
func idOf(urn string) string { return urn[strings.LastIndexByte(urn, ':')+1:] }

// versionedForm reads urn:li:versionedLeadGenForm:(urn:li:leadGenForm:88001,1).
func versionedForm(urn string) (id, version string) {
	inner, ok := strings.CutPrefix(urn, "urn:li:versionedLeadGenForm:(")
	if !ok {
		return idOf(urn), ""
	}
	form, version, _ := strings.Cut(strings.TrimSuffix(inner, ")"), ",")
	return idOf(form), version
}

// linkedInOwner is a union: it has one member, which says by its name what it is.
type linkedInOwner map[string]text

// urn returns the one URN.
func (o linkedInOwner) urn() string {
	for _, kind := range [...]string{"sponsoredAccount", "organization"} {
		if o[kind] != "" {
			return string(o[kind])
		}
	}
	return ""
}

// creative returns the id of the ad, if the lead is from one.
func (o linkedInOwner) creative() string {
	return idOf(string(cmp.Or(o["associatedCreative"], o["creative"])))
}

// other returns the URN of what else the lead is from: an event, a product page.
func (o linkedInOwner) other() string {
	if o.creative() != "" {
		return ""
	}
	kinds := make([]string, 0, len(o))
	for kind := range o {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	for _, kind := range kinds {
		if o[kind] != "" {
			return string(o[kind])
		}
	}
	return ""
}
