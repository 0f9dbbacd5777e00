package schema

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	store "github.com/leadgate/leadgate/analytics/clickhouse"
)

// BrokenParts names the tables of which the server set parts aside when it
// started, because their files are damaged: the rows in them are missing, and
// nothing else says so. Each is like "leads_log (2 parts)".
func BrokenParts(ctx context.Context, conn *store.Conn) (tables []string, err error) {
	err = conn.Bare(func(bare driver.Conn) error {
		rows, err := bare.Query(ctx, `
			SELECT table, count() FROM system.detached_parts
			WHERE database = $1 AND startsWith(reason, 'broken') GROUP BY table ORDER BY table`, conn.Database())
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var table string
			var parts uint64
			if err := rows.Scan(&table, &parts); err != nil {
				return err
			}
			tables = append(tables, fmt.Sprintf("%s (%d parts)", table, parts))
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("damaged parts of %s at %s: %w", conn.Database(), conn.Address(), err)
	}
	return tables, nil
}
