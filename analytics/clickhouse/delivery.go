package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// ErrNoDelivery means that the store knows no such delivery.
var ErrNoDelivery = errors.New("no such delivery in the store")

// StoredDelivery is what became of a delivery.
type StoredDelivery struct {
	ID         string         `json:"delivery_id"`
	Workspace  string         `json:"workspace"`
	Source     string         `json:"source"`
	ReceivedAt time.Time      `json:"received_at"` // UTC
	Verdict    ingest.Verdict `json:"verdict"`
	Reason     string         `json:"reason"`
	Events     int            `json:"events"`
	BodyBytes  int            `json:"body_bytes"`
}

// DeliveryFilter says which deliveries to list. Empty fields do not filter.
type DeliveryFilter struct {
	Source  string
	Verdict ingest.Verdict
	// From and To bound the time of receipt: From <= t < To.
	From, To time.Time
	// Before lists only what was received before the delivery of that id: the
	// last one of a page asks for the next.
	Before string
	Limit  int // 100 if 0
}

// Deliveries lists deliveries, newest first. Ids sort by time of receipt.
func (c *Conn) Deliveries(ctx context.Context, f DeliveryFilter) ([]StoredDelivery, error) {
	var conditions []string
	var args []any
	add := func(condition string, arg any) {
		args = append(args, arg)
		conditions = append(conditions, fmt.Sprintf(condition, len(args)))
	}
	if f.Source != "" {
		add("source = $%d", f.Source)
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
	if f.Before != "" {
		add("delivery_id < $%d", f.Before)
	}
	where := ""
	if len(conditions) > 0 {
		where = "WHERE " + strings.Join(conditions, " AND ")
	}
	list, err := c.deliveries(ctx, where, defaulted(f.Limit, 100), args)
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	return list, nil
}

func (c *Conn) deliveries(ctx context.Context, where string, limit int, args []any) ([]StoredDelivery, error) {
	var list []StoredDelivery
	var d StoredDelivery
	var verdict string
	var events, size uint32
	query := fmt.Sprintf(`SELECT delivery_id, workspace, source, received_at, verdict, reason, events, body_bytes
		FROM deliveries %s ORDER BY delivery_id DESC LIMIT %d`, where, limit)
	places := []any{&d.ID, &d.Workspace, &d.Source, &d.ReceivedAt, &verdict, &d.Reason, &events, &size}
	err := c.read(ctx, query, args, places, func() error {
		d.Verdict, d.Events, d.BodyBytes = ingest.Verdict(verdict), int(events), int(size)
		list = append(list, d)
		return nil
	})
	return list, err
}

// Delivery returns what became of a delivery and, as long as it is kept, the
// delivery itself, else nil. Errors: ErrNoDelivery (wrapped).
func (c *Conn) Delivery(ctx context.Context, id string) (StoredDelivery, *ingest.Delivery, error) {
	fail := func(err error) (StoredDelivery, *ingest.Delivery, error) {
		return StoredDelivery{}, nil, fmt.Errorf("delivery %s: %w", id, err)
	}
	list, err := c.deliveries(ctx, "WHERE delivery_id = $1", 1, []any{id})
	if err != nil {
		return fail(err)
	}
	if len(list) == 0 {
		return fail(ErrNoDelivery)
	}
	var raw string
	var delivery *ingest.Delivery
	err = c.read(ctx, "SELECT raw FROM raw_log WHERE source = $1 AND delivery_id = $2 LIMIT 1", []any{list[0].Source, id}, []any{&raw}, func() error {
		delivery, err = ingest.ParseDelivery([]byte(raw))
		return err
	})
	if err != nil {
		return fail(err)
	}
	return list[0], delivery, nil
}
