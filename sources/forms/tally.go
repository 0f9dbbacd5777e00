package forms

import (
	"cmp"
	"crypto"
	"maps"
	"slices"
	"strings"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/signature"
)

// Tally is the source type "tally": the webhooks of Tally forms,
// https://tally.so/help/webhooks, signed as the same page has it. Its secrets are
// the signing secrets. Questions are known by their type or their label, hidden
// fields by their label, which is the parameter's name. Its options:
//
//	fields    meaning -> key or label of the question
//
// A response is counted by its id. How often Tally repeats a delivery is not
// certain; it does so with the same ids.
type Tally struct {
	config  ingest.SourceConfig
	mapping *fields.Mapping
}

// NewTally is the constructor of the type "tally".
func NewTally(config ingest.SourceConfig) (ingest.Source, error) {
	mapping, err := signedOptions(config)
	if err != nil {
		return nil, err
	}
	return &Tally{config: config, mapping: mapping}, nil
}

// Verify checks the HMAC-SHA256 of the body as it came, in base64.
func (t *Tally) Verify(d *ingest.Delivery) error {
	header, err := signature.Header(d, "Tally-Signature")
	if err != nil {
		return err
	}
	received, err := signature.Base64(header)
	if err != nil {
		return err
	}
	return signature.HMAC(crypto.SHA256, t.config.Secrets, received, d.Body)
}

// Decode reads one response.
func (t *Tally) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	p, err := readPayload(d.Body)
	if err != nil {
		return nil, err
	}
	if kind := p.text("eventType"); kind != "" && kind != "FORM_RESPONSE" {
		return nil, ingest.Ignored("only FORM_RESPONSE events are leads")
	}
	data := p.object("data")
	id := data.text("responseId")
	if id == "" {
		id = data.text("submissionId")
	}
	if id == "" {
		return nil, missing("data.responseId")
	}
	answers, err := t.answers(data.list("fields"))
	if err != nil {
		return nil, err
	}
	lead := answers.read().Lead
	lead.ExternalID = id
	lead.FormID, lead.FormName = data.text("formId"), data.text("formName")
	lead.Attrs = attrs(map[string]string{"event_id": p.text("eventId"), "respondent_id": data.text("respondentId")})
	event := ingest.Event{Kind: ingest.LeadKind, Key: id, Lead: lead}
	if data.text("createdAt") != "" {
		return data.dated(event, "createdAt", t.config.Location)
	}
	return p.dated(event, "createdAt", t.config.Location)
}

// answers reads the questions. Beside every question with several ticks stands a
// truth value for each of its options, which says nothing more.
func (t *Tally) answers(list []any) (*answered, error) {
	ticked := make(map[string]bool)
	for _, element := range list {
		field := asPayload(element)
		if _, single := field["value"].(bool); !single && field.text("type") == "CHECKBOXES" {
			ticked[field.text("key")] = true
		}
	}
	answers := &answered{mapping: t.mapping}
	for _, element := range list {
		field := asPayload(element)
		key := field.text("key")
		if _, single := field["value"].(bool); single && ticked[key[:max(strings.LastIndexByte(key, '_'), 0)]] {
			continue
		}
		if err := t.answer(answers, field); err != nil {
			return nil, err
		}
	}
	return answers, nil
}

// name is what tells most of a question's meaning.
func (t *Tally) name(field payload) string {
	key, label := field.text("key"), field.text("label")
	switch kind := field.text("type"); {
	case t.mapping.Names(key), label == "":
		return key
	case t.mapping.Names(label):
		return label
	case kind == "INPUT_EMAIL":
		return "email"
	case kind == "INPUT_PHONE_NUMBER":
		return "phone"
	}
	return label
}

// answer notes one answer, with the texts of what was chosen in place of ids.
func (t *Tally) answer(answers *answered, field payload) error {
	name := t.name(field)
	switch value := field["value"].(type) {
	case []any:
		return answers.values(name, chosen(value, labels(field.list("options"))))
	case map[string]any:
		rows, columns := labels(field.list("rows")), labels(field.list("columns"))
		if len(rows) == 0 {
			return answers.values(name, value)
		}
		for _, row := range slices.Sorted(maps.Keys(value)) {
			picked, _ := value[row].([]any)
			if err := answers.values(name+" ("+cmp.Or(rows[row], row)+")", chosen(picked, columns)); err != nil {
				return err
			}
		}
	case string:
		answers.add(name, cmp.Or(labels(field.list("options"))[value], value))
	default:
		return answers.values(name, value)
	}
	return nil
}

// labels are the texts of options by their ids.
func labels(options []any) map[string]string {
	if len(options) == 0 {
		return nil
	}
	texts := make(map[string]string, len(options))
	for _, element := range options {
		option := asPayload(element)
		texts[option.text("id")] = cmp.Or(option.text("text"), option.text("name"))
	}
	return texts
}

// chosen puts texts in place of ids; what is no id stays.
func chosen(values []any, texts map[string]string) []any {
	picked := make([]any, len(values))
	for i, value := range values {
		picked[i] = value
		if id, ok := value.(string); ok && texts[id] != "" {
			picked[i] = texts[id]
		}
	}
	return picked
}
