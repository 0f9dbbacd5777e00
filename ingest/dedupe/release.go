package dedupe

import (
	"context"
	"fmt"

	"github.com/leadgate/leadgate/ingest"
)

// Release gives events up that their deliveries do not mean any more, so that
// they hold no person's window and may be told by another delivery. Of each
// event it needs Workspace, EventID and DeliveryID; those that belong to another
// delivery by now are left alone. It may be repeated. An empty memory has
// nothing to give up, which is no error.
func (m *Memory) Release(ctx context.Context, events []ingest.Known) error {
	var calls []call
	open := make(map[string]int, 1) // the workspace's last call
	for i, e := range events {
		at, ok := open[e.Workspace]
		if !ok || len(calls[at].rows) == chunk {
			at = len(calls)
			open[e.Workspace] = at
			calls = append(calls, call{keys: m.keyspace(e.Workspace)})
		}
		calls[at].rows = append(calls[at].rows, i)
		calls[at].args = append(calls[at].args, calls[at].keys.appendEvent(nil, e.EventID), appendDelivery(nil, e.DeliveryID))
	}
	if err := m.run(ctx, releaseScript, calls); err != nil {
		return fmt.Errorf("give up %d events in redis: %w", len(events), err)
	}
	return nil
}
