package report

import (
	"context"
	"fmt"
	"slices"
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
	var f facts
	steps := []struct {
		what string
		read func() error
	}{
		{"costs", func() error { return r.costs(ctx, &f.costs) }},
		{"campaigns", func() error { return r.campaigns(ctx, &f.campaigns) }},
		{"touches", func() error { return r.touches(ctx, &f.touches) }},
		{"leads", func() (err error) {
			f.leads, f.notCounted, err = r.leads(ctx, arrivedSQL(), inRange("occurred_at"))
			return err
		}},
		{"quarantine", func() error { return r.count(ctx, quarantinedSQL(), &f.quarantined) }},
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
	var err error
	if f.sales, _, err = r.leads(ctx, salesSQL(), "true"); err != nil { // they are unique
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
	return r.each(ctx, touchesSQL(), func(rows driver.Rows) error {
		var c countFact
		err := rows.Scan(c.scan(&c.n)...)
		*into = append(*into, c)
		return err
	})
}

// leads counts chosen leads, which are among those of a condition: unique ones
// by cell, the others by verdict.
func (r reader) leads(ctx context.Context, chosen, among string) (unique []leadFact, others map[string]int64, err error) {
	columns, err := r.shared(ctx, among)
	if err != nil {
		return nil, nil, err
	}
	others = map[string]int64{}
	err = r.each(ctx, attributedSQL(chosen, columns), func(rows driver.Rows) error {
		var l leadFact
		var verdict string
		err := rows.Scan(l.scan(&l.inferred, &verdict, &l.n)...)
		if verdict == string(ingest.UniqueLead) {
			unique = append(unique, l)
		} else {
			others[verdict] += l.n
		}
		return err
	})
	return unique, others, err
}

// shared are the keyColumns that some lead of a condition and some touch have.
func (r reader) shared(ctx context.Context, among string) ([]string, error) {
	ofLeads, err := r.filled(ctx, filledSQL("leads_log", among))
	if err != nil || len(ofLeads) == 0 {
		return nil, err
	}
	ofTouches, err := r.filled(ctx, filledSQL("touches_log", touchTimes))
	return slices.DeleteFunc(ofLeads, func(name string) bool { return !slices.Contains(ofTouches, name) }), err
}

// filled answers a filledSQL. Only names of ours go into another statement.
func (r reader) filled(ctx context.Context, statement string) (columns []string, err error) {
	err = r.each(ctx, statement, func(rows driver.Rows) error { return rows.Scan(&columns) })
	return columns, err
}
