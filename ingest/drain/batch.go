package drain

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// batch is what is in flight: consecutive records. It is frozen once it has a
// payload, from which its id is derived.
type batch struct {
	items   []item
	payload []byte
	id      string
	started time.Time
	full    bool // it has no room for more
	more    bool // the journal held more when its last records were read

	taken   chan struct{} // closed when it is with the store, but perhaps not committed
	settled chan struct{} // closed when it is committed
	awaited chan struct{} // closed when the next one can only go on after that
}

// prepared makes a batch that others may wait for.
func prepared(items []item, full, more bool, now time.Time) *batch {
	return &batch{
		items: items, full: full, more: more, started: now,
		taken: make(chan struct{}), settled: make(chan struct{}), awaited: make(chan struct{}),
	}
}

// underWay is what Stat tells of a batch.
type underWay struct {
	deliveries int
	oldest     time.Time
}

func (b *batch) underWay() underWay { return underWay{len(b.items), b.oldest()} }

func (b *batch) size() int64 { return sizeOf(b.items) }

func sizeOf(items []item) (bytes int64) {
	for i := range items {
		bytes += int64(items[i].size)
	}
	return bytes
}

func (b *batch) rows() (events int) {
	for i := range b.items {
		events += b.items[i].rows()
	}
	return events
}

// to is the position behind the batch: what is committed with it.
func (b *batch) to() ingest.Position { return b.items[len(b.items)-1].next }

func (b *batch) oldest() time.Time {
	for i := range b.items {
		if d := b.items[i].delivery; d != nil {
			return d.ReceivedAt
		}
	}
	return time.Time{}
}

func (b *batch) freeze() {
	b.payload = encodeManifest(b.items)
	b.id = batchID(b.payload)
}

func batchID(payload []byte) string {
	sum := sha256.Sum256(payload)
	return hex.EncodeToString(sum[:16])
}

// rowsOf makes the rows of claimed items: every readable delivery's outcome,
// and the events that count.
func rowsOf(id string, items []item) ingest.Batch {
	out := ingest.Batch{ID: id, Outcomes: make([]ingest.Outcome, 0, len(items))}
	events := 0
	for i := range items {
		events += len(items[i].events)
	}
	out.Events = make([]ingest.Event, 0, events)
	for i := range items {
		it := &items[i]
		if it.delivery == nil || it.verdict == "" {
			continue
		}
		outcome := ingest.Outcome{
			Delivery: it.delivery, Verdict: it.verdict, Reason: it.reason,
			Events: len(it.events), EventIDs: make([]string, len(it.events)),
		}
		counted := 0
		for n := range it.events {
			outcome.EventIDs[n] = it.events[n].ID
			if it.claims[n].Decision != ingest.DuplicateEvent {
				out.Events = append(out.Events, it.events[n])
				judge(&out.Events[len(out.Events)-1], &it.claims[n])
				counted++
			}
		}
		// What was accepted once and is superseded by now is no duplicate.
		if len(it.events) > 0 && counted == 0 && it.was != ingest.Accepted {
			outcome.Verdict, outcome.Reason = ingest.Duplicate, "all its events are known already"
		}
		out.Outcomes = append(out.Outcomes, outcome)
	}
	return out
}

// judge makes of an event what is stored: with its contact and verdict, and
// under the time of its first receipt, so that a later state of it lands in
// the same partition and, where its sender names no time, keeps its day. It may
// be repeated: what it writes into the event's own lead or status is the same.
func judge(e *ingest.Event, c *ingest.Claim) {
	if c.FirstReceived.Before(e.ReceivedAt) && !c.FirstReceived.IsZero() {
		if e.OccurredAt.Equal(e.ReceivedAt) {
			e.OccurredAt = c.FirstReceived
		}
		e.ReceivedAt = c.FirstReceived
	}
	switch {
	case e.Lead != nil:
		e.Lead.ContactID = c.ContactID
		e.Lead.Verdict, e.Lead.DuplicateOf = verdictOf(e.Lead, c)
	case e.Status != nil:
		e.Status.ContactID = c.ContactID
	}
}

func verdictOf(lead *ingest.Lead, c *ingest.Claim) (verdict ingest.LeadVerdict, duplicateOf string) {
	switch {
	case lead.Test:
		return ingest.TestLead, ""
	case len(lead.SpamReasons) > 0:
		return ingest.SpamLead, ""
	case lead.Person.Email == "" && lead.Person.Phone == "":
		return ingest.InterestLead, ""
	case c.DuplicateOf != "":
		return ingest.DuplicateLead, c.DuplicateOf
	default:
		return ingest.UniqueLead, ""
	}
}
