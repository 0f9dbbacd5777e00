package clickhouse

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// How an import replaces a day. Costs are never deleted. A delivery that tells
// all of a slice (one day of one account at one level) leaves a row that says so,
// and the view costs leaves out what of the slice has a smaller version than the
// largest of these. Every delivery of costs writes all of its rows, known or not,
// so the result does not depend on the order in which deliveries are counted.
// Rows of slices are by delivery: a replay takes back its own word only.

// sliceRow says that a delivery tells all of a slice.
type sliceRow struct {
	workspace, source, slice, delivery, level string

	day, received time.Time
	version       uint64
}

func (r *sliceRow) key() [4]string { return [4]string{r.workspace, r.source, r.slice, r.delivery} }

var sliceColumns = []columnOf[sliceRow]{
	fewOf("workspace", func(r *sliceRow) string { return r.workspace }),
	fewOf("source", func(r *sliceRow) string { return r.source }),
	of("slice", func(r *sliceRow) string { return r.slice }),
	of("delivery_id", func(r *sliceRow) string { return r.delivery }),
	of("day", func(r *sliceRow) time.Time { return r.day }),
	fewOf("level", func(r *sliceRow) string { return r.level }),
	of("received_at", func(r *sliceRow) time.Time { return r.received }),
	of("version", func(r *sliceRow) uint64 { return r.version }),
}

var goneSlice = append(slices.Clone(sliceColumns), of("gone", func(*sliceRow) bool { return true }))

// slicesOf returns what the batch's deliveries tell all of, in their order.
func slicesOf(costs []eventRow, outcomes []ingest.Outcome) []sliceRow {
	if len(costs) == 0 {
		return nil
	}
	received := make(map[string]time.Time, len(outcomes))
	for i := range outcomes {
		if d := outcomes[i].Delivery; d != nil {
			received[d.ID] = d.ReceivedAt
		}
	}
	var rows []sliceRow
	at := make(map[[4]string]int)
	for i := range costs {
		e := &costs[i]
		if !e.Cost.Whole || e.Cost.Slice == "" {
			continue
		}
		row := sliceRow{
			workspace: e.Workspace, source: e.Source, slice: e.Cost.Slice, delivery: e.DeliveryID,
			day: e.day, level: e.Cost.Level, version: e.Version, received: e.ReceivedAt,
		}
		if n, ok := at[row.key()]; ok {
			rows[n].version = max(rows[n].version, row.version)
			continue
		}
		if t, ok := received[row.delivery]; ok {
			row.received = t // that of the event is when it was first told
		}
		at[row.key()] = len(rows)
		rows = append(rows, row)
	}
	return rows
}

// goneSlices makes the insert that takes back what the replayed deliveries told
// all of and do not any more.
func (s *Sink) goneSlices(ctx context.Context, replays []string, batch *ingest.Batch) (insert, error) {
	told := make(map[[4]string]bool)
	for i := range batch.Events {
		if e := &batch.Events[i]; e.Cost != nil && e.Cost.Whole {
			told[[4]string{e.Workspace, e.Source, e.Cost.Slice, e.DeliveryID}] = true
		}
	}
	ctx, err := asking(ctx, replays)
	if err != nil {
		return insert{}, err
	}
	var rows []sliceRow
	var r sliceRow
	err = s.conn.read(ctx, `SELECT workspace::String, source::String, slice, delivery_id, level::String, day, received_at, version FROM cost_slices_log FINAL
		WHERE NOT gone AND delivery_id GLOBAL IN (SELECT id FROM asked)
		ORDER BY 1, 2, 3, 4 SETTINGS do_not_merge_across_partitions_select_final = 0, optimize_move_to_prewhere_if_final = 0`,
		nil, []any{&r.workspace, &r.source, &r.slice, &r.delivery, &r.level, &r.day, &r.received, &r.version}, func() error {
			if !told[r.key()] {
				rows = append(rows, r)
			}
			return nil
		})
	if err != nil {
		return insert{}, fmt.Errorf("read cost_slices_log: %w", err)
	}
	in := newInsert("cost_slices_log", goneSlice, rows)
	in.suffix = ":gone"
	return in, nil
}
