package clickhouse

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"

	"github.com/leadgate/leadgate/ingest"
)

// Comparison is what was expected of one kind of thing and what there is.
// Missing and Extra are their examples' numbers too: only some are named.
type Comparison struct {
	What       string   `json:"what"`
	Expected   int      `json:"expected"`
	Found      int      `json:"found"`
	Missing    int      `json:"missing"`
	Extra      int      `json:"extra"`
	MissingIDs []string `json:"missing_ids,omitempty"`
	ExtraIDs   []string `json:"extra_ids,omitempty"`
}

// Different tells whether anything is missing or too much.
func (c *Comparison) Different() bool { return c.Missing > 0 || c.Extra > 0 }

// Miss notes a thing that is missing; at most limit are named.
func (c *Comparison) Miss(id string, limit int) {
	if c.Missing++; len(c.MissingIDs) < limit {
		c.MissingIDs = append(c.MissingIDs, id)
	}
}

// Span is what a comparison is about: deliveries and events received in
// From <= t < To, of one workspace or, if it is empty, of all.
type Span struct {
	Workspace string
	From, To  time.Time
	// Examples is how many ids of each kind are named.
	Examples int
}

func (s *Span) condition(column string) (string, []any) {
	text := fmt.Sprintf("%s >= fromUnixTimestamp64Micro(toInt64($1), 'UTC') AND %s < fromUnixTimestamp64Micro(toInt64($2), 'UTC')", column, column)
	args := []any{s.From.UnixMicro(), s.To.UnixMicro()}
	if s.Workspace != "" {
		text += " AND workspace = $3"
		args = append(args, s.Workspace)
	}
	return text, args
}

// DeliveryRows adds to c how often the view of deliveries shows each of the
// given ones: once is as it should be.
func (c *Conn) DeliveryRows(ctx context.Context, deliveries []*ingest.Delivery, into *Comparison, examples int) error {
	table, err := ext.NewTable("asked", ext.Column("source", "String"), ext.Column("id", "String"))
	if err != nil {
		return err
	}
	rows := make(map[string]uint64, len(deliveries))
	for _, d := range deliveries {
		rows[d.ID] = 0
		if err := table.Append(d.Source, d.ID); err != nil {
			return err
		}
	}
	ctx = clickhouse.Context(ctx, clickhouse.WithExternalTable(table))
	var id string
	var n uint64
	err = c.read(ctx, `SELECT delivery_id, count() FROM deliveries WHERE (source, delivery_id) GLOBAL IN (SELECT source, id FROM asked) GROUP BY delivery_id`,
		nil, []any{&id, &n}, func() error { rows[id] = n; return nil })
	if err != nil {
		return fmt.Errorf("look deliveries up: %w", err)
	}
	for _, d := range deliveries {
		n, ok := rows[d.ID]
		if !ok {
			continue // it came twice
		}
		delete(rows, d.ID)
		into.Expected++
		switch {
		case n == 0:
			into.Miss(d.ID, examples)
		case n > 1:
			into.extra(d.ID, int(n-1), examples)
			fallthrough
		default:
			into.Found++
		}
	}
	return nil
}

func (c *Comparison) extra(id string, n, limit int) {
	if c.Extra += n; len(c.ExtraIDs) < limit {
		c.ExtraIDs = append(c.ExtraIDs, id)
	}
}

// events is all events that the views show, and the costs that an import left
// out. A cost or call may be told again and again; its delivery is the one that
// told its state.
const events = `(
	SELECT 'lead' AS kind, workspace, lead_id AS id, delivery_id, received_at FROM leads
	UNION ALL SELECT 'touch', workspace, touch_id, delivery_id, received_at FROM touches
	UNION ALL SELECT 'cost', workspace, cost_id, delivery_id, received_at FROM cost_states
	UNION ALL SELECT 'status', workspace, status_id, delivery_id, received_at FROM statuses)`

// ListedEvents compares what accepted deliveries say that they meant with the
// events in the views: each is there exactly once. Of deliveries from before
// the ids were kept nothing is known, and nothing expected.
func (c *Conn) ListedEvents(ctx context.Context, s Span) (Comparison, error) {
	out := Comparison{What: "events"}
	in, args := s.condition("received_at")
	var expected, found, missing, extra uint64
	query := fmt.Sprintf(`
		WITH listed AS (SELECT DISTINCT arrayJoin(event_ids) AS id FROM deliveries WHERE %[1]s AND verdict = 'accepted'),
		shown AS (SELECT id, count() AS n FROM %[2]s WHERE id GLOBAL IN (SELECT id FROM listed) GROUP BY id)
		SELECT count(), countIf(n > 0), countIf(n = 0), toUInt64(sumIf(n - 1, n > 1)), groupArrayIf(%[3]d)(id, n = 0), groupArrayIf(%[3]d)(id, n > 1)
		FROM (SELECT l.id AS id, s.n AS n FROM listed AS l GLOBAL LEFT JOIN shown AS s ON s.id = l.id)`, in, events, max(1, s.Examples))
	err := c.QueryRow(ctx, query, args...).Scan(&expected, &found, &missing, &extra, &out.MissingIDs, &out.ExtraIDs)
	if err != nil {
		return out, fmt.Errorf("compare deliveries with events: %w", c.explain(err))
	}
	out.Expected, out.Found, out.Missing, out.Extra = int(expected), int(found), int(missing), int(extra)
	return out, nil
}

// UnlistedEvents looks for events that the delivery which is to have told them
// does not list, or which name a delivery that is not there.
func (c *Conn) UnlistedEvents(ctx context.Context, s Span) (Comparison, error) {
	out := Comparison{What: "origins"}
	in, args := s.condition("received_at")
	var all, extra uint64
	// Events stand under the time of their first receipt, so a delivery that
	// changed one may be younger than the span.
	query := fmt.Sprintf(`
		SELECT count(), countIf(unlisted), groupArrayIf(%[3]d)(kind || ' ' || id, unlisted) FROM (
			SELECT kind, id, (delivery_id, id) GLOBAL NOT IN (
				SELECT delivery_id, arrayJoin(event_ids) FROM deliveries WHERE received_at >= fromUnixTimestamp64Micro(toInt64($1), 'UTC')
			) AND delivery_id GLOBAL NOT IN (
				SELECT delivery_id FROM deliveries WHERE received_at >= fromUnixTimestamp64Micro(toInt64($1), 'UTC')
					AND events > 0 AND empty(event_ids) AND verdict IN ('accepted', 'duplicate')
			) AS unlisted FROM %[2]s WHERE %[1]s)`, in, events, max(1, s.Examples))
	if err := c.QueryRow(ctx, query, args...).Scan(&all, &extra, &out.ExtraIDs); err != nil {
		return out, fmt.Errorf("compare events with deliveries: %w", c.explain(err))
	}
	out.Expected = int(all - extra)
	out.Found, out.Extra = int(all), int(extra)
	return out, nil
}
