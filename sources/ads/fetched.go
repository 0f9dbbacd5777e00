package ads

import (
	"fmt"

	"github.com/leadgate/leadgate/ingest"
)

// leadReference is the Kind of all references of this room.
const leadReference = "lead"

// asked returns the reference that a fetched delivery answers; it is empty where
// none is told, as in a list of leads.
func asked(d *ingest.Delivery) (ingest.Reference, error) {
	if d.Header.Get(ingest.ReferenceHeader) == "" {
		return ingest.Reference{}, nil
	}
	return ingest.FetchedReference(d)
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
