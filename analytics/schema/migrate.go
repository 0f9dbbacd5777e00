package schema

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	store "github.com/leadgate/leadgate/analytics/clickhouse"
)

// ErrNewer means that a later version of the program made the tables.
var ErrNewer = errors.New("the database is newer than this program")

// Migrate brings the database up to date, making it if it is missing, and
// returns the numbers of the files that it ran. Several processes may do so at
// the same time. Errors: ErrNewer (wrapped), or what the server says; what was
// done before an error stays, and a later call goes on from there.
func Migrate(ctx context.Context, conn *store.Conn, p Params) (applied []int, err error) {
	if p.Database == "" {
		p.Database = conn.Database()
	}
	if p, err = p.complete(); err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	migrations, err := Render(p)
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	err = conn.Bare(func(bare driver.Conn) error {
		r := runner{Params: p, conn: bare}
		applied, err = r.run(ctx, migrations)
		return err
	})
	if err != nil {
		return applied, fmt.Errorf("migrate %s at %s: %w", p.Database, conn.Address(), err)
	}
	return applied, nil
}

// Pending returns the numbers of the files that Migrate would run. It changes
// nothing. Errors: ErrNewer (wrapped), or what the server says.
func Pending(ctx context.Context, conn *store.Conn) (pending []int, err error) {
	migrations, err := Render(Params{Database: conn.Database()})
	if err != nil {
		return nil, fmt.Errorf("pending migrations: %w", err)
	}
	err = conn.Bare(func(bare driver.Conn) error {
		r := runner{Params: Params{Database: conn.Database()}, conn: bare}
		todo, err := r.pending(ctx, migrations)
		for _, m := range todo {
			pending = append(pending, m.Version)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("pending migrations of %s at %s: %w", conn.Database(), conn.Address(), err)
	}
	return pending, nil
}

// runner works with a connection that does not name the database.
type runner struct {
	Params
	conn driver.Conn
}

func (r runner) onCluster() string {
	if r.Cluster == "" {
		return ""
	}
	return " ON CLUSTER " + r.Cluster
}

func (r runner) run(ctx context.Context, migrations []Migration) ([]int, error) {
	if err := r.conn.Exec(ctx, fmt.Sprintf("CREATE DATABASE IF NOT EXISTS %s%s", r.Database, r.onCluster())); err != nil {
		return nil, err
	}
	if err := r.conn.Exec(ctx, r.bookDDL()); err != nil {
		return nil, err
	}
	todo, err := r.pending(ctx, migrations)
	if err != nil {
		return nil, err
	}
	var applied []int
	for _, m := range todo {
		for _, statement := range m.Statements {
			if err := r.conn.Exec(ctx, statement); err != nil {
				return applied, fmt.Errorf("%04d_%s: %w", m.Version, m.Name, err)
			}
		}
		if strings.Contains(m.Name, "views") {
			if err := r.describeViews(ctx); err != nil {
				return applied, fmt.Errorf("%04d_%s: describe: %w", m.Version, m.Name, err)
			}
		}
		err := r.conn.Exec(ctx, fmt.Sprintf("INSERT INTO %s.schema_migrations (version, name, applied_at) VALUES (%d, '%s', now64(6))",
			r.Database, m.Version, m.Name))
		if err != nil {
			return applied, fmt.Errorf("%04d_%s: record: %w", m.Version, m.Name, err)
		}
		applied = append(applied, m.Version)
	}
	return applied, r.adjustTTL(ctx)
}

// bookDDL makes the table that knows what was run. On a cluster every node
// holds the whole of it.
func (r runner) bookDDL() string {
	engine := "ReplacingMergeTree(applied_at)"
	if r.Cluster != "" {
		engine = "ReplicatedReplacingMergeTree('/clickhouse/tables/" + r.Database + "/schema_migrations', '{shard}-{replica}', applied_at)"
	}
	return fmt.Sprintf(`CREATE TABLE IF NOT EXISTS %s.schema_migrations%s
(
    version    UInt32               COMMENT 'number of the file',
    name       String               COMMENT 'name of the file',
    applied_at DateTime64(6, 'UTC') COMMENT 'when it was run, UTC'
)
ENGINE = %s
ORDER BY version
COMMENT 'Which schema files were run'`, r.Database, r.onCluster(), engine)
}

// pending returns what was not run yet. A missing book means all.
func (r runner) pending(ctx context.Context, migrations []Migration) ([]Migration, error) {
	var versions []uint32
	err := r.conn.QueryRow(ctx, fmt.Sprintf("SELECT groupUniqArray(version) FROM %s.schema_migrations", r.Database)).Scan(&versions)
	var exception *clickhouse.Exception
	if errors.As(err, &exception) && (exception.Code == 60 || exception.Code == 81) { // no such table, no such database
		return migrations, nil
	}
	if err != nil {
		return nil, err
	}
	newest := migrations[len(migrations)-1].Version
	for _, version := range versions {
		if int(version) > newest {
			return nil, fmt.Errorf("%w: it has schema %d, this program knows %d; use the newer leadgate", ErrNewer, version, newest)
		}
	}
	return slices.DeleteFunc(slices.Clone(migrations), func(m Migration) bool {
		return slices.Contains(versions, uint32(m.Version))
	}), nil
}

// describeViews copies the tables' comments to the columns of their views,
// where BI tools show them. A server that cannot do that is not at fault.
func (r runner) describeViews(ctx context.Context) error {
	rows, err := r.conn.Query(ctx, `
		SELECT v.table, v.name, l.comment
		FROM system.columns AS v
		INNER JOIN system.columns AS l ON l.database = v.database AND l.name = v.name
		WHERE v.database = $1 AND v.comment = '' AND l.comment != ''
		  AND l.table = multiIf(v.table IN ('contacts', 'submissions'), 'contacts_log', v.table = 'cost_states', 'costs_log', v.table || '_log')
		ORDER BY v.table, v.position`, r.Database)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	comments := make(map[string][]string)
	for rows.Next() {
		var view, column, comment string
		if err := rows.Scan(&view, &column, &comment); err != nil {
			return err
		}
		comments[view] = append(comments[view], fmt.Sprintf("COMMENT COLUMN IF EXISTS %s '%s'", column, strings.ReplaceAll(comment, "'", "''")))
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for view, commands := range comments {
		err := r.conn.Exec(ctx, fmt.Sprintf("ALTER TABLE %s.%s%s %s", r.Database, view, r.onCluster(), strings.Join(commands, ", ")))
		var exception *clickhouse.Exception
		if err != nil && !errors.As(err, &exception) {
			return err
		}
	}
	return nil
}

// adjustTTL brings the time that raw deliveries are kept up to date with the
// configuration.
func (r runner) adjustTTL(ctx context.Context) error {
	table := "raw_log"
	if r.Cluster != "" {
		table += "_local"
	}
	var engine string
	err := r.conn.QueryRow(ctx, "SELECT engine_full FROM system.tables WHERE database = $1 AND name = $2", r.Database, table).Scan(&engine)
	if errors.Is(err, sql.ErrNoRows) { // somebody dropped it; Repair makes it, with this time
		return nil
	}
	if err != nil {
		return err
	}
	if strings.Contains(engine, "TTL "+rawTTL(r.RawTTL)+" ") {
		return nil
	}
	return r.conn.Exec(ctx, fmt.Sprintf("ALTER TABLE %s.%s%s MODIFY TTL %s", r.Database, table, r.onCluster(), rawTTL(r.RawTTL)))
}
