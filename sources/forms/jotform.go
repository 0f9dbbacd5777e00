package forms

import (
	"bytes"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/normalize"
	"github.com/leadgate/leadgate/sources/signature"
)

// Jotform is the source type "jotform": the webhook of a Jotform form,
// https://www.jotform.com/help/245-how-to-setup-a-webhook-with-jotform/. Jotform
// signs nothing: the secret is a token in the webhook's address, or what else
// signature.Guard takes. Jotform repeats that address in the body, so the token is
// taken out of it before the delivery is kept. Its options, besides the guard's:
//
//	fields    meaning -> name of the question, as "q3_name" or as "name"
//
// The answers are JSON inside a field of the form, rawRequest; the readable
// summary in pretty cannot be taken apart safely. A submission is counted by its
// id. That one which is edited comes again with the same id, and replaces what was
// there, is known from third parties only, as are the members of rawRequest.
type Jotform struct {
	*signature.Guard
	config  ingest.SourceConfig
	mapping *fields.Mapping
}

type jotformOptions struct {
	Fields map[string]string `json:"fields"`
	signature.GuardOptions
}

// NewJotform is the constructor of the type "jotform".
func NewJotform(config ingest.SourceConfig) (ingest.Source, error) {
	var options jotformOptions
	if err := config.DecodeOptions(&options); err != nil {
		return nil, err
	}
	guard, err := signature.NewGuard(config, options.GuardOptions)
	if err != nil {
		return nil, err
	}
	mapping, err := fields.NewMapping(options.Fields)
	if err != nil {
		return nil, err
	}
	return &Jotform{Guard: guard, config: config, mapping: mapping}, nil
}

// Redact removes the token from the webhook's own address in the body.
func (j *Jotform) Redact(d *ingest.Delivery) {
	j.Guard.Redact(d)
	for _, secret := range j.config.Secrets {
		for _, text := range slices.Compact([]string{secret, url.QueryEscape(secret), url.QueryEscape(url.QueryEscape(secret))}) {
			if bytes.Contains(d.Body, []byte(text)) {
				d.Body = withoutToken(d.Body, text)
			}
		}
	}
}

// withoutToken removes a secret where it stands as in an address: behind
// "token=" or a user's name. The same letters in an answer stay.
func withoutToken(body []byte, secret string) []byte {
	for _, name := range ingest.CredentialParams {
		for _, equals := range []string{"=", "%3D", "%3d"} {
			body = bytes.ReplaceAll(body, []byte(name+equals+secret), []byte(name+equals))
		}
	}
	for _, around := range [][2]string{{":", "@"}, {"%3A", "%40"}, {"%3a", "%40"}} {
		body = bytes.ReplaceAll(body, []byte(around[0]+secret+around[1]), []byte(around[0]+around[1]))
	}
	return body
}

// Decode reads one submission.
func (j *Jotform) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	sent, err := fields.Parse(d)
	if err != nil {
		return nil, err
	}
	id, raw := first(sent, "submissionID"), first(sent, "rawRequest")
	switch {
	case id == "":
		return nil, missing("submissionID")
	case raw == "":
		return nil, missing("rawRequest")
	}
	p, err := readPayload([]byte(raw))
	if err != nil {
		return nil, err
	}
	answers := &answered{mapping: j.mapping}
	for _, question := range questions(p) {
		if err := j.answer(answers, question, p[question]); err != nil {
			return nil, err
		}
	}
	lead := answers.read().Lead
	lead.ExternalID = id
	lead.FormID, lead.FormName = first(sent, "formID"), first(sent, "formTitle")
	lead.Attrs = attrs(map[string]string{"event_id": p.text("event_id"), "type": first(sent, "type")})
	event := ingest.Event{Kind: ingest.LeadKind, Key: id, Mutable: true, Lead: lead}
	// Not every form tells when it was sent; nothing is lost without it.
	if at, zone, err := normalize.Time(p.text("submitDate"), time.UTC); err == nil {
		event.OccurredAt, event.Zone = at, zone
	}
	return []ingest.Event{event}, nil
}

// questions are the members of rawRequest that hold answers, in the order of the
// form: "q3_name", and files that were sent, which stand under their bare name.
func questions(p payload) []string {
	var names []string
	for name, value := range p {
		list, _ := value.([]any)
		text := ""
		if len(list) > 0 {
			text, _ = list[0].(string)
		}
		if number, slug := numbered(name); number > 0 && slug != "" || strings.HasPrefix(text, "https://") {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		x, _ := numbered(a)
		y, _ := numbered(b)
		if x != y {
			return x - y
		}
		return strings.Compare(a, b)
	})
	return names
}

// numbered takes "q3_name" apart; the number is 0 for any other name.
func numbered(name string) (number int, slug string) {
	digits, slug, ok := strings.Cut(strings.TrimPrefix(name, "q"), "_")
	number, err := strconv.Atoi(digits)
	if !ok || err != nil || number < 0 || number > 1<<30 || !strings.HasPrefix(name, "q") {
		return 0, name
	}
	return number, slug
}
