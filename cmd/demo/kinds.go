package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"

	"github.com/leadgate/leadgate/ingest"
)

// kind is one row of the catalogue: a type of source, and of type cost a format,
// with the recorded delivery that stands for it.
type kind struct {
	typ, room string
	sample    string // the folder of its case
	format    string // of a type cost

	secret  string         // that stands in the sample's own body
	options map[string]any // besides the case's own
	russian bool           // its local numbers and times are
	// loosen takes off what the sample carries of another signature.
	loosen func(*ingest.Delivery) error
	// lead is the case with what the platform answers when it is asked; a type
	// without sample is only asked.
	lead string
}

// kinds are all of them, in the order of the registry.
var kinds = []kind{
	{typ: "form", room: "forms", sample: "urlencoded"},
	{typ: "json", room: "forms", sample: "flat"},
	{typ: "click", room: "clicks", sample: "one"},
	{typ: "status", room: "clicks", sample: "won"},
	{typ: "cost", room: "costs", format: "csv", sample: "plain"},
	{typ: "cost", room: "costs", format: "ga4", sample: "data-import"},
	{typ: "cost", room: "costs", format: "google-ads", sample: "search-stream"},
	{typ: "cost", room: "costs", format: "google-ads-csv", sample: "english"},
	{typ: "cost", room: "costs", format: "json", sample: "array"},
	{typ: "cost", room: "costs", format: "linkedin", sample: "daily"},
	{typ: "cost", room: "costs", format: "meta", sample: "insights"},
	{typ: "cost", room: "costs", format: "meta-csv", sample: "by-day-with-summary"},
	{typ: "cost", room: "costs", format: "microsoft-ads", sample: "daily"},
	{typ: "cost", room: "costs", format: "tiktok", sample: "by-day"},
	{typ: "cost", room: "costs", format: "yandex-direct", sample: "micros"},
	{typ: "cost", room: "costs", format: "yandex-metrica", sample: "expenses"},
	{typ: "typeform", room: "forms", sample: "form-response"},
	{typ: "netlify", room: "forms", sample: "submission"},
	{typ: "formspree", room: "forms", sample: "submission"},
	{typ: "tally", room: "forms", sample: "response"},
	{typ: "jotform", room: "forms", sample: "submission"},
	{typ: "webflow", room: "forms", sample: "submission"},
	{typ: "calendly", room: "forms", sample: "invitee"},
	{typ: "hubspot", room: "forms", sample: "batch", lead: "fetched"},
	{typ: "gravity-forms", room: "forms", sample: "all-fields"},
	{typ: "elementor", room: "forms", sample: "advanced"},
	{typ: "contact-form-7", room: "forms", sample: "json"},
	{typ: "wpforms", room: "forms", sample: "form"},
	{typ: "unbounce", room: "forms", sample: "json"},
	{typ: "tilda", room: "forms", russian: true, sample: "form"},
	{typ: "zapier-generic", room: "forms", sample: "flat-json"},
	{typ: "callrail", room: "calls", sample: "post-call"},
	{typ: "twilio", room: "calls", sample: "completed"},
	{typ: "calltrackingmetrics", room: "calls", sample: "end"},
	{typ: "whatconverts", room: "calls", sample: "completed"},
	{typ: "invoca", room: "calls", sample: "call"},
	{typ: "ringba", room: "calls", sample: "pixel"},
	{typ: "calltouch", room: "calls", russian: true, sample: "completed"},
	{typ: "uis-comagic", room: "calls", russian: true, sample: "finished"},
	{typ: "mango-office", room: "calls", russian: true, sample: "summary", loosen: unwrapMango},
	{typ: "meta", room: "ads", sample: "announced", lead: "lead"},
	{typ: "google-ads", room: "ads", sample: "lead", secret: "own-google-key"},
	{typ: "tiktok", room: "ads", sample: "lead"},
	{typ: "linkedin", room: "ads", sample: "announced", lead: "lead"},
	{typ: "snapchat", room: "ads", sample: "with-token"},
	{typ: "vk", room: "ads", russian: true, sample: "lead", secret: "ownVkSecret"},
	{typ: "yandex-direct", room: "ads", russian: true, lead: "lead"},
	{typ: "sendgrid", room: "mail", sample: "notification"},
	{typ: "mailgun", room: "mail", sample: "notification", loosen: unsignMailgun},
	{typ: "postmark", room: "mail", sample: "notification"},
	// Nobody but Amazon can sign a notification of SNS. What it does not sign is
	// raw message delivery, which a source with a secret takes; the case is of one
	// without.
	{
		typ: "aws-ses", room: "mail", sample: "refused-raw-without-secret",
		options: map[string]any{"topics": []string{"arn:aws:sns:eu-west-1:111122223333:lead-mail"}},
	},
	{typ: "cloudmailin", room: "mail", sample: "notification"},
	{typ: "email-lead", room: "mail", sample: "raw"},
	{typ: "adf", room: "mail", sample: "prospect"},
	{typ: "standard-webhooks", room: "webhooks", sample: "lead"},
	{typ: "cloudevents", room: "webhooks", sample: "structured"},
	{typ: "github-style", room: "webhooks", sample: "lead"},
}

// source is what its source is called in the demonstration.
func (k kind) source() string {
	if k.format != "" {
		return k.typ + "-" + k.format
	}
	return k.typ
}

// open types are posted to by pages, which can keep no secret.
func (k kind) open() bool { return k.typ == "form" || k.typ == "click" }

func (k kind) file(root, sample, name string) string {
	folder := k.typ
	if k.format != "" {
		folder = k.format
	}
	return filepath.Join(root, "sources", k.room, "testdata", folder, sample, name)
}

// recorded reads one of the kind's cases.
func (k kind) recorded(root, sample string) (*ingest.Delivery, error) {
	text, err := os.ReadFile(k.file(root, sample, "request.http"))
	if err != nil {
		return nil, err
	}
	return ingest.ParseCapture(text)
}

// sourceOptions are those of the case and those of the kind.
func (k kind) sourceOptions(root string) (map[string]any, error) {
	options := map[string]any{}
	text, err := os.ReadFile(k.file(root, k.sample, "options.json"))
	switch {
	case os.IsNotExist(err): // most cases have none
	case err != nil:
		return nil, err
	default:
		if err := json.Unmarshal(text, &options); err != nil {
			return nil, err
		}
	}
	maps.Copy(options, k.options)
	if k.format != "" {
		options["format"] = k.format
	}
	return options, nil
}

// unwrapMango leaves the JSON alone, which is put into a form when it is signed.
func unwrapMango(d *ingest.Delivery) error {
	form, err := url.ParseQuery(string(d.Body))
	d.Body = []byte(form.Get("json"))
	return err
}

// unsignMailgun takes off the fields that signing adds.
func unsignMailgun(d *ingest.Delivery) error {
	form, err := url.ParseQuery(string(d.Body))
	for _, name := range []string{"timestamp", "token", "signature"} {
		form.Del(name)
	}
	d.Body = []byte(form.Encode())
	return err
}

// repository finds the source tree, where the recorded deliveries are.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "sources", "forms", "testdata")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("run it inside the repository: it sends the recorded deliveries of sources/*/testdata")
		}
		dir = parent
	}
}

func (k kind) errorf(format string, args ...any) error {
	return fmt.Errorf("%s: "+format, append([]any{k.source()}, args...)...)
}
