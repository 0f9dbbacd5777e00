package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/sender"
)

const (
	// catalogueWorkspace keeps the recorded deliveries out of the day's report.
	catalogueWorkspace = "catalogue"
	// catalogueSecret suits every type, also those that want base64.
	catalogueSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

// catalogueSources is a source for every kind, as lines of the configuration;
// platforms are asked at the address that stands in for them.
func catalogueSources(root, platforms string) (string, error) {
	var lines strings.Builder
	for _, k := range kinds {
		options, err := k.sourceOptions(root)
		if err != nil {
			return "", k.errorf("%w", err)
		}
		source := map[string]any{
			"name": k.source(), "type": k.typ, "workspace": catalogueWorkspace, "currency": "EUR", "options": options,
		}
		if !k.open() {
			source["secrets"] = []string{k.secretText()}
		}
		if k.lead != "" {
			source["credentials"] = map[string]string{"access_token": catalogueSecret}
			options["api_url"] = platforms + "/" + k.typ
		}
		if k.russian {
			source["default_region"], source["timezone"] = "RU", "Europe/Moscow"
		}
		line, err := json.Marshal(source) // JSON is YAML
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&lines, "  - %s\n", line)
	}
	return lines.String(), nil
}

func (k kind) secretText() string {
	return cmp.Or(k.secret, catalogueSecret)
}

// sending is what was sent for a kind, and how it was answered.
type sending struct {
	kind
	what   string
	answer int
}

// sendCatalogue sends one recorded delivery of every kind, signed for now.
func (g *gateway) sendCatalogue(ctx context.Context, root string) ([]sending, error) {
	var all []sending
	for _, k := range kinds {
		s := sending{kind: k, what: "nothing, it is asked"}
		if k.sample != "" {
			d, err := k.delivery(root, g.url)
			if err != nil {
				return nil, k.errorf("%w", err)
			}
			s.what = k.describe(d)
			if s.answer, err = send(ctx, d); err != nil {
				return nil, k.errorf("%w", err)
			}
		}
		all = append(all, s)
	}
	return all, nil
}

// delivery is the kind's sample as its sender would send it now.
func (k kind) delivery(root, public string) (*ingest.Delivery, error) {
	d, err := k.recorded(root, k.sample)
	if err != nil {
		return nil, err
	}
	recorded, err := url.Parse(d.URL)
	if err != nil {
		return nil, err
	}
	d.ID, d.ReceivedAt = "demo-"+k.source(), time.Now()
	d.URL = public + "/in/" + k.source()
	if _, below, ok := strings.Cut(strings.TrimPrefix(recorded.Path, "/in/"), "/"); ok {
		d.URL += "/" + below // Mango's events have addresses of their own
	}
	query, tokened := recorded.Query(), false
	for _, name := range []string{"token", "key"} {
		if query.Has(name) {
			query.Set(name, k.secretText())
			tokened = true
		}
	}
	if len(query) > 0 {
		d.URL += "?" + query.Encode()
	}
	if k.loosen != nil {
		if err := k.loosen(d); err != nil {
			return nil, err
		}
	}
	if !tokened && !k.open() {
		sender.Sign(k.typ, d, k.secretText())
	}
	return d, nil
}

func send(ctx context.Context, d *ingest.Delivery) (int, error) {
	req, err := http.NewRequestWithContext(ctx, d.Method, d.URL, bytes.NewReader(d.Body))
	if err != nil {
		return 0, err
	}
	req.Header = http.Header(d.Header)
	status, _, err := do(req)
	return status, err
}

// nouns are what the senders of a room send.
var nouns = map[string]string{
	"forms": "form", "costs": "cost file", "calls": "call", "ads": "lead ad", "mail": "e-mail", "webhooks": "webhook",
}

// encodings are what people call the content types of the samples.
var encodings = map[string]string{
	"application/json": "JSON", "application/cloudevents+json": "JSON", "application/x-www-form-urlencoded": "urlencoded",
	"multipart/form-data": "multipart", "text/csv": "CSV", "text/tab-separated-values": "TSV", "message/rfc822": "as it is",
	"application/xml": "XML", "text/plain": "JSON", // of SNS
}

// describe says what is sent and how it is written.
func (k kind) describe(d *ingest.Delivery) string {
	noun, ok := nouns[k.room]
	switch {
	case !ok:
		noun = k.typ
	case k.lead != "":
		noun = "notice of a lead"
	}
	mediaType, _, _ := mime.ParseMediaType(d.Header.Get("Content-Type"))
	if d.Method == http.MethodGet {
		return noun + ", GET"
	}
	return noun + ", " + cmp.Or(encodings[mediaType], mediaType)
}
