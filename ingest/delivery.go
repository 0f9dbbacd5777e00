package ingest

import (
	"net/textproto"
	"time"
)

// Delivery is one HTTP request that Leadgate took in. All its memory is its
// own: nothing aliases a server's buffers. It is read-only once accepted and
// may then be shared between goroutines.
type Delivery struct {
	// ID is unique per delivery and sorts by time of receipt.
	ID string
	// Source is the name of the configured source it came in by.
	Source string
	// ReceivedAt is the time of receipt, UTC, whole microseconds. It is the
	// only clock that verification and decoding may use.
	ReceivedAt time.Time
	// Ahead is by how much the delivery ranks later than ReceivedAt says, whole
	// microseconds: 0, unless the clock was set back since an earlier one.
	Ahead time.Duration
	// RemoteAddr is the sender's address, as a trusted proxy tells it.
	RemoteAddr string
	// Method is the HTTP method, in capitals.
	Method string
	// URL is the public URL as the sender addressed it, query included.
	URL string
	// Header holds canonical keys; credentials are removed before keeping.
	Header textproto.MIMEHeader
	// Body is the request body with any Content-Encoding undone.
	Body []byte
	// Replay is 0 for what came in by the door, and n for the nth time that
	// the stored delivery is taken through the decoders again. What the larger
	// number makes of a delivery replaces what the smaller made of it.
	Replay uint32
}

// Rank orders what deliveries tell of the same thing: the later, the larger. It
// is in microseconds since 1970.
func (d *Delivery) Rank() uint64 { return uint64(d.ReceivedAt.Add(d.Ahead).UnixMicro()) }

// Position says where in the journal a record stands. Positions are ordered:
// by segment, then by offset.
type Position struct {
	Segment uint64
	Offset  int64
}

// Less tells whether p stands before q.
func (p Position) Less(q Position) bool {
	return p.Segment < q.Segment || p.Segment == q.Segment && p.Offset < q.Offset
}

// Record is one journal record and where it stands. Next is the position just
// behind it: committing Next means the record need not be read again.
type Record struct {
	At, Next Position
	Data     []byte
}

// Verdict says what became of a delivery.
type Verdict string

// The verdicts of a delivery.
const (
	Accepted    Verdict = "accepted"    // it became events
	Duplicate   Verdict = "duplicate"   // everything in it was known already
	IgnoredOne  Verdict = "ignored"     // its sender's kind of news is not ours
	Quarantined Verdict = "quarantined" // verified, but it could not be read or stored
)

// Outcome is a delivery together with what became of it.
type Outcome struct {
	Delivery *Delivery
	Verdict  Verdict
	// Reason explains any verdict but Accepted; it holds no personal data.
	Reason string
	// Events counts the events that the delivery meant.
	Events int
	// EventIDs are their ids, known to others before or not. They are missing
	// where the events could not be stored.
	EventIDs []string
}
