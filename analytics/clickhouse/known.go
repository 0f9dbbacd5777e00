package clickhouse

import (
	"context"
	"fmt"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// Loader reads what the memory of event ids is rebuilt from.
type Loader struct{ conn *Conn }

// NewLoader makes a loader for the connection's database.
func NewLoader(conn *Conn) *Loader { return &Loader{conn: conn} }

// The person window is decided by the order of leads, so they come first and
// oldest first.
const knownLeads = `
SELECT l.workspace, l.lead_id, l.delivery_id, l.received_at, l.version, l.contact_id, l.verdict, l.duplicate_of, s.email, s.phone
FROM leads AS l
LEFT JOIN submissions AS s ON s.workspace = l.workspace AND s.lead_id = l.lead_id
WHERE l.received_at >= fromUnixTimestamp64Micro(toInt64($1), 'UTC')
ORDER BY l.received_at, l.lead_id`

var knownOthers = map[ingest.Kind]string{
	ingest.TouchKind:  "SELECT workspace, touch_id, delivery_id, received_at, version, '' FROM touches WHERE received_at >= fromUnixTimestamp64Micro(toInt64($1), 'UTC')",
	ingest.CostKind:   "SELECT workspace, cost_id, delivery_id, received_at, version, '' FROM cost_states WHERE received_at >= fromUnixTimestamp64Micro(toInt64($1), 'UTC')",
	ingest.StatusKind: "SELECT workspace, status_id, delivery_id, received_at, version, contact_id FROM statuses WHERE received_at >= fromUnixTimestamp64Micro(toInt64($1), 'UTC')",
}

// Known calls yield for every event received at or after since, in its current
// state, leads first and oldest first. It stops at yield's first error and
// returns it. It reads as a stream, so memory does not grow with the number.
func (l *Loader) Known(ctx context.Context, since time.Time, yield func(ingest.Known) error) error {
	if err := l.leads(ctx, since, yield); err != nil {
		return fmt.Errorf("read known leads: %w", err)
	}
	for _, kind := range []ingest.Kind{ingest.TouchKind, ingest.CostKind, ingest.StatusKind} {
		if err := l.others(ctx, kind, since, yield); err != nil {
			return fmt.Errorf("read known events of kind %s: %w", kind, err)
		}
	}
	return nil
}

func (l *Loader) leads(ctx context.Context, since time.Time, yield func(ingest.Known) error) error {
	var verdict string
	k := ingest.Known{Kind: ingest.LeadKind}
	return l.conn.read(ctx, knownLeads, []any{since.UnixMicro()}, []any{
		&k.Workspace, &k.EventID, &k.DeliveryID, &k.ReceivedAt, &k.Version, &k.ContactID, &verdict, &k.DuplicateOf, &k.Email, &k.Phone,
	}, func() error {
		k.Verdict = ingest.LeadVerdict(verdict)
		return yield(k)
	})
}

func (l *Loader) others(ctx context.Context, kind ingest.Kind, since time.Time, yield func(ingest.Known) error) error {
	k := ingest.Known{Kind: kind}
	return l.conn.read(ctx, knownOthers[kind], []any{since.UnixMicro()}, []any{
		&k.Workspace, &k.EventID, &k.DeliveryID, &k.ReceivedAt, &k.Version, &k.ContactID,
	}, func() error { return yield(k) })
}

// read scans each row of a query into places and calls row.
func (c *Conn) read(ctx context.Context, query string, args, places []any, row func() error) error {
	rows, err := c.Query(ctx, query, args...)
	if err != nil {
		return c.explain(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := rows.Scan(places...); err != nil {
			return c.explain(err)
		}
		if err := row(); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return c.explain(err)
	}
	return nil
}
