package clickhouse

import (
	"context"
	"fmt"
	"time"
)

// RawBudget bounds what raw deliveries take on disk.
type RawBudget struct {
	// MaxBytes is how many compressed bytes each node may hold.
	MaxBytes int64
	// Cluster is the name of the cluster; "" is a single node.
	Cluster string
	// Keep is what stays whatever it takes: all that was received from then on.
	Keep time.Time
}

// RawTrim says what TrimRaw found and did.
type RawTrim struct {
	// Bytes is what raw deliveries took, on the node that holds most.
	Bytes int64
	// Before is the day, UTC, before which they are being deleted; zero if none
	// are. Deliveries of those days can be replayed no more.
	Before time.Time
	// Stuck is set if they take too much and none of them may go.
	Stuck bool
	// Busy is set if an earlier deletion is still under way.
	Busy bool
}

// rawSlack is what part of the budget is free after deleting, so that whole
// parts are not rewritten every hour.
const rawSlack = 0.1

// rawHead is about what a raw delivery takes besides its body.
const rawHead = 500

// TrimRaw deletes raw deliveries, the oldest days first, while they take more than
// the budget. It does not wait until the disk is freed. It may be called by
// several gateways at once.
func (c *Conn) TrimRaw(ctx context.Context, b RawBudget) (RawTrim, error) {
	var trim RawTrim
	r := rawTable{c, "raw_log", "system.parts", "system.mutations", ""}
	if b.Cluster != "" {
		r.table, r.on = "raw_log_local", fmt.Sprintf(" ON CLUSTER `%s`", b.Cluster)
		r.parts = fmt.Sprintf("clusterAllReplicas('%s', system.parts)", b.Cluster)
		r.mutations = fmt.Sprintf("clusterAllReplicas('%s', system.mutations)", b.Cluster)
	}
	var busy bool
	var err error
	if trim.Bytes, busy, err = r.size(ctx); err != nil || trim.Bytes <= b.MaxBytes {
		return trim, err
	}
	if trim.Busy = busy; busy {
		return trim, nil
	}
	days, err := r.days(ctx)
	if err != nil {
		return trim, err
	}
	trim.Before = cutoff(days, float64(b.MaxBytes)*(1-rawSlack)/float64(trim.Bytes), b.Keep)
	if trim.Stuck = trim.Before.IsZero(); trim.Stuck {
		return trim, nil
	}
	return trim, r.deleteBefore(ctx, trim.Before)
}

// rawDay is a day and about how many bytes came in on it.
type rawDay struct {
	day   time.Time
	bytes uint64
}

// cutoff returns the first day that stays when only that share of all bytes may;
// zero if nothing can go.
func cutoff(days []rawDay, share float64, keep time.Time) time.Time {
	var all, gone float64
	for _, d := range days {
		all += float64(d.bytes)
	}
	var before time.Time
	for _, d := range days {
		next := d.day.AddDate(0, 0, 1)
		if all-gone <= all*share || next.After(keep) {
			break
		}
		gone += float64(d.bytes)
		before = next
	}
	return before
}

// rawTable is where raw deliveries are.
type rawTable struct {
	conn                    *Conn
	table, parts, mutations string
	on                      string // " ON CLUSTER …"
}

// size returns what the node with most of them holds, and whether a deletion is
// under way anywhere.
func (r rawTable) size(ctx context.Context) (bytes int64, busy bool, err error) {
	var most, open uint64
	err = r.conn.QueryRow(ctx, fmt.Sprintf(`SELECT max(held) FROM
		(SELECT hostName() AS host, sum(bytes_on_disk) AS held FROM %s WHERE database = $1 AND table = $2 AND active GROUP BY host)`, r.parts),
		r.conn.Database(), r.table).Scan(&most)
	if err == nil {
		err = r.conn.QueryRow(ctx, fmt.Sprintf("SELECT count() FROM %s WHERE database = $1 AND table = $2 AND NOT is_done", r.mutations),
			r.conn.Database(), r.table).Scan(&open)
	}
	if err != nil {
		return 0, false, fmt.Errorf("size of raw deliveries: %w", r.conn.explain(err))
	}
	return int64(most), open > 0, nil
}

// days lists the days of which there are raw deliveries. The weights are those of
// deliveries_log: to read the raw ones for that would be to read all there is.
func (r rawTable) days(ctx context.Context) ([]rawDay, error) {
	var days []rawDay
	var d rawDay
	err := r.conn.read(ctx, fmt.Sprintf(`SELECT toStartOfDay(received_at, 'UTC') AS day, sum(body_bytes) + %d * count() FROM deliveries_log
		WHERE day GLOBAL IN (SELECT DISTINCT toStartOfDay(received_at, 'UTC') FROM raw_log) GROUP BY day ORDER BY day`, rawHead),
		nil, []any{&d.day, &d.bytes}, func() error {
			days = append(days, rawDay{d.day.UTC(), d.bytes})
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("days of raw deliveries: %w", err)
	}
	return days, nil
}

// deleteBefore drops the months before a day, which costs nothing, and deletes
// what of its own month is older: that rewrites the parts that also hold younger
// ones.
func (r rawTable) deleteBefore(ctx context.Context, day time.Time) error {
	var partition string
	var old []string
	err := r.conn.read(ctx, fmt.Sprintf("SELECT DISTINCT partition FROM %s WHERE database = $1 AND table = $2 AND active ORDER BY partition", r.parts),
		[]any{r.conn.Database(), r.table}, []any{&partition}, func() error {
			if partition <= day.Format("200601") {
				old = append(old, partition)
			}
			return nil
		})
	if err != nil {
		return fmt.Errorf("months of raw deliveries: %w", err)
	}
	for _, partition := range old {
		statement := fmt.Sprintf("ALTER TABLE %s%s DROP PARTITION ID '%s'", r.table, r.on, partition)
		if partition == day.Format("200601") {
			if day.Day() == 1 {
				continue
			}
			statement = fmt.Sprintf("ALTER TABLE %s%s DELETE IN PARTITION ID '%s' WHERE received_at < fromUnixTimestamp64Micro(toInt64(%d), 'UTC')",
				r.table, r.on, partition, day.UnixMicro())
		}
		if err := r.conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("delete raw deliveries before %s: %w", day.Format(time.DateOnly), r.conn.explain(err))
		}
	}
	return nil
}
