package ingest

import (
	"errors"
	"time"
)

// ErrEmpty says that the memory of event ids knows nothing: it is new, was
// flushed, or restarted empty. It must be rebuilt before it is asked again.
var ErrEmpty = errors.New("memory of event ids is empty")

// Decision says whether an event counts.
type Decision string

// The decisions about an event.
const (
	NewEvent       Decision = "new"       // never seen: store it
	UpdatedEvent   Decision = "update"    // a later state of a known one: store it
	DuplicateEvent Decision = "duplicate" // known: store nothing
)

// Claim is what the memory of event ids answers about one event.
type Claim struct {
	Decision Decision
	// FirstReceived is when the event was first received, UTC, microseconds.
	FirstReceived time.Time
	// ContactID is the person a lead or status belongs to, "" if unknown.
	ContactID string
	// DuplicateOf is the id of the lead by the same person within the window;
	// "" says that there is none, or that the lead may not ask for one.
	DuplicateOf string
}

// Known is one event as the store remembers it: what the memory of event ids
// is rebuilt from. Email and Phone are personal data; they stay in the process.
type Known struct {
	Workspace  string
	Kind       Kind
	EventID    string
	DeliveryID string // the one that brought the stored state
	ReceivedAt time.Time
	Version    uint64 // of the stored state, 0 if unknown

	// Leads only, "" or zero for the others; statuses may have a ContactID.
	ContactID   string
	Verdict     LeadVerdict
	DuplicateOf string
	Email       string // as in Person
	Phone       string // as in Person
}

// Identity is what tells one person of a workspace from the others: hashes of
// the identifiers, "" if unknown, and the contact id that the person gets if
// neither is known yet, "" if there is neither.
type Identity struct {
	Email   string
	Phone   string
	Contact string
}
