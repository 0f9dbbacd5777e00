package webhooks

import (
	"fmt"
	"net/textproto"
	"slices"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/signature"
)

// GitHubStyle is a sender that signs as GitHub does, and as many have copied
// it: X-Hub-Signature-256 is "sha256=" and the hexadecimal HMAC-SHA256 of the
// raw body. The body, JSON or a form whose field "payload" holds JSON, is read
// as for the type "json". X-GitHub-Delivery, which stays the same when a delivery
// is sent again, is the lead's key; without it the lead's own id or its content.
//
// Others' headers and encodings are named by options.hmac, their id by
// options.delivery_header.
//
// https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
type GitHubStyle struct {
	*signature.Guard
	options githubOptions
	reader  *fields.JSONReader
}

type githubOptions struct {
	fields.MappingOptions
	HMAC     signature.HMACOptions `json:"hmac"`
	AllowIPs []string              `json:"allow_ips"`
	// DeliveryHeader names the delivery [X-GitHub-Delivery].
	DeliveryHeader string `json:"delivery_header"`
	// Events are the X-GitHub-Event names that are leads; empty for all.
	Events []string `json:"events"`
}

// NewGitHubStyle is the constructor of the type "github-style".
func NewGitHubStyle(config ingest.SourceConfig) (ingest.Source, error) {
	g := new(GitHubStyle)
	if err := config.RequireSecrets(); err != nil {
		return nil, err
	}
	if err := config.DecodeOptions(&g.options); err != nil {
		return nil, err
	}
	if g.options.DeliveryHeader == "" {
		g.options.DeliveryHeader = "X-GitHub-Delivery"
	}
	g.options.DeliveryHeader = textproto.CanonicalMIMEHeaderKey(g.options.DeliveryHeader)
	var err error
	guard := signature.GuardOptions{HMAC: &g.options.HMAC, AllowIPs: g.options.AllowIPs}
	if g.Guard, err = signature.NewGuard(config, guard); err != nil {
		return nil, err
	}
	g.reader, err = fields.NewJSONReader(g.options.MappingOptions, config.Location)
	return g, err
}

// Decode reads the lead, or the list of leads.
func (g *GitHubStyle) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	kind := d.Header.Get("X-Github-Event")
	switch {
	case kind == "ping":
		return nil, ingest.Ignored("a ping")
	case len(g.options.Events) > 0 && !slices.Contains(g.options.Events, kind):
		return nil, ingest.Ignored("events of this name are not in options.events")
	}
	body, err := githubBody(d)
	if err != nil {
		return nil, err
	}
	events, err := g.reader.Events(body, d.ReceivedAt)
	if err != nil {
		return nil, err
	}
	id := d.Header.Get(g.options.DeliveryHeader)
	for i := range events {
		event := &events[i]
		if id != "" {
			event.Key = id
			if len(events) > 1 {
				event.Key = fmt.Sprintf("%s:%d", id, i)
			}
		}
		if kind != "" {
			event.Lead.Attrs = map[string]string{"event_type": kind}
		}
	}
	return events, nil
}

// githubBody returns the JSON, which in a form stands in the field payload.
func githubBody(d *ingest.Delivery) (any, error) {
	if d.Header.Get("Content-Type") == "" {
		return fields.ParseJSON(d.Body)
	}
	media, _, err := fields.MediaOf(d)
	switch {
	case err != nil:
		return nil, err
	case media == fields.JSON:
		return fields.ParseJSON(d.Body)
	}
	value, err := formObject(d)
	if err != nil {
		return nil, err
	}
	if payload := text(value, "payload"); payload != "" {
		return fields.ParseJSON([]byte(payload))
	}
	return value, nil
}
