package intake

import (
	"fmt"

	"github.com/leadgate/leadgate/ingest"
)

// read decodes what the source can. What a platform would not tell says so by
// itself, for all sources alike.
func (s *decoder) read(d *ingest.Delivery) ([]ingest.Event, error) {
	if d.Method != ingest.Fetched {
		return s.Source.Decode(d)
	}
	reason := d.Header.Get(ingest.FetchErrorHeader)
	if reason == "" {
		return s.Source.Decode(d)
	}
	ref, err := ingest.FetchedReference(d)
	if err != nil {
		return nil, err
	}
	if d.Replay == 0 {
		return nil, fmt.Errorf("the platform was asked for the %s in vain: %s (mend that, then replay it: it is asked again)", ref.Kind, reason)
	}
	event := ingest.Event{
		Kind: ingest.Kind(d.Header.Get(ingest.EventKindHeader)), Key: d.Header.Get(ingest.EventKeyHeader), Fetch: &ref,
	}
	if event.Kind == "" || event.Key == "" {
		return nil, fmt.Errorf("%w: the event in the header", ingest.ErrMalformed)
	}
	(&check{decoder: s}).stamp(&event, d)
	return nil, &ingest.AskAgainError{Event: event}
}
