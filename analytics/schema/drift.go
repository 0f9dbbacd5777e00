package schema

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	store "github.com/leadgate/leadgate/analytics/clickhouse"
)

// Drift is what a database lacks of what the migrations that it ran have made:
// somebody dropped it, or lost its file.
type Drift struct {
	// Tables are those that are not there.
	Tables []string
	// Columns are table.column, of tables that are there.
	Columns []string
	// Views are those that are not there or lack a column.
	Views []string
}

// Count returns how many tables, columns and views are missing.
func (d Drift) Count() int { return len(d.Tables) + len(d.Columns) + len(d.Views) }

// Blocks reports whether rows cannot be written: a view alone only keeps them
// from being read.
func (d Drift) Blocks() bool { return len(d.Tables)+len(d.Columns) > 0 }

// String names what is missing, "" if nothing is.
func (d Drift) String() string {
	var parts []string
	for _, part := range []struct {
		what  string
		names []string
	}{{"table", d.Tables}, {"column", d.Columns}, {"view", d.Views}} {
		if len(part.names) > 0 {
			parts = append(parts, part.what+" "+strings.Join(part.names, ", "))
		}
	}
	return strings.Join(parts, "; ")
}

// FindDrift compares a database whose migrations are all run with what these
// define. On a cluster it looks at the node that it is connected to. It changes
// nothing.
func FindDrift(ctx context.Context, conn *store.Conn, p Params) (Drift, error) {
	var drift Drift
	r, relations, err := plan(conn, p)
	if err != nil {
		return drift, err
	}
	err = conn.Bare(func(bare driver.Conn) error {
		r.conn = bare
		drift, err = r.drift(ctx, relations)
		return err
	})
	if err != nil {
		return drift, fmt.Errorf("tables of %s at %s: %w", r.Database, conn.Address(), err)
	}
	return drift, nil
}

// Repair makes what a database lacks and returns that. A table that is made
// again is empty. It may be repeated, and run by several processes at once.
func Repair(ctx context.Context, conn *store.Conn, p Params) (Drift, error) {
	var drift Drift
	r, relations, err := plan(conn, p)
	if err != nil {
		return drift, err
	}
	err = conn.Bare(func(bare driver.Conn) error {
		r.conn = bare
		if drift, err = r.drift(ctx, relations); err != nil {
			return err
		}
		return r.repair(ctx, relations, drift)
	})
	if err != nil {
		return drift, fmt.Errorf("repair %s at %s: %w", r.Database, conn.Address(), err)
	}
	return drift, nil
}

func plan(conn *store.Conn, p Params) (runner, []*relation, error) {
	if p.Database == "" {
		p.Database = conn.Database()
	}
	p, err := p.complete()
	if err != nil {
		return runner{}, nil, err
	}
	migrations, err := Render(p)
	if err != nil {
		return runner{}, nil, err
	}
	relations, err := blueprint(migrations)
	return runner{Params: p}, relations, err
}

// drift asks the server what there is.
func (r runner) drift(ctx context.Context, relations []*relation) (drift Drift, err error) {
	rows, err := r.conn.Query(ctx, "SELECT table, groupArray(name) FROM system.columns WHERE database = $1 GROUP BY table", r.Database)
	if err != nil {
		return drift, err
	}
	defer func() { _ = rows.Close() }()
	found := make(map[string][]string)
	for rows.Next() {
		var table string
		var names []string
		if err := rows.Scan(&table, &names); err != nil {
			return drift, err
		}
		found[table] = names
	}
	for _, want := range relations {
		columns, ok := found[want.name]
		lacking := want.lacking(columns)
		switch {
		case want.view && len(lacking) > 0:
			drift.Views = append(drift.Views, want.name)
		case !want.view && !ok:
			drift.Tables = append(drift.Tables, want.name)
		case !want.view:
			for _, i := range lacking {
				drift.Columns = append(drift.Columns, want.name+"."+want.columns[i].name)
			}
		}
	}
	return drift, rows.Err()
}

// lacking returns the places of the columns that are not among those found.
func (r *relation) lacking(found []string) (places []int) {
	for i := range r.columns {
		if !slices.Contains(found, r.columns[i].name) {
			places = append(places, i)
		}
	}
	return places
}

func (r runner) repair(ctx context.Context, relations []*relation, drift Drift) error {
	for _, want := range relations {
		statements := want.statements
		switch {
		case want.view && !slices.Contains(drift.Views, want.name):
			continue
		case !want.view && !slices.Contains(drift.Tables, want.name):
			statements = r.additions(want, drift)
		}
		for _, statement := range statements {
			if err := r.conn.Exec(ctx, statement); err != nil {
				return fmt.Errorf("%s: %w", want.name, err)
			}
		}
	}
	if len(drift.Views) == 0 {
		return nil
	}
	return r.describeViews(ctx)
}

// additions are the statements that add a table's missing columns, each at its
// place.
func (r runner) additions(want *relation, drift Drift) (statements []string) {
	place := " FIRST"
	for _, c := range want.columns {
		if slices.Contains(drift.Columns, want.name+"."+c.name) {
			statements = append(statements, fmt.Sprintf("ALTER TABLE %s.%s%s ADD COLUMN IF NOT EXISTS %s%s",
				r.Database, want.name, r.onCluster(), c.definition, place))
		}
		place = " AFTER " + c.name
	}
	return statements
}
