package dedupe

import (
	"encoding/json"

	"github.com/leadgate/leadgate/ingest"
)

// fingerprint returns 8 bytes over what a mutable event says, without
// what differs between two deliveries of the same content: their ids and times
// of receipt, and the defaults taken from these.
func fingerprint(e *ingest.Event) []byte {
	content := struct {
		Zone   string
		At     int64
		Lead   *ingest.Lead
		Touch  *ingest.Touch
		Cost   *ingest.Cost
		Status *ingest.Status
		// Costs that are told again have to be stored again, or an import that
		// comes late could replace what a newer one said, and what an import
		// left out could not come back.
		Version uint64 `json:",omitempty"`
	}{Zone: e.Zone, Lead: e.Lead, Touch: e.Touch, Cost: e.Cost, Status: e.Status}
	if !e.OccurredAt.IsZero() && !e.OccurredAt.Equal(e.ReceivedAt) {
		content.At = e.OccurredAt.UnixMicro()
	}
	if e.Lead != nil {
		lead := *e.Lead
		lead.ContactID, lead.Verdict, lead.DuplicateOf = "", "", ""
		content.Lead = &lead
	}
	if e.Cost != nil {
		content.Version = e.Version
	}
	if e.Status != nil {
		status := *e.Status
		status.ContactID = ""
		content.Status = &status
	}
	text, err := json.Marshal(content)
	if err != nil {
		return nil // cannot be: no channels, functions or cycles inside
	}
	return appendID(nil, ingest.Digest("fingerprint", string(text)))[:8]
}
