// Package webhooks reads senders that follow a general convention instead of
// one of their own.
//
// Its law: the convention says who sent it and what its key is; what the
// content means is said by a mapping, as for plain JSON.
package webhooks

import (
	"fmt"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/normalize"
	"github.com/leadgate/leadgate/sources/signature"
)

// Standard is a sender that signs as Standard Webhooks says, and whose body
// is {type, timestamp, data}: data is the lead. The header webhook-id, which
// stays the same when a delivery is tried again, is the lead's key.
//
// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
type Standard struct {
	config  ingest.SourceConfig
	keys    *signature.StandardKeys
	options standardOptions
	reader  *fields.JSONReader
}

type standardOptions struct {
	fields.MappingOptions
	// Types are the event types that are leads; empty for all.
	Types []string `json:"types"`
}

// Tolerance is how far webhook-timestamp may lie from the time of receipt.
const tolerance = 5 * time.Minute

// NewStandard is the constructor of the type "standard-webhooks".
func NewStandard(config ingest.SourceConfig) (ingest.Source, error) {
	s := &Standard{config: config}
	if err := config.RequireSecrets(); err != nil {
		return nil, err
	}
	var err error
	if s.keys, err = signature.ParseStandardKeys(config.Secrets); err != nil {
		return nil, err
	}
	if err := config.DecodeOptions(&s.options); err != nil {
		return nil, err
	}
	if s.options.Root == "" {
		s.options.Root = "data"
	}
	s.reader, err = fields.NewJSONReader(s.options.MappingOptions, config.Location)
	return s, err
}

// Verify checks the signature and its time.
func (s *Standard) Verify(d *ingest.Delivery) error { return s.keys.Verify(d, tolerance) }

// Decode reads the lead, or the list of leads, in data.
func (s *Standard) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	id := d.Header.Get("Webhook-Id")
	if id == "" {
		return nil, fmt.Errorf("%w: no header webhook-id", ingest.ErrMalformed)
	}
	body, err := fields.ParseJSON(d.Body)
	if err != nil {
		return nil, err
	}
	kind, sent := text(body, "type"), text(body, "timestamp")
	if !s.wanted(kind) {
		return nil, ingest.Ignored("events of this type are not in options.types")
	}
	events, err := s.reader.Events(body, d.ReceivedAt)
	if err != nil {
		return nil, err
	}
	for i := range events {
		event := &events[i]
		event.Key = id
		if len(events) > 1 {
			event.Key = fmt.Sprintf("%s:%d", id, i)
		}
		if event.OccurredAt.IsZero() {
			if at, zone, err := normalize.Time(sent, s.config.Location); err == nil {
				event.OccurredAt, event.Zone = at, zone
			}
		}
		if kind != "" {
			event.Lead.Attrs = map[string]string{"event_type": kind}
		}
	}
	return events, nil
}

func (s *Standard) wanted(kind string) bool {
	for _, wanted := range s.options.Types {
		if wanted == kind {
			return true
		}
	}
	return len(s.options.Types) == 0
}

func text(body any, path string) string {
	value, _ := fields.At(body, path)
	s, _ := value.(string)
	return s
}
