package forms

import (
	"strings"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/signature"
)

// Formspree is the source type "formspree": the webhook of a Formspree form,
// signed as https://help.formspree.io/articles/advanced-features/verify-webhook-signatures
// has it. Its secrets are the webhooks' signing secrets; its options:
//
//	fields      meaning -> name of the form's field; id for a field that tells
//	            submissions apart
//	tolerance   how old or early a timestamp may be ("5m")
//
// A submission has no id: it is counted by the form, everything that was sent and
// the time of Formspree's own, so that a repetition of the webhook is the same
// lead and the same words an hour later are another. The members of the payload
// are known from other people's code.
type Formspree struct {
	config    ingest.SourceConfig
	mapping   *fields.Mapping
	tolerance time.Duration
}

// NewFormspree is the constructor of the type "formspree".
func NewFormspree(config ingest.SourceConfig) (ingest.Source, error) {
	mapping, tolerance, err := stampedOptions(config, 5*time.Minute)
	if err != nil {
		return nil, err
	}
	return &Formspree{config: config, mapping: mapping, tolerance: tolerance}, nil
}

// Verify checks the signature and its time.
func (f *Formspree) Verify(d *ingest.Delivery) error {
	return signature.Stamped(d, "Formspree-Signature", "v1", f.config.Secrets, f.tolerance)
}

// Decode reads one submission.
func (f *Formspree) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	p, err := readPayload(d.Body)
	if err != nil {
		return nil, err
	}
	submission := p.object("submission")
	if submission == nil {
		return nil, missing("submission")
	}
	answers := answered{mapping: f.mapping}
	if err := answers.all(visible(submission), p.texts("keys")...); err != nil {
		return nil, err
	}
	form := answers.read()
	form.Lead.FormID = p.text("form")
	event := ingest.Event{Kind: ingest.LeadKind, Lead: form.Lead}
	if event.Key, err = f.key(form, p, d.ReceivedAt); err != nil {
		return nil, err
	}
	form.Lead.ExternalID = form.ID
	return submission.dated(event, "_date", f.config.Location)
}

// key is the mapped id, else a hash of the form and of all that was sent.
func (f *Formspree) key(form *fields.Form, p payload, received time.Time) (string, error) {
	if form.ID != "" || p.text("submission._date") == "" {
		return form.Key(received), nil
	}
	parts := []string{p.text("form")}
	sent, err := fields.Flatten(p.object("submission"))
	for _, field := range sent {
		parts = append(parts, field.Name, strings.Join(field.Values, "\x00"))
	}
	return "hash:" + ingest.Digest(parts...), err
}

// visible are the fields without those that steer Formspree, but with the address
// that old forms have under _replyto.
func visible(submission payload) payload {
	shown := make(payload, len(submission))
	for name, value := range submission {
		if !strings.HasPrefix(name, "_") || fields.RoleOf(name) == fields.Honeypot {
			shown[name] = value
		}
	}
	if address := submission.text("_replyto"); strings.Contains(address, "@") {
		if _, ok := shown["email"]; !ok {
			shown["email"] = address
		}
	}
	return shown
}
