package report

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// CPL answers what a lead cost. Conversions are leads with verdict unique that
// occurred from q.From to q.To in q.TZ. Each belongs to the latest touch of
// the same visitor, or with an equal click id, not later than the lead and not
// longer before it than q.Lookback; a lead without such a touch belongs to its
// own tags, click id or referrer. Costs are those of the same days.
//
// Errors: *ingest.InvalidError for a query that cannot be answered, by
// parameter; *CurrencyError; else the store's. Safe for concurrent use.
func CPL(ctx context.Context, conn driver.Conn, q Query) (Report, error) {
	q = q.filled()
	var p problems
	q.check(&p)
	q.checkRules(&p)
	if len(p.Fields) > 0 {
		return Report{}, &p.InvalidError
	}
	f, err := read(ctx, conn, q)
	if err != nil {
		return Report{}, fmt.Errorf("cost per lead: %w", err)
	}
	return build(q, f)
}
