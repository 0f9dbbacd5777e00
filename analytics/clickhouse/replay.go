package clickhouse

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// ReplayFilter says which stored deliveries to replay. Empty fields do not
// filter.
type ReplayFilter struct {
	IDs     []string
	Sources []string // any of them
	Verdict ingest.Verdict
	// From and To bound the time of receipt: From <= t < To.
	From, To time.Time
	// After lists only what was received after the delivery of that id.
	After string
}

// Replayable is a delivery that matches a ReplayFilter.
type Replayable struct {
	ID, Source string
	BodyBytes  int
	// Replay is the number of its latest replay, 0 if there was none.
	Replay uint32
	// Kept tells whether its raw bytes are still kept.
	Kept bool
}

func (f *ReplayFilter) where() (string, []any) {
	var conditions []string
	var args []any
	add := func(condition string, arg any) {
		args = append(args, arg)
		conditions = append(conditions, fmt.Sprintf(condition, len(args)))
	}
	if len(f.IDs) > 0 {
		conditions = append(conditions, "delivery_id GLOBAL IN (SELECT id FROM asked)")
	}
	if len(f.Sources) > 0 {
		add("source IN ($%d)", f.Sources)
	}
	if f.Verdict != "" {
		add("verdict = $%d", string(f.Verdict))
	}
	if !f.From.IsZero() {
		add("received_at >= fromUnixTimestamp64Micro(toInt64($%d), 'UTC')", f.From.UnixMicro())
	}
	if !f.To.IsZero() {
		add("received_at < fromUnixTimestamp64Micro(toInt64($%d), 'UTC')", f.To.UnixMicro())
	}
	if f.After != "" {
		add("delivery_id > $%d", f.After)
	}
	if len(conditions) == 0 {
		return "", nil
	}
	return "WHERE " + strings.Join(conditions, " AND "), args
}

// Replayable returns the matching deliveries in the order of their ids, at most
// limit of them.
func (c *Conn) Replayable(ctx context.Context, f ReplayFilter, limit int) ([]Replayable, error) {
	where, args := f.where()
	ctx, err := asking(ctx, f.IDs)
	if err != nil {
		return nil, err
	}
	var list []Replayable
	var r Replayable
	var size uint32
	var version uint64
	err = c.read(ctx, fmt.Sprintf("SELECT delivery_id, source, body_bytes, version FROM deliveries %s ORDER BY delivery_id LIMIT %d", where, limit),
		args, []any{&r.ID, &r.Source, &size, &version}, func() error {
			r.BodyBytes, r.Replay = int(size), uint32(version>>rankBits)
			list = append(list, r)
			return nil
		})
	if err == nil && len(list) > 0 {
		err = c.markKept(ctx, list)
	}
	if err != nil {
		return nil, fmt.Errorf("list deliveries to replay: %w", err)
	}
	return list, nil
}

func (c *Conn) markKept(ctx context.Context, list []Replayable) error {
	ids := make([]string, len(list))
	at := make(map[string]int, len(list))
	for i, r := range list {
		ids[i], at[r.ID] = r.ID, i
	}
	ctx, err := asking(ctx, ids)
	if err != nil {
		return err
	}
	var id string
	return c.read(ctx, "SELECT DISTINCT delivery_id FROM raw_log WHERE delivery_id GLOBAL IN (SELECT id FROM asked)", nil, []any{&id}, func() error {
		list[at[id]].Kept = true
		return nil
	})
}

// CountReplayable counts the matching deliveries, and those whose raw bytes are
// still kept.
func (c *Conn) CountReplayable(ctx context.Context, f ReplayFilter) (matched, kept int, err error) {
	where, args := f.where()
	ctx, err = asking(ctx, f.IDs)
	if err != nil {
		return 0, 0, err
	}
	var all, raw uint64
	query := fmt.Sprintf(`SELECT count(), countIf(delivery_id GLOBAL IN (SELECT delivery_id FROM raw_log)) FROM deliveries %s`, where)
	if err := c.QueryRow(ctx, query, args...).Scan(&all, &raw); err != nil {
		return 0, 0, fmt.Errorf("count deliveries to replay: %w", c.explain(err))
	}
	return int(all), int(raw), nil
}

// Raw returns raw deliveries in the order of their ids. Those that are not kept
// any more are left out.
func (c *Conn) Raw(ctx context.Context, ids []string) ([]*ingest.Delivery, error) {
	ctx, err := asking(ctx, ids)
	if err != nil {
		return nil, err
	}
	found := make(map[string]*ingest.Delivery, len(ids))
	var id, raw string
	err = c.read(ctx, "SELECT delivery_id, raw FROM raw_log WHERE delivery_id GLOBAL IN (SELECT id FROM asked)", nil, []any{&id, &raw}, func() error {
		d, err := ingest.ParseDelivery([]byte(raw))
		if err != nil {
			return fmt.Errorf("delivery %s: %w", id, err)
		}
		found[id] = d
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read raw deliveries: %w", err)
	}
	list := make([]*ingest.Delivery, 0, len(found))
	for _, id := range slices.Sorted(slices.Values(ids)) {
		if d, ok := found[id]; ok {
			list = append(list, d)
		}
	}
	return list, nil
}
