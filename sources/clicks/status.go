package clicks

import (
	"cmp"
	"strings"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/signature"
)

// Status is the source type "status": what became of leads, as a CRM tells it
// with a token. A body is an object, or a list of up to 500:
//
//	{"id", "lead_id"|"external_id"|"email"|"phone", "status", "reason", "value", "currency", "occurred_at"}
//
// A status and one way to find the lead are required. Value is money, as text
// or as a number ("1200.50"), read digit by digit. Without an id the same news
// at the same time, or without a time on the same day, is one.
type Status struct{ config ingest.SourceConfig }

// NewStatus returns a source of type "status". It has no options.
func NewStatus(config ingest.SourceConfig) (ingest.Source, error) {
	if err := config.RequireSecrets(); err != nil {
		return nil, err
	}
	if err := config.DecodeOptions(&struct{}{}); err != nil {
		return nil, err
	}
	return &Status{config: config}, nil
}

// Verify checks the sender's token.
func (s *Status) Verify(d *ingest.Delivery) error { return signature.Token(d, s.config.Secrets) }

// Authorized checks the token, which is never in the body.
func (s *Status) Authorized(d *ingest.Delivery) error { return s.Verify(d) }

// Decode reads the changes. Errors in a list are named like "[3].value".
func (s *Status) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	invalid := new(ingest.InvalidError)
	list, err := elements(d, invalid)
	if err != nil {
		return nil, err
	}
	events := make([]ingest.Event, 0, len(list))
	for i := range list {
		events = append(events, s.event(&list[i], d.ReceivedAt))
	}
	if err := invalid.Err(); err != nil {
		return nil, err
	}
	return events, nil
}

func (s *Status) event(e *element, received time.Time) ingest.Event {
	status := &ingest.Status{
		LeadID:     e.text("lead_id"),
		ExternalID: e.text("external_id"),
		Email:      e.text("email"),
		Phone:      e.text("phone"),
		Status:     e.text("status"),
		Reason:     e.text("reason"),
		Currency:   e.text("currency"),
	}
	if cmp.Or(status.LeadID, status.ExternalID, status.Email, status.Phone) == "" {
		e.bad("lead_id", "name the lead by lead_id, external_id, email or phone")
	}
	if status.Status == "" {
		e.bad("status", "missing")
	}
	value := e.text("value")
	if value != "" {
		amount, err := ingest.ParseMicros(value)
		if err != nil {
			e.bad("value", "%s", err)
		}
		status.Value = &amount
		if cmp.Or(status.Currency, s.config.Currency) == "" {
			e.bad("currency", "missing")
		}
	}
	event := ingest.Event{Kind: ingest.StatusKind, Key: e.id(), Status: status}
	event.OccurredAt, event.Zone = e.time(s.config.Location)
	if event.Key == "" {
		when := event.OccurredAt.Format(time.RFC3339Nano)
		if event.OccurredAt.IsZero() {
			when = received.UTC().Format(time.DateOnly)
		}
		event.Key = "hash:" + ingest.Digest("status", status.LeadID, status.ExternalID, strings.ToLower(status.Email),
			status.Phone, status.Status, status.Reason, value, status.Currency, when)
	}
	return event
}
