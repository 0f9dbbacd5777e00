package ads

import (
	"encoding/json"
	"fmt"

	"github.com/leadgate/leadgate/ingest"
)

// referenceHeader holds, in a delivery of what was fetched, the ingest.Reference
// that it was asked for by, as JSON.
const referenceHeader = "Leadgate-Reference"

// leadReference is the Kind of all references of this room.
const leadReference = "lead"

// asked returns the reference that a fetched delivery answers; it is empty where
// none is told, as in a list of leads.
func asked(d *ingest.Delivery) (r ingest.Reference, err error) {
	if header := d.Header.Get(referenceHeader); header != "" {
		if err := json.Unmarshal([]byte(header), &r); err != nil {
			return r, fmt.Errorf("%w: %s is not the JSON of a reference", ingest.ErrMalformed, referenceHeader)
		}
	}
	return r, nil
}

// answeredID returns the id of a fetched lead. What has none is no lead, but
// perhaps an error; and it must be the one that was asked for.
func answeredID(own string, r ingest.Reference) (string, error) {
	switch {
	case own == "":
		return "", fmt.Errorf("%w: the fetched lead has no id", ingest.ErrMalformed)
	case r.ID != "" && r.ID != own:
		return "", fmt.Errorf("%w: another lead was fetched than was asked for", ingest.ErrMalformed)
	}
	return own, nil
}
