package clickhouse

import (
	"context"
	"fmt"

	"github.com/leadgate/leadgate/ingest"
)

// WholeLeads returns which of these leads the store has as more than announced.
func (c *Conn) WholeLeads(ctx context.Context, ids []string) (map[string]bool, error) {
	whole := make(map[string]bool, len(ids))
	if len(ids) == 0 {
		return whole, nil
	}
	ctx, err := asking(ctx, ids)
	if err != nil {
		return nil, err
	}
	var id string
	err = c.read(ctx, "SELECT lead_id FROM leads WHERE version > $1 AND lead_id GLOBAL IN (SELECT id FROM asked)",
		[]any{uint64(ingest.AnnouncedVersion)}, []any{&id}, func() error {
			whole[id] = true
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("look up leads: %w", err)
	}
	return whole, nil
}
