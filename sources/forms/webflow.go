package forms

import (
	"cmp"
	"crypto"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/signature"
)

// Webflow is the source type "webflow": form submissions of Webflow sites,
// https://developers.webflow.com/data/docs/working-with-webhooks. Hooks that are
// made through the API are signed with the secret of the OAuth app, or since April
// 2025 with one of their own: those are the secrets. Hooks that are made in the
// site's dashboard are not signed at all, and must be asked for in so many words.
// Its options:
//
//	unsigned    true for a dashboard hook: its secret is a token in its address,
//	            and the options of signature.Guard hold (false)
//	fields      meaning -> label of the form's field
//	tolerance   how old or early a signed timestamp may be ("5m")
//
// Whether a hook that is tried again, ten minutes later, has a timestamp of its
// own is not documented; if it had not, tolerance would have to be above that.
// The older form of the payload (v1) is known from other people's code.
type Webflow struct {
	config    ingest.SourceConfig
	mapping   *fields.Mapping
	tolerance time.Duration
	guard     *signature.Guard // of unsigned hooks, nil for signed ones
}

type webflowOptions struct {
	Unsigned  bool              `json:"unsigned"`
	Fields    map[string]string `json:"fields"`
	Tolerance string            `json:"tolerance"`
	signature.GuardOptions
}

// NewWebflow is the constructor of the type "webflow".
func NewWebflow(config ingest.SourceConfig) (ingest.Source, error) {
	var options webflowOptions
	if err := config.DecodeOptions(&options); err != nil {
		return nil, err
	}
	w := &Webflow{config: config}
	var err error
	switch {
	case options.Unsigned:
		w.guard, err = signature.NewGuard(config, options.GuardOptions)
	case !reflect.ValueOf(options.GuardOptions).IsZero():
		err = errors.New("options: insecure, allow_ips, token_header and hmac are for hooks that are not signed: " +
			"say unsigned: true as well")
	default:
		err = config.RequireSecrets()
	}
	if err != nil {
		return nil, err
	}
	if w.tolerance, err = window(options.Tolerance, 5*time.Minute); err != nil {
		return nil, err
	}
	w.mapping, err = fields.NewMapping(options.Fields)
	return w, err
}

// Verify checks the signature over the timestamp, a colon and the body, or the
// token of a hook that is not signed.
func (w *Webflow) Verify(d *ingest.Delivery) error {
	if w.guard != nil {
		return w.guard.Verify(d)
	}
	text, err := signature.Header(d, "X-Webflow-Signature")
	if err != nil {
		return fmt.Errorf("%w; hooks made in Webflow's dashboard are not signed: "+
			"give their address a token and say options.unsigned: true", err)
	}
	stamp, err := signature.Header(d, "X-Webflow-Timestamp")
	if err != nil {
		return err
	}
	claimed, err := signature.Millis(stamp)
	if err != nil {
		return err
	}
	if err := signature.Within(d.ReceivedAt, claimed, w.tolerance); err != nil {
		return err
	}
	received, err := signature.Hex(text)
	if err != nil {
		return err
	}
	return signature.HMAC(crypto.SHA256, w.config.Secrets, received, []byte(stamp+":"), d.Body)
}

// Redact removes the token header of a hook that is not signed.
func (w *Webflow) Redact(d *ingest.Delivery) {
	if w.guard != nil {
		w.guard.Redact(d)
	}
}

// Decode reads one submission.
func (w *Webflow) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	p, err := readPayload(d.Body)
	if err != nil {
		return nil, err
	}
	if kind := p.text("triggerType"); kind != "" && kind != "form_submission" {
		return nil, ingest.Ignored("only form_submission events are leads")
	}
	if inner := p.object("payload"); inner != nil {
		p = inner
	}
	id := cmp.Or(p.text("id"), p.text("_id"))
	if id == "" {
		return nil, missing("payload.id")
	}
	data := p.object("data")
	if data == nil {
		return nil, missing("payload.data")
	}
	answers := answered{mapping: w.mapping}
	if err := answers.all(data, labelled(p.list("schema"))...); err != nil {
		return nil, err
	}
	lead := answers.read().Lead
	lead.ExternalID = id
	lead.FormID, lead.FormName = p.text("formId"), p.text("name")
	lead.PageURL = cmp.Or(lead.PageURL, p.text("pageUrl"))
	lead.Attrs = attrs(map[string]string{
		"site_id": cmp.Or(p.text("siteId"), p.text("site")), "page_id": p.text("pageId"), "path": p.text("publishedPath"),
	})
	event := ingest.Event{Kind: ingest.LeadKind, Key: id, Lead: lead}
	if p.text("submittedAt") == "" {
		return p.dated(event, "d", w.config.Location)
	}
	return p.dated(event, "submittedAt", w.config.Location)
}

// labelled are the labels of the form's fields in their order.
func labelled(schema []any) []string {
	names := make([]string, 0, len(schema))
	for _, element := range schema {
		names = append(names, asPayload(element).text("fieldName"))
	}
	return names
}
