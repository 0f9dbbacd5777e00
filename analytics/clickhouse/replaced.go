package clickhouse

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"

	"github.com/leadgate/leadgate/ingest"
)

// How a replay replaces. A delivery that is read again brings rows with the
// keys that they had, and of rows with one key and version the later insert
// stands: nothing is added. Rows that it does not mean any more get a later
// insert too, which marks them as gone; the views leave those out. Nothing is
// ever deleted, so a batch that is tried again, under the same tokens, does the
// same again, and a later replay may bring a row back in the same way.

// eventTables are the tables of events by kind: the table, its id's column, and
// what else its sorting key has.
var eventTables = []struct {
	kind            ingest.Kind
	table, id       string
	visitor, moment string
}{
	{ingest.LeadKind, "leads_log", "lead_id", "''", "received_at"},
	{ingest.TouchKind, "touches_log", "touch_id", "visitor_id", "occurred_at"},
	{ingest.CostKind, "costs_log", "cost_id", "''", "received_at"},
	{ingest.StatusKind, "statuses_log", "status_id", "''", "received_at"},
}

// eventKey is a row of an event's table, as far as replacing it needs.
type eventKey struct {
	ingest.Known
	source  string
	visitor string    // of a touch
	moment  time.Time // when a touch occurred
}

// rowsOf calls yield for the rows that the deliveries left in the tables of
// events, whether they are the latest of their event or not.
func (c *Conn) rowsOf(ctx context.Context, deliveries []string, until time.Time, yield func(eventKey) error) error {
	ctx, err := asking(ctx, deliveries)
	if err != nil {
		return err
	}
	parts := make([]string, len(eventTables))
	for i, t := range eventTables {
		parts[i] = fmt.Sprintf(`SELECT '%s', workspace::String, source::String, %s, delivery_id, %s, %s, received_at, version FROM %s
			WHERE received_at <= fromUnixTimestamp64Micro(toInt64($1), 'UTC') AND NOT gone AND delivery_id GLOBAL IN (SELECT id FROM asked)`,
			t.kind, t.id, t.visitor, t.moment, t.table)
	}
	var k eventKey
	var kind string
	return c.read(ctx, strings.Join(parts, " UNION ALL "), []any{until.UnixMicro()}, []any{
		&kind, &k.Workspace, &k.source, &k.EventID, &k.DeliveryID, &k.visitor, &k.moment, &k.ReceivedAt, &k.Version,
	}, func() error {
		k.Kind = ingest.Kind(kind)
		return yield(k)
	})
}

// asking gives a query the table asked, with the ids in its column id.
func asking(ctx context.Context, ids []string) (context.Context, error) {
	table, err := ext.NewTable("asked", ext.Column("id", "String"))
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if err := table.Append(id); err != nil {
			return nil, err
		}
	}
	return clickhouse.Context(ctx, clickhouse.WithExternalTable(table)), nil
}

// Meant calls yield for the events that the deliveries brought into the store,
// in every state that is left, and returns the deliveries' verdicts by their id.
// The events have Kind, Workspace, EventID, DeliveryID, ReceivedAt and Version.
func (c *Conn) Meant(ctx context.Context, deliveries []*ingest.Delivery, yield func(ingest.Known) error) (map[string]ingest.Verdict, error) {
	ids, until := make([]string, len(deliveries)), time.Time{}
	for i, d := range deliveries {
		if ids[i] = d.ID; d.ReceivedAt.After(until) {
			until = d.ReceivedAt
		}
	}
	if err := c.rowsOf(ctx, ids, until, func(k eventKey) error { return yield(k.Known) }); err != nil {
		return nil, fmt.Errorf("events of %d deliveries: %w", len(ids), err)
	}
	ctx, err := asking(ctx, ids)
	if err != nil {
		return nil, err
	}
	verdicts := make(map[string]ingest.Verdict, len(ids))
	var id, verdict string
	err = c.read(ctx, "SELECT delivery_id, verdict FROM deliveries WHERE delivery_id GLOBAL IN (SELECT id FROM asked)", nil, []any{&id, &verdict}, func() error {
		verdicts[id] = ingest.Verdict(verdict)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("verdicts of %d deliveries: %w", len(ids), err)
	}
	return verdicts, nil
}

// replaced looks up what the batch's replayed deliveries left in the store. It
// returns the inserts that mark rows as gone, and sees to it that no event's
// version is behind the one it is to replace: batch gets new events for that.
func (s *Sink) replaced(ctx context.Context, batch *ingest.Batch) ([]insert, error) {
	means := make(map[[2]string]bool)
	var replays []string
	var until time.Time
	for _, o := range batch.Outcomes {
		if o.Delivery == nil || o.Delivery.Replay == 0 {
			continue
		}
		replays = append(replays, o.Delivery.ID)
		if o.Delivery.ReceivedAt.After(until) {
			until = o.Delivery.ReceivedAt
		}
		for _, id := range o.EventIDs {
			means[[2]string{o.Delivery.ID, id}] = true
		}
	}
	if len(replays) == 0 {
		return nil, nil
	}
	at := make(map[[2]string]int, len(batch.Events))
	batch.Events = slices.Clone(batch.Events)
	for i, e := range batch.Events {
		at[[2]string{e.DeliveryID, e.ID}] = i
	}
	old := make(map[ingest.Kind]map[string]eventKey)
	err := s.conn.rowsOf(ctx, replays, until, func(k eventKey) error {
		name := [2]string{k.DeliveryID, k.EventID}
		if i, again := at[name]; again && !moved(&k, &batch.Events[i]) {
			batch.Events[i].Version = max(batch.Events[i].Version, k.Version)
			return nil
		} else if !again && means[name] {
			return nil
		}
		if old[k.Kind] == nil {
			old[k.Kind] = make(map[string]eventKey)
		}
		old[k.Kind][fmt.Sprint(k.Workspace, "|", k.EventID, "|", k.visitor, "|", k.moment.UnixMicro())] = k
		return nil
	})
	if err != nil {
		return nil, err
	}
	inserts, err := s.tombstones(ctx, old)
	if err != nil {
		return nil, err
	}
	taken, err := s.goneSlices(ctx, replays, batch)
	return append(inserts, taken), err
}

// moved tells whether an event stands under another key now.
func moved(k *eventKey, e *ingest.Event) bool {
	return e.Touch != nil && (k.visitor != e.Touch.VisitorID || !k.moment.Equal(e.OccurredAt))
}

// tombstones makes the inserts for those of the rows that are still the latest
// of their event: what another delivery has told since is not touched.
func (s *Sink) tombstones(ctx context.Context, old map[ingest.Kind]map[string]eventKey) ([]insert, error) {
	var inserts []insert
	for _, t := range eventTables {
		if len(old[t.kind]) == 0 {
			continue
		}
		ids := make([]string, 0, len(old[t.kind]))
		for _, k := range old[t.kind] {
			ids = append(ids, k.EventID)
		}
		asked, err := asking(ctx, ids)
		if err != nil {
			return nil, err
		}
		var rows []eventKey
		var k eventKey
		query := fmt.Sprintf(`SELECT workspace, source, %s, delivery_id, %s, %s, received_at, version FROM %s FINAL
			WHERE NOT gone AND %s GLOBAL IN (SELECT id FROM asked)
			ORDER BY 1, 3, 5, 6 SETTINGS do_not_merge_across_partitions_select_final = 0, optimize_move_to_prewhere_if_final = 0`,
			t.id, t.visitor, t.moment, t.table, t.id)
		err = s.conn.read(asked, query, nil, []any{
			&k.Workspace, &k.source, &k.EventID, &k.DeliveryID, &k.visitor, &k.moment, &k.ReceivedAt, &k.Version,
		}, func() error {
			was, ok := old[t.kind][fmt.Sprint(k.Workspace, "|", k.EventID, "|", k.visitor, "|", k.moment.UnixMicro())]
			if ok && was.DeliveryID == k.DeliveryID {
				rows = append(rows, k)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", t.table, err)
		}
		if t.kind == ingest.LeadKind {
			inserts = append(inserts, gone("contacts_log", goneContact, rows))
		}
		columns := slices.Clone(goneEvent)
		columns[0].name = t.id
		if t.kind == ingest.TouchKind {
			columns = append(columns, goneTouch...)
		}
		inserts = append(inserts, gone(t.table, columns, rows))
	}
	return inserts, nil
}

func gone(table string, columns []columnOf[eventKey], rows []eventKey) insert {
	in := newInsert(table, columns, rows)
	in.suffix = ":gone"
	return in
}

// What is left in a row that is gone: its key, and whose it was. Nothing
// personal is.
var (
	goneContact = []columnOf[eventKey]{
		of("lead_id", func(k *eventKey) string { return k.EventID }),
		fewOf("workspace", func(k *eventKey) string { return k.Workspace }),
		of("received_at", func(k *eventKey) time.Time { return k.ReceivedAt }),
		of("version", func(k *eventKey) uint64 { return k.Version }),
		of("gone", func(*eventKey) bool { return true }),
	}
	goneEvent = append(slices.Clone(goneContact),
		fewOf("source", func(k *eventKey) string { return k.source }),
		of("delivery_id", func(k *eventKey) string { return k.DeliveryID }),
	)
	goneTouch = []columnOf[eventKey]{
		of("visitor_id", func(k *eventKey) string { return k.visitor }),
		of("occurred_at", func(k *eventKey) time.Time { return k.moment }),
	}
)
