package forms

import (
	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/signature"
)

// JSON takes leads from any sender that can post JSON or a form and can be
// given a secret (Zapier, Make, a CRM), verified as signature.Guard says: an
// object or a list of them, read by the names of the fields and by a mapping.
//
// The interchange format: https://www.rfc-editor.org/rfc/rfc8259
type JSON struct {
	*signature.Guard
	reader *fields.JSONReader
}

type jsonOptions struct {
	fields.MappingOptions
	signature.GuardOptions
}

// NewJSON is the constructor of the type "json".
func NewJSON(config ingest.SourceConfig) (ingest.Source, error) {
	var options jsonOptions
	if err := config.DecodeOptions(&options); err != nil {
		return nil, err
	}
	guard, err := signature.NewGuard(config, options.GuardOptions)
	if err != nil {
		return nil, err
	}
	reader, err := fields.NewJSONReader(options.MappingOptions, config.Location)
	if err != nil {
		return nil, err
	}
	return &JSON{Guard: guard, reader: reader}, nil
}

// Authorized checks what does not need the body.
func (j *JSON) Authorized(d *ingest.Delivery) error { return j.VerifyHead(d) }

// Decode reads one lead, or a list of them.
func (j *JSON) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	media, err := mediaOf(d)
	if err != nil {
		return nil, err
	}
	if media == fields.JSON {
		value, err := fields.ParseJSON(d.Body)
		if err != nil {
			return nil, err
		}
		return j.reader.Events(value, d.ReceivedAt)
	}
	sent, err := fields.Parse(d)
	if err != nil {
		return nil, err
	}
	event, err := j.reader.Event(sent, d.ReceivedAt)
	if err != nil {
		return nil, err
	}
	return []ingest.Event{event}, nil
}

// mediaOf takes for JSON what has no content type, as some senders leave it.
func mediaOf(d *ingest.Delivery) (fields.Media, error) {
	if d.Header.Get("Content-Type") == "" {
		return fields.JSON, nil
	}
	media, _, err := fields.MediaOf(d)
	return media, err
}
