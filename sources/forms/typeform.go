package forms

import (
	"crypto"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/normalize"
	"github.com/leadgate/leadgate/sources/signature"
)

// Typeform takes responses from Typeform's webhooks. A response's token is
// its key. Questions are known by their ref, their type or their title.
//
// Signing: https://www.typeform.com/developers/webhooks/secure-your-webhooks/
// Payload: https://www.typeform.com/developers/webhooks/example-payload/
type Typeform struct {
	config  ingest.SourceConfig
	mapping *fields.Mapping
}

// NewTypeform is the constructor of the type "typeform".
func NewTypeform(config ingest.SourceConfig) (ingest.Source, error) {
	var options struct {
		Fields map[string]string `json:"fields"` // meaning -> ref of the question, or name of the hidden field
	}
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
	return &Typeform{config: config, mapping: mapping}, nil
}

// Verify checks the HMAC-SHA256 of the body, base64 behind "sha256=".
func (t *Typeform) Verify(d *ingest.Delivery) error {
	header, err := signature.Header(d, "Typeform-Signature")
	if err != nil {
		return err
	}
	text, err := signature.After("sha256=", header)
	if err != nil {
		return err
	}
	received, err := signature.Base64(text)
	if err != nil {
		return err
	}
	return signature.HMAC(crypto.SHA256, t.config.Secrets, received, d.Body)
}

type typeformDelivery struct {
	EventID   string `json:"event_id"`
	EventType string `json:"event_type"`
	Response  struct {
		FormID      string            `json:"form_id"`
		Token       string            `json:"token"`
		SubmittedAt string            `json:"submitted_at"`
		Hidden      map[string]string `json:"hidden"`
		Definition  struct {
			Title  string `json:"title"`
			Fields fields.Few[struct {
				ID    string `json:"id"`
				Title string `json:"title"`
			}] `json:"fields"`
		} `json:"definition"`
		Answers fields.Few[typeformAnswer] `json:"answers"`
	} `json:"form_response"`
}

// Decode reads the lead of one response.
func (t *Typeform) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	var body typeformDelivery
	if err := json.Unmarshal(d.Body, &body); err != nil {
		return nil, fmt.Errorf("%w: not the JSON of a Typeform webhook", ingest.ErrMalformed)
	}
	if body.EventType != "form_response" {
		return nil, ingest.Ignored("only form_response events are leads")
	}
	response := &body.Response
	if response.Token == "" {
		return nil, fmt.Errorf("%w: form_response.token is missing", ingest.ErrMalformed)
	}
	form := t.mapping.Read(t.fields(&body))
	lead := form.Lead
	lead.ExternalID = response.Token
	lead.FormID, lead.FormName = response.FormID, response.Definition.Title
	if body.EventID != "" {
		lead.Attrs = map[string]string{"event_id": body.EventID}
	}
	event := ingest.Event{Kind: ingest.LeadKind, Key: response.Token, Lead: lead}
	if response.SubmittedAt != "" {
		at, zone, err := normalize.Time(response.SubmittedAt, t.config.Location)
		if err != nil {
			return nil, fmt.Errorf("%w: form_response.submitted_at: %w", ingest.ErrMalformed, err)
		}
		event.OccurredAt, event.Zone = at, zone
	}
	return []ingest.Event{event}, nil
}

// fields names every answer by what tells most of its meaning.
func (t *Typeform) fields(body *typeformDelivery) []fields.Field {
	titles := make(map[string]string, len(body.Response.Definition.Fields))
	for _, field := range body.Response.Definition.Fields {
		titles[field.ID] = field.Title
	}
	sent := make([]fields.Field, 0, len(body.Response.Answers)+len(body.Response.Hidden))
	for _, answer := range body.Response.Answers {
		if values := answer.values(); len(values) > 0 {
			sent = append(sent, fields.Field{Name: t.name(&answer, titles[answer.Field.ID]), Values: values})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(body.Response.Hidden)) {
		field := fields.Field{Name: name, Values: []string{body.Response.Hidden[name]}}
		if fields.RoleOf(name) == fields.ID {
			field.Name = "hidden " + name // the response has an id of its own
		}
		sent = append(sent, field)
	}
	return sent
}

func (t *Typeform) name(answer *typeformAnswer, title string) string {
	ref := answer.Field.Ref
	switch {
	case t.mapping.Names(ref):
		return ref
	case answer.Type == "email":
		return "email"
	case answer.Type == "phone_number":
		return "phone"
	case meaningful(ref) || title == "":
		return ref
	}
	return title
}

// meaningful tells whether a name alone says what a field is.
func meaningful(name string) bool {
	switch fields.RoleOf(name) {
	case fields.Answer, fields.Control, fields.Honeypot, fields.ID:
		return false
	}
	return true
}

type typeformAnswer struct {
	Type  string `json:"type"`
	Field struct {
		ID  string `json:"id"`
		Ref string `json:"ref"`
	} `json:"field"`
	Text    string      `json:"text"`
	Email   string      `json:"email"`
	Phone   string      `json:"phone_number"`
	URL     string      `json:"url"`
	FileURL string      `json:"file_url"`
	Date    string      `json:"date"`
	Number  json.Number `json:"number"`
	Boolean *bool       `json:"boolean"`
	Choice  *struct {
		Label string `json:"label"`
		Other string `json:"other"`
	} `json:"choice"`
	Choices *struct {
		Labels fields.Few[string] `json:"labels"`
		Other  string             `json:"other"`
	} `json:"choices"`
	Payment *struct {
		Amount json.Number `json:"amount"`
	} `json:"payment"`
}

// values returns what was answered. The value stands under the key that type
// names; only one of them is set.
func (a *typeformAnswer) values() []string {
	var values []string
	add := func(text string) {
		if text != "" {
			values = append(values, text)
		}
	}
	for _, text := range [...]string{a.Text, a.Email, a.Phone, a.URL, a.FileURL, a.Date, a.Number.String()} {
		add(text)
	}
	switch {
	case a.Boolean != nil:
		add(fmt.Sprint(*a.Boolean))
	case a.Choice != nil:
		add(a.Choice.Label)
		add(a.Choice.Other)
	case a.Choices != nil:
		values = append(values, a.Choices.Labels...)
		add(a.Choices.Other)
	case a.Payment != nil:
		add(a.Payment.Amount.String())
	}
	return values
}
