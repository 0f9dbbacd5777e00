package ads

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/signature"
)

// secretMember is the member of VK's body that carries the shared secret.
const secretMember = "secret"

// VK is the source type "vk": the lead forms of VK communities, by the callback
// API of a community, https://dev.vk.com/api/callback/getting-started. (Lead forms
// of the new VK Ads are not sent to anybody.) Its secrets are the secret keys of
// the callback server; its options:
//
//	confirmation   the text that the server is to be confirmed with
//	group_id       the community; without it any may be confirmed, and sends leads
//	fields         meaning -> key or text of the question, where neither says it
//
// VK tells no time: a lead has that of its receipt.
type VK struct {
	config  ingest.SourceConfig
	options vkOptions
	mapping *fields.Mapping
}

type vkOptions struct {
	Confirmation string            `json:"confirmation"`
	GroupID      text              `json:"group_id"`
	Fields       map[string]string `json:"fields"`
}

// NewVK is the constructor of the type "vk".
func NewVK(config ingest.SourceConfig) (ingest.Source, error) {
	v := &VK{config: config}
	if err := config.RequireSecrets(); err != nil {
		return nil, err
	}
	if err := config.DecodeOptions(&v.options); err != nil {
		return nil, err
	}
	var err error
	v.mapping, err = fields.NewMapping(v.options.Fields)
	return v, err
}

// maxConfirmation is more than a request for confirmation has.
const maxConfirmation = 4 << 10

// Challenge confirms that the server is the community's. VK asks for it before
// the secret is set, so it may come without one.
func (v *VK) Challenge(d *ingest.Delivery) (ingest.Answer, bool) {
	if v.options.Confirmation == "" || d.Method != http.MethodPost || len(d.Body) > maxConfirmation ||
		!bytes.Contains(d.Body, []byte("confirmation")) {
		return ingest.Answer{}, false
	}
	var p struct {
		Type    text `json:"type"`
		GroupID text `json:"group_id"`
	}
	if json.Unmarshal(d.Body, &p) != nil || p.Type != "confirmation" || !v.ours(p.GroupID) {
		return ingest.Answer{}, false
	}
	return ingest.Answer{Status: http.StatusOK, ContentType: plainText, Body: []byte(v.options.Confirmation)}, true
}

func (v *VK) ours(group text) bool { return v.options.GroupID == "" || v.options.GroupID == group }

// Verify compares the secret in the body.
func (v *VK) Verify(d *ingest.Delivery) error {
	var claim struct {
		Secret text `json:"secret"`
	}
	if err := json.Unmarshal(d.Body, &claim); err != nil {
		return fmt.Errorf("%w: the body is not a JSON object with %s", ingest.ErrUnverified, secretMember)
	}
	return signature.Secret(v.config.Secrets, string(claim.Secret))
}

// Redact removes the secret from the body, and leaves every other byte.
func (v *VK) Redact(d *ingest.Delivery) { d.Body = withoutMember(d.Body, secretMember) }

// Respond answers ok: VK sends again what is answered anything else.
func (v *VK) Respond(*ingest.Delivery, []ingest.Event) ingest.Answer {
	return ingest.Answer{Status: http.StatusOK, ContentType: plainText, Body: []byte("ok")}
}

type vkEvent struct {
	Type    text   `json:"type"`
	GroupID text   `json:"group_id"`
	EventID text   `json:"event_id"`
	Object  vkLead `json:"object"`
}

type vkLead struct {
	LeadID   text `json:"lead_id"`
	GroupID  text `json:"group_id"`
	UserID   text `json:"user_id"`
	FormID   text `json:"form_id"`
	FormName text `json:"form_name"`
	AdID     text `json:"ad_id"`
	Answers  fields.Few[struct {
		Key      text  `json:"key"`
		Question text  `json:"question"`
		Answer   texts `json:"answer"`
	}] `json:"answers"`
}

// UnmarshalJSON passes over the objects of other events, which may be anything.
func (l *vkLead) UnmarshalJSON(value []byte) error {
	type plain vkLead
	if len(value) == 0 || value[0] != '{' {
		return nil
	}
	return json.Unmarshal(value, (*plain)(l))
}

// Decode reads one lead. Ids of leads are a community's own.
func (v *VK) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	var kind struct {
		Type text `json:"type"`
	}
	if err := decode(d.Body, "a VK callback", &kind); err != nil {
		return nil, err
	}
	switch kind.Type {
	case "lead_forms_new":
	case "":
		return nil, fmt.Errorf("%w: no type", ingest.ErrMalformed)
	default:
		return nil, ingest.Ignored("only lead_forms_new is a lead")
	}
	var p vkEvent
	if err := decode(d.Body, "a VK lead", &p); err != nil {
		return nil, err
	}
	group, id := cmp.Or(p.Object.GroupID.id(), p.GroupID.id()), p.Object.LeadID.id()
	switch {
	case id == "":
		return nil, fmt.Errorf("%w: no lead_id", ingest.ErrMalformed)
	case group == "":
		return nil, fmt.Errorf("%w: no group_id", ingest.ErrMalformed)
	case !v.ours(text(group)):
		return nil, ingest.Ignored("of another community than options.group_id")
	}
	lead := v.mapping.Read(v.answers(&p.Object)).Lead
	lead.ExternalID = group + ":" + id
	lead.FormID, lead.FormName, lead.AdID = p.Object.FormID.id(), string(p.Object.FormName), p.Object.AdID.id()
	lead.Platform = paidOn("vk", lead)
	lead.Attrs = map[string]string{"event_id": string(p.EventID), "group_id": group}
	return []ingest.Event{{Kind: ingest.LeadKind, Key: lead.ExternalID, Lead: lead}}, nil
}

// answers are under the keys of VK's own questions, and under the text of the
// community's, whose keys say nothing.
func (v *VK) answers(l *vkLead) []fields.Field {
	a := answers{mapping: v.mapping}
	for _, answer := range l.Answers {
		name, question := string(answer.Key), string(answer.Question)
		switch {
		case v.mapping.Names(name):
		case name == "", strings.HasPrefix(name, "custom") && question != "", v.mapping.Names(question):
			name = question
		}
		a.add(name, answer.Answer...)
	}
	a.add("vk_user_id", l.UserID.id())
	return a.fields()
}
