package report

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/leadgate/leadgate/ingest"
)

// reader asks the store with one set of bound parameters.
type reader struct {
	conn   driver.Conn
	params []any
}

// read asks the store for everything that a query rests on.
func read(ctx context.Context, conn driver.Conn, q Query) (facts, error) {
	// No zone is more than a day off UTC.
	since := dayUTC(q.From).AddDate(0, 0, -1).Add(-q.Lookback)
	until := dayUTC(q.To).AddDate(0, 0, 2)
	r := reader{conn, []any{
		clickhouse.Named("workspace", q.Workspace), clickhouse.Named("tz", q.TZ.String()),
		clickhouse.Named("from", day(q.From)), clickhouse.Named("to", day(q.To)),
		clickhouse.Named("lookback", q.Lookback.Microseconds()),
		clickhouse.Named("since", since.UnixMicro()), clickhouse.Named("until", until.UnixMicro()),
	}}
	f := facts{notCounted: map[string]int64{}}
	steps := []struct {
		what string
		read func() error
	}{
		{"costs", func() error { return r.costs(ctx, &f.costs) }},
		{"campaigns", func() error { return r.campaigns(ctx, &f.campaigns) }},
		{"touches", func() error { return r.touches(ctx, &f.touches) }},
		{"leads", func() error { return r.leads(ctx, attributedSQL(conversionsSQL()), &f.leads) }},
		{"leads not counted", func() error { return r.verdicts(ctx, f.notCounted) }},
		{"quarantine", func() error { return r.count(ctx, quarantinedSQL, &f.quarantined) }},
	}
	for _, step := range steps {
		if err := step.read(); err != nil {
			return facts{}, fmt.Errorf("read %s: %w", step.what, err)
		}
	}
	if !q.pricesSales() {
		return f, nil
	}
	r = r.from(time.Unix(0, 0)) // the lead of a sale may be of any age
	if err := r.leads(ctx, attributedSQL(salesSQL()), &f.sales); err != nil {
		return facts{}, fmt.Errorf("read sales: %w", err)
	}
	if err := r.count(ctx, unmatchedSQL(), &f.unmatchedSales); err != nil {
		return facts{}, fmt.Errorf("read sales without a lead: %w", err)
	}
	return f, nil
}

func dayUTC(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// from returns r with another lower bound for touches.
func (r reader) from(since time.Time) reader {
	params := make([]any, len(r.params))
	for i, p := range r.params {
		if named, ok := p.(driver.NamedValue); ok && named.Name == "since" {
			p = clickhouse.Named("since", since.UnixMicro())
		}
		params[i] = p
	}
	return reader{r.conn, params}
}

// each runs a statement and calls scan on every row.
func (r reader) each(ctx context.Context, statement string, scan func(driver.Rows) error) (err error) {
	rows, err := r.conn.Query(ctx, statement, r.params...)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := rows.Close(); err == nil {
			err = closeErr
		}
	}()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (r reader) count(ctx context.Context, statement string, into *int64) error {
	return r.each(ctx, statement, func(rows driver.Rows) error { return rows.Scan(into) })
}

// scan returns where to scan a cell, followed by further columns.
func (c *cell) scan(more ...any) []any {
	return append([]any{&c.day, &c.channel, &c.source, &c.medium, &c.campaign, &c.campaignID}, more...)
}

func (r reader) costs(ctx context.Context, into *[]costFact) error {
	return r.each(ctx, costsSQL, func(rows driver.Rows) error {
		var c costFact
		var amount string
		if err := rows.Scan(c.scan(&c.currency, &amount, &c.clicks)...); err != nil {
			return err
		}
		var err error
		if c.cost, err = ingest.ParseMicros(amount); err != nil {
			return fmt.Errorf("cost of %s: %w", c.day, err)
		}
		*into = append(*into, c)
		return nil
	})
}

func (r reader) campaigns(ctx context.Context, into *[]campaignFact) error {
	return r.each(ctx, campaignsSQL, func(rows driver.Rows) error {
		var c campaignFact
		err := rows.Scan(&c.source, &c.id, &c.name)
		*into = append(*into, c)
		return err
	})
}

func (r reader) touches(ctx context.Context, into *[]countFact) error {
	return r.each(ctx, touchesSQL, func(rows driver.Rows) error {
		var c countFact
		err := rows.Scan(c.scan(&c.n)...)
		*into = append(*into, c)
		return err
	})
}

func (r reader) leads(ctx context.Context, statement string, into *[]leadFact) error {
	return r.each(ctx, statement, func(rows driver.Rows) error {
		var l leadFact
		err := rows.Scan(l.scan(&l.inferred, &l.n)...)
		*into = append(*into, l)
		return err
	})
}

func (r reader) verdicts(ctx context.Context, into map[string]int64) error {
	return r.each(ctx, notCountedSQL, func(rows driver.Rows) error {
		var verdict string
		var n int64
		err := rows.Scan(&verdict, &n)
		into[verdict] = n
		return err
	})
}
