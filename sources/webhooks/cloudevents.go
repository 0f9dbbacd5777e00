package webhooks

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"mime"
	"net/textproto"
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

// CloudEvents is a sender of CloudEvents 1.0 (or 0.3) over HTTP: one event in
// binary or structured mode, or a batch. Its data, JSON or a form, is the lead,
// read as for the type "json". Source and id together are the key. The sender
// shows the secret as Authorization: Bearer or as ?access_token=….
//
// The handshake of web hooks (OPTIONS with WebHook-Request-Origin) is consented
// to for options.allowed_origins, "*" for all, at options.rate_per_minute, 0
// for any rate. A WebHook-Request-Callback is not called: a request of ours to an
// address that a stranger names would be a way into the network we run in.
//
// https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/http-protocol-binding.md
// https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md
type CloudEvents struct {
	*signature.Guard
	options cloudOptions
	reader  *fields.JSONReader
}

type cloudOptions struct {
	signature.GuardOptions
	fields.MappingOptions
	AllowedOrigins []string `json:"allowed_origins"`
	RatePerMinute  int      `json:"rate_per_minute"`
	// Types are the event types that are leads; empty for all.
	Types []string `json:"types"`
}

// NewCloudEvents is the constructor of the type "cloudevents".
func NewCloudEvents(config ingest.SourceConfig) (ingest.Source, error) {
	c := new(CloudEvents)
	if err := config.DecodeOptions(&c.options); err != nil {
		return nil, err
	}
	if c.options.RatePerMinute < 0 {
		return nil, fmt.Errorf("options.rate_per_minute: negative (got %d)", c.options.RatePerMinute)
	}
	var err error
	if c.Guard, err = signature.NewGuard(config, c.options.GuardOptions); err != nil {
		return nil, err
	}
	c.reader, err = fields.NewJSONReader(c.options.MappingOptions, config.Location)
	return c, err
}

// Challenge answers the handshake. The consent is in the headers: whoever is
// refused gets none of them.
func (c *CloudEvents) Challenge(d *ingest.Delivery) (ingest.Answer, bool) {
	origin := d.Header.Get("Webhook-Request-Origin")
	if d.Method != "OPTIONS" || origin == "" {
		return ingest.Answer{}, false
	}
	allow := map[string]string{"Allow": "POST"}
	switch {
	case slices.Contains(c.options.AllowedOrigins, "*"):
		allow["WebHook-Allowed-Origin"] = "*"
	case slices.ContainsFunc(c.options.AllowedOrigins, func(o string) bool { return strings.EqualFold(o, origin) }):
		allow["WebHook-Allowed-Origin"] = origin
	default:
		return ingest.Answer{Status: forbidden, Header: allow, Body: []byte("the origin is not one of options.allowed_origins")}, true
	}
	switch rate := c.options.RatePerMinute; {
	case rate > 0:
		allow["WebHook-Allowed-Rate"] = strconv.Itoa(rate)
	case d.Header.Get("Webhook-Request-Rate") != "":
		allow["WebHook-Allowed-Rate"] = "*"
	}
	return ingest.Answer{Status: ok, Header: allow}, true
}

// The statuses that a handshake is answered with.
const (
	ok        = 200
	forbidden = 403
)

// cloudEvent is one event, whichever mode it came in.
type cloudEvent struct {
	id, source, kind, time string
	media                  string // of data, JSON if empty
	data                   any    // parsed JSON, or text or bytes of that media
}

// Decode reads the leads of one event or of a batch.
func (c *CloudEvents) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	sent, err := cloudEvents(d)
	if err != nil {
		return nil, err
	}
	var events []ingest.Event
	wanted := false
	for i := range sent {
		e := &sent[i]
		if len(c.options.Types) > 0 && !slices.Contains(c.options.Types, e.kind) {
			continue
		}
		wanted = true
		leads, err := c.leads(e, d.ReceivedAt)
		if err != nil {
			return nil, err
		}
		events = append(events, leads...)
	}
	switch {
	case len(sent) == 0:
		return nil, ingest.Ignored("an empty batch")
	case !wanted:
		return nil, ingest.Ignored("events of this type are not in options.types")
	}
	return events, nil
}

func (c *CloudEvents) leads(e *cloudEvent, received time.Time) ([]ingest.Event, error) {
	data, err := e.parsed()
	if err != nil {
		return nil, err
	}
	events, err := c.reader.Events(data, received)
	if err != nil {
		return nil, err
	}
	for i := range events {
		event := &events[i]
		// A source is a URI reference, without blanks once they are escaped: the
		// key is of this pair only.
		event.Key = strings.ReplaceAll(e.source, " ", "%20") + " " + e.id
		if len(events) > 1 {
			event.Key += ":" + strconv.Itoa(i)
		}
		if event.Lead.ExternalID == "" {
			event.Lead.ExternalID = e.id
		}
		if event.OccurredAt.IsZero() && e.time != "" {
			if at, zone, err := normalize.Time(e.time, time.UTC); err == nil {
				event.OccurredAt, event.Zone = at, zone
			}
		}
		event.Lead.Attrs = map[string]string{"event_type": e.kind, "event_source": e.source}
	}
	return events, nil
}

// cloudEvents takes a delivery apart. A sender that gives no event's own media
// type is known by its headers, or by what the JSON holds.
func cloudEvents(d *ingest.Delivery) ([]cloudEvent, error) {
	media, _, err := mime.ParseMediaType(d.Header.Get("Content-Type"))
	if err != nil {
		media = ""
	}
	binary := d.Header.Get("Ce-Id") != "" || d.Header.Get("Ce-Specversion") != ""
	switch {
	case media == "application/cloudevents+json" || media == "application/cloudevents-batch+json":
	case strings.HasPrefix(media, "application/cloudevents"):
		return nil, fmt.Errorf("%w: CloudEvents are read as JSON only", ingest.ErrMediaType)
	case binary:
		e, err := binaryEvent(d)
		return []cloudEvent{e}, err
	}
	body, err := fields.ParseJSON(d.Body)
	if err != nil {
		return nil, err
	}
	list, batch := body.([]any)
	if !batch {
		list = []any{body}
	}
	events := make([]cloudEvent, len(list))
	for i, element := range list {
		if events[i], err = structuredEvent(element); err != nil {
			return nil, err
		}
	}
	return events, nil
}

func binaryEvent(d *ingest.Delivery) (cloudEvent, error) {
	e := cloudEvent{
		id: attribute(d, "Id"), source: attribute(d, "Source"), kind: attribute(d, "Type"), time: attribute(d, "Time"),
		media: d.Header.Get("Content-Type"), data: d.Body,
	}
	return e, e.check(attribute(d, "Specversion"))
}

// attribute reads a header of binary mode: quoted or not, with the escapes of
// https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/http-protocol-binding.md#3132-http-header-values
func attribute(d *ingest.Delivery, name string) string {
	value := strings.TrimSpace(d.Header.Get("Ce-" + name))
	if len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
		value = strings.ReplaceAll(strings.ReplaceAll(value[1:len(value)-1], `\"`, `"`), `\\`, `\`)
	}
	if text, err := url.PathUnescape(value); err == nil {
		return text
	}
	return value
}

func structuredEvent(value any) (cloudEvent, error) {
	object, ok := value.(map[string]any)
	if !ok {
		return cloudEvent{}, fmt.Errorf("%w: a CloudEvent is a JSON object", ingest.ErrMalformed)
	}
	e := cloudEvent{
		id: text(object, "id"), source: text(object, "source"), kind: text(object, "type"), time: text(object, "time"),
		media: text(object, "datacontenttype"), data: object["data"],
	}
	if e.media == "" {
		e.media = text(object, "contenttype") // before 0.3
	}
	if encoded, ok := object["data_base64"].(string); ok {
		raw, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return e, fmt.Errorf("%w: data_base64 is not base64", ingest.ErrMalformed)
		}
		e.data = raw
	}
	return e, e.check(text(object, "specversion"))
}

func (e *cloudEvent) check(version string) error {
	for _, a := range [...]struct{ name, value string }{
		{"specversion", version}, {"id", e.id}, {"source", e.source}, {"type", e.kind},
	} {
		if a.value == "" {
			return fmt.Errorf("%w: the CloudEvent's %s is missing", ingest.ErrMalformed, a.name)
		}
	}
	if version != "0.3" && !strings.HasPrefix(version, "1.") {
		return fmt.Errorf("%w: a specversion that is neither 1.0 nor 0.3", ingest.ErrMalformed)
	}
	return nil
}

// parsed returns data as JSON: bytes and texts are read as what their media
// type says. A form becomes an object.
func (e *cloudEvent) parsed() (any, error) {
	var raw []byte
	switch data := e.data.(type) {
	case []byte:
		raw = data
	case string:
		raw = []byte(data)
	case nil:
		return nil, fmt.Errorf("%w: the CloudEvent has no data", ingest.ErrMalformed)
	default:
		return data, nil
	}
	d := &ingest.Delivery{Header: textproto.MIMEHeader{"Content-Type": {e.media}}, Body: raw}
	media, _, err := fields.MediaOf(d)
	switch {
	case e.media == "" || err == nil && media == fields.JSON:
		return fields.ParseJSON(bytes.TrimSpace(raw))
	case err != nil:
		return nil, err
	}
	return formObject(d)
}

// formObject reads a form as the JSON object that it would be.
func formObject(d *ingest.Delivery) (any, error) {
	sent, err := fields.Parse(d)
	if err != nil {
		return nil, err
	}
	object := make(map[string]any, len(sent))
	for _, field := range sent {
		if object[field.Name] = field.Values[0]; len(field.Values) > 1 {
			list := make([]any, len(field.Values))
			for i, value := range field.Values {
				list[i] = value
			}
			object[field.Name] = list
		}
	}
	return object, nil
}
