package clicks

import (
	"fmt"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/normalize"
	"github.com/leadgate/leadgate/sources/signature"
)

// Click is the source type "click": visits, as the tag or a server tells them.
// A body is an object, or a list of up to 500:
//
//	{"id", "visitor_id", "occurred_at", "url", "referrer"}
//
// Only url is required; utm parameters and click ids are read from it. It is
// open to everybody, as pages must be, unless it is given secrets. Without an
// id the same visitor, url, referrer and time are one click; without a time as
// well, every element of every delivery is one.
type Click struct{ config ingest.SourceConfig }

// NewClick returns a source of type "click". It has no options.
func NewClick(config ingest.SourceConfig) (ingest.Source, error) {
	if err := config.DecodeOptions(&struct{}{}); err != nil {
		return nil, err
	}
	if len(config.Secrets) > 0 {
		if err := config.RequireSecrets(); err != nil {
			return nil, err
		}
	}
	return &Click{config: config}, nil
}

// Verify checks the sender's token if there are secrets.
func (c *Click) Verify(d *ingest.Delivery) error {
	if len(c.config.Secrets) == 0 {
		return nil
	}
	return signature.Token(d, c.config.Secrets)
}

// Authorized checks the token, which is never in the body.
func (c *Click) Authorized(d *ingest.Delivery) error { return c.Verify(d) }

// Decode reads the clicks. Errors in a list are named like "[3].url".
func (c *Click) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	invalid := new(ingest.InvalidError)
	list, err := elements(d, invalid)
	if err != nil {
		return nil, err
	}
	events := make([]ingest.Event, 0, len(list))
	touches := make([]ingest.Touch, len(list))
	var seen map[string]int
	for i := range list {
		e, touch := &list[i], &touches[i]
		*touch = ingest.Touch{VisitorID: e.text("visitor_id"), PageURL: e.text("url"), Referrer: e.text("referrer")}
		event := ingest.Event{Kind: ingest.TouchKind, Key: e.id(), Touch: touch}
		event.OccurredAt, event.Zone = e.time(c.config.Location)
		switch {
		case touch.PageURL == "":
			e.bad("url", "missing")
		case !normalize.IsPage(touch.PageURL):
			e.bad("url", "not an http or https address")
		}
		if event.Key == "" {
			if seen == nil {
				seen = make(map[string]int)
			}
			event.Key = clickKey(d, i, event.OccurredAt, touch, seen)
		}
		events = append(events, event)
	}
	if err := invalid.Err(); err != nil {
		return nil, err
	}
	return events, nil
}

// clickKey is the key of a click that was sent without an id. Visitors without
// a name who click alike within one body are different ones.
func clickKey(d *ingest.Delivery, index int, at time.Time, touch *ingest.Touch, seen map[string]int) string {
	if at.IsZero() {
		return "hash:" + ingest.Digest("click", d.ID, fmt.Sprint(index))
	}
	parts := []string{"click", touch.VisitorID, touch.PageURL, touch.Referrer, at.Format(time.RFC3339Nano)}
	key := "hash:" + ingest.Digest(parts...)
	if touch.VisitorID == "" {
		if seen[key]++; seen[key] > 1 {
			return "hash:" + ingest.Digest(append(parts, fmt.Sprint(seen[key]))...)
		}
	}
	return key
}
