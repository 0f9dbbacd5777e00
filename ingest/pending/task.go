package pending

import (
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// Task is one thing to ask a platform for.
type Task struct {
	ID     string           `json:"id"` // of the event
	Source string           `json:"source"`
	Kind   ingest.Kind      `json:"kind"`
	Key    string           `json:"key"`
	Ref    ingest.Reference `json:"ref"`
	// Delivery is the one that announced it.
	Delivery string    `json:"delivery"`
	Saved    time.Time `json:"saved"`
	Due      time.Time `json:"due"`
	// Attempts are those that failed and count, Text why the last one did.
	Attempts int                 `json:"attempts,omitempty"`
	Problem  ingest.FetchProblem `json:"problem,omitempty"`
	Text     string              `json:"text,omitempty"`

	serial uint64 // of the state that was taken, see Store.Done
}

// SourceState is what is known of a source beyond its tasks.
type SourceState struct {
	Source string `json:"source"`
	// Refused is since when its token is refused, zero if it is good, and Text
	// what the platform said.
	Refused time.Time `json:"refused,omitzero"`
	Text    string    `json:"text,omitempty"`
	// Mended is when its token was good again.
	Mended time.Time `json:"mended,omitzero"`
	// Expires is when its token ends, zero if the platform does not tell.
	Expires time.Time `json:"expires,omitzero"`
	// Pulled is up to when it was listed, and Seen are the keys since shortly
	// before that.
	Pulled time.Time `json:"pulled,omitzero"`
	Seen   []string  `json:"seen,omitempty"`
}

// taskOf returns the task of an event.
func taskOf(e *ingest.Event, now time.Time) Task {
	ref := *e.Fetch
	ref.Again = false
	return Task{
		ID: e.ID, Source: e.Source, Kind: e.Kind, Key: e.Key, Ref: ref,
		Delivery: e.DeliveryID, Saved: now, Due: now,
	}
}
