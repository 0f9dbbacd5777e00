// Package intake wraps a source's decoder into what the edge and the drain
// use: it normalises what the source read, validates it, and stamps it.
//
// Its law: an event that leaves this package is complete and clean, whatever
// its source put in; and the same delivery always yields the same events.
package intake

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/leadgate/leadgate/ingest"
)

// MaxEvents bounds what one delivery can mean.
const MaxEvents = 100_000

// maxAhead is how far in the future an event may claim to be.
const maxAhead = 24 * time.Hour

// Options say how a type of source is taken in.
type Options struct {
	// FirstParty senders can mend their input: what is invalid is refused at
	// the door instead of going to quarantine.
	FirstParty bool
	// Methods that the door takes; POST if empty.
	Methods []string
	// Below is as in ingest.Intake.
	Below bool
	// Refer adds what is to be fetched to a complete event; nil adds nothing.
	Refer func(*ingest.Event)
}

// Wrap makes the intake of a source. What the source can do besides (see
// ingest.Authorizer, Challenger, Redactor, Responder, Refuser, Tokened, Confirmer, Fetcher)
// is taken over.
func Wrap(source ingest.Source, config ingest.SourceConfig, options Options) *ingest.Intake {
	if config.Location == nil {
		config.Location = time.UTC
	}
	in := &ingest.Intake{
		Config:     config,
		FirstParty: options.FirstParty,
		Methods:    options.Methods,
		Below:      options.Below,
		Source:     &decoder{Source: source, config: config, firstParty: options.FirstParty, refer: options.Refer},
	}
	if a, ok := source.(ingest.Authorizer); ok {
		in.Authorized = a.Authorized
	}
	if c, ok := source.(ingest.Challenger); ok {
		in.Challenge = c.Challenge
	}
	if r, ok := source.(ingest.Redactor); ok {
		in.Redact = r.Redact
	}
	if r, ok := source.(ingest.Responder); ok {
		in.Respond = r.Respond
	}
	if r, ok := source.(ingest.Refuser); ok {
		in.Refuse = r.Refuse
	}
	if t, ok := source.(ingest.Tokened); ok {
		in.ReplayToken = t.ReplayToken
	}
	if c, ok := source.(ingest.Confirmer); ok {
		in.Confirm = c.Confirm
	}
	if f, ok := source.(ingest.Fetcher); ok {
		in.Fetcher = f
		in.Lister, _ = source.(ingest.Lister)
	}
	return in
}

// decoder is a source whose events are normalised, validated and stamped.
type decoder struct {
	ingest.Source
	config     ingest.SourceConfig
	firstParty bool
	refer      func(*ingest.Event)
}

// Decode returns complete events, or *ingest.InvalidError naming every field
// that cannot be valid. Where a delivery means several events their fields are
// named with the index, as in "[3].url".
func (s *decoder) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	events, err := s.read(d)
	if err != nil {
		return nil, err
	}
	if len(events) > MaxEvents {
		return nil, fmt.Errorf("%w: %d events in one delivery (at most %d)", ingest.ErrTooLarge, len(events), MaxEvents)
	}
	invalid := new(ingest.InvalidError)
	for i := range events {
		c := check{decoder: s, index: i, several: len(events) > 1, invalid: invalid}
		if err := c.event(&events[i], d); err != nil {
			return nil, fmt.Errorf("event %d: %w", i, err)
		}
		if len(invalid.Fields) >= maxInvalid {
			break
		}
	}
	if err := invalid.Err(); err != nil {
		return nil, err
	}
	return events, nil
}

// maxInvalid bounds how many invalid fields are listed at once.
const maxInvalid = 100

var errPart = errors.New("the source filled another part than its kind says")

// check normalises one event and notes what is invalid.
type check struct {
	*decoder
	index   int
	several bool // events, so that fields are named with the index
	invalid *ingest.InvalidError
}

func (c *check) bad(field, reason string) {
	if c.several {
		field = fmt.Sprintf("[%d].%s", c.index, field)
	}
	c.invalid.Add(field, "%s", reason)
}

func (c *check) event(e *ingest.Event, d *ingest.Delivery) error {
	switch {
	case e.Kind == ingest.LeadKind && e.Lead != nil:
		c.lead(e.Lead)
	case e.Kind == ingest.TouchKind && e.Touch != nil:
		c.touch(e.Touch)
	case e.Kind == ingest.CostKind && e.Cost != nil:
		c.cost(e.Cost)
	case e.Kind == ingest.StatusKind && e.Status != nil:
		c.status(e.Status)
	default:
		return errPart
	}
	if e.Key == "" {
		return fmt.Errorf("%w: no key to count it by", ingest.ErrMalformed)
	}
	c.stamp(e, d)
	if c.refer != nil {
		c.refer(e)
	}
	return nil
}

func (c *check) stamp(e *ingest.Event, d *ingest.Delivery) {
	e.Workspace, e.Source, e.Key = c.config.Workspace, c.config.Name, storable(e.Key)
	e.DeliveryID, e.ReceivedAt = d.ID, d.ReceivedAt
	e.ID = ingest.EventID(e.Workspace, e.Source, e.Kind, e.Key)
	switch {
	case e.OccurredAt.IsZero():
		e.OccurredAt = d.ReceivedAt
	case e.OccurredAt.After(d.ReceivedAt.Add(maxAhead)):
		if c.firstParty {
			c.bad("occurred_at", "more than a day in the future")
		}
		// A sender whose clock is wrong says nothing about when.
		e.OccurredAt, e.Zone = d.ReceivedAt, ""
	default:
		e.OccurredAt = e.OccurredAt.UTC().Truncate(time.Microsecond)
	}
	if e.Version == 0 {
		e.Version = d.Rank()
	}
}

// storable returns a key that is one line of text, which it nearly always is;
// one that is not is told from all others by its digest.
func storable(key string) string {
	odd := func(r rune) bool { return r < ' ' || r == 0x7f || r == utf8.RuneError || r == 0xFFFE || r == 0xFFFF }
	if strings.IndexFunc(key, odd) < 0 {
		return key
	}
	return "digest:" + ingest.Digest(key)
}
