package schema_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leadgate/leadgate/analytics/clickhouse"
	"github.com/leadgate/leadgate/analytics/clickhouse/clickhousetest"
	"github.com/leadgate/leadgate/analytics/schema"
	"github.com/leadgate/leadgate/ingest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) { clickhousetest.Main(m) }

func TestRender_Golden(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]schema.Params{
		"single":  {Database: "leadgate"},
		"cluster": {Database: "leadgate", Cluster: "main", RawTTL: 7 * 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			migrations, err := schema.Render(p)
			if err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			for _, m := range migrations {
				fmt.Fprintf(&got, "-- %04d_%s\n", m.Version, m.Name)
				for _, statement := range m.Statements {
					fmt.Fprintf(&got, "%s;\n", statement)
				}
			}
			path := filepath.Join("testdata", name+".sql")
			if *update {
				if err := os.WriteFile(path, []byte(got.String()), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got.String() != string(want) {
				t.Errorf("the statements are not those of %s; look at the difference, then run with -update", path)
			}
		})
	}
}

// Two processes may run a file at the same time, and one may die half-way.
func TestRender_EachStatementMayBeRunTwice(t *testing.T) {
	t.Parallel()
	again := regexp.MustCompile(`^(CREATE TABLE IF NOT EXISTS|CREATE OR REPLACE VIEW|ALTER TABLE .* ((ADD|DROP|MODIFY) COLUMN IF (NOT )?EXISTS|MODIFY SETTING)) `)
	migrations, err := schema.Render(schema.Params{Database: "d", Cluster: "c"})
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range migrations {
		if m.Version != i+1 {
			t.Errorf("%04d_%s stands at place %d", m.Version, m.Name, i+1)
		}
		for _, statement := range m.Statements {
			if !again.MatchString(statement) || !strings.Contains(statement, " ON CLUSTER c") {
				t.Errorf("%04d_%s: %.80s", m.Version, m.Name, statement)
			}
		}
	}
}

func TestRender_Faults(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]schema.Params{
		"database":           {Database: "x; DROP TABLE y"},
		"clickhouse.cluster": {Database: "d", Cluster: "a b"},
		"between a day":      {Database: "d", RawTTL: time.Hour},
		"100 years":          {Database: "d", RawTTL: 40_000 * 24 * time.Hour},
	} {
		if _, err := schema.Render(p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v; want %q", p, err, want)
		}
	}
}

func TestIntegrationMigrate(t *testing.T) {
	t.Parallel()
	conn := clickhousetest.OpenEmpty(t)
	all, err := schema.Pending(t.Context(), conn)
	if err != nil || len(all) < 8 {
		t.Fatalf("pending without a database: %v, %v", all, err)
	}
	applied, err := schema.Migrate(t.Context(), conn, schema.Params{})
	if err != nil || !slices.Equal(applied, all) {
		t.Fatalf("applied %v, %v; want %v", applied, err, all)
	}
	for range 2 {
		if pending, err := schema.Pending(t.Context(), conn); err != nil || len(pending) != 0 {
			t.Errorf("pending afterwards: %v, %v", pending, err)
		}
		if applied, err := schema.Migrate(t.Context(), conn, schema.Params{}); err != nil || len(applied) != 0 {
			t.Errorf("applied %v, %v the second time", applied, err)
		}
	}
	// Half of it undone, as after a crash: it is done again.
	if err := conn.Exec(t.Context(), "ALTER TABLE schema_migrations DELETE WHERE version > 4 SETTINGS mutations_sync = 2"); err != nil {
		t.Fatal(err)
	}
	if applied, err := schema.Migrate(t.Context(), conn, schema.Params{}); err != nil || !slices.Equal(applied, all[4:]) {
		t.Errorf("applied %v, %v; want %v", applied, err, all[4:])
	}
	newest := all[len(all)-1]
	if err := conn.Exec(t.Context(), fmt.Sprintf("INSERT INTO schema_migrations VALUES (%d, 'later', now64(6))", newest+1)); err != nil {
		t.Fatal(err)
	}
	if _, err := schema.Migrate(t.Context(), conn, schema.Params{}); !errors.Is(err, schema.ErrNewer) {
		t.Errorf("migrate a newer database: %v", err)
	}
	if _, err := schema.Pending(t.Context(), conn); !errors.Is(err, schema.ErrNewer) {
		t.Errorf("pending of a newer database: %v", err)
	}
}

func TestIntegrationMigrate_AtTheSameTime(t *testing.T) {
	t.Parallel()
	conn := clickhousetest.OpenEmpty(t)
	var starters sync.WaitGroup
	for range 4 {
		starters.Go(func() {
			if _, err := schema.Migrate(t.Context(), conn, schema.Params{}); err != nil {
				t.Error(err)
			}
		})
	}
	starters.Wait()
	if pending, err := schema.Pending(t.Context(), conn); err != nil || len(pending) != 0 {
		t.Errorf("pending: %v, %v", pending, err)
	}
	var tables uint64
	if err := conn.QueryRow(t.Context(), "SELECT count() FROM system.tables WHERE database = currentDatabase()").Scan(&tables); err != nil || tables != 17 {
		t.Errorf("%d tables and views, %v; want 17", tables, err)
	}
}

func TestIntegrationMigrate_RawTTL(t *testing.T) {
	t.Parallel()
	conn := clickhousetest.OpenEmpty(t)
	for _, days := range []int{0, 30, 7, 7, 30} {
		if _, err := schema.Migrate(t.Context(), conn, schema.Params{RawTTL: time.Duration(days) * 24 * time.Hour}); err != nil {
			t.Fatal(err)
		}
		if days == 0 {
			days = 30 // by default
		}
		if got := engineOf(t, conn, "raw_log"); !strings.Contains(got, fmt.Sprintf("toIntervalDay(%d)", days)) {
			t.Errorf("want a TTL of %d days, got %s", days, got)
		}
	}
}

func engineOf(t *testing.T, conn *clickhouse.Conn, table string) (engine string) {
	t.Helper()
	err := conn.QueryRow(t.Context(), "SELECT engine_full FROM system.tables WHERE database = currentDatabase() AND name = $1", table).Scan(&engine)
	if err != nil {
		t.Fatal(err)
	}
	return engine
}

func TestIntegrationViews(t *testing.T) {
	t.Parallel()
	conn := clickhousetest.Open(t)
	columns := func(table string) (names []string) {
		t.Helper()
		err := conn.QueryRow(t.Context(), "SELECT groupArray(name) FROM (SELECT name FROM system.columns WHERE database = currentDatabase() AND table = $1 ORDER BY position)", table).Scan(&names)
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	// The order that design and BI users rely on.
	head := strings.Fields("workspace source lead_id external_id delivery_id occurred_at received_at contact_id visitor_id verdict duplicate_of channel " +
		"utm_source utm_medium utm_campaign utm_term utm_content gclid fbclid")
	leads := columns("leads")
	if !slices.Equal(leads[:len(head)], head) {
		t.Errorf("leads begins with %v", leads[:len(head)])
	}
	for _, id := range ingest.ClickIDParams {
		if !slices.Contains(leads, id) || !slices.Contains(columns("touches"), id) {
			t.Errorf("no column for %s", id)
		}
	}
	if got := columns("contacts")[:6]; !slices.Equal(got, strings.Fields("workspace contact_id email phone name company")) {
		t.Errorf("contacts begins with %v", got)
	}
	// A view shows all that its table has.
	for _, name := range []string{"leads", "touches", "costs", "statuses", "deliveries"} {
		view, log := columns(name), columns(name+"_log")
		// But for what is left out.
		log = slices.DeleteFunc(log, func(column string) bool { return column == "gone" })
		slices.Sort(view)
		slices.Sort(log)
		if !slices.Equal(view, log) {
			t.Errorf("%s has %v, %s_log has %v", name, view, name, log)
		}
	}
	var silent []string
	err := conn.QueryRow(t.Context(), `SELECT groupArray(table || '.' || name) FROM system.columns WHERE database = currentDatabase() AND comment = ''
		AND NOT (table = 'contacts' AND name IN ('submissions', 'first_received_at', 'last_received_at'))`).Scan(&silent)
	if err != nil || len(silent) != 0 {
		t.Errorf("columns without a comment: %v, %v", silent, err)
	}
	for _, table := range []string{"leads_log", "contacts_log", "touches_log", "costs_log", "statuses_log", "deliveries_log", "raw_log", "cost_slices_log"} {
		if engine := engineOf(t, conn, table); !strings.Contains(engine, "ReplacingMergeTree(version) PARTITION BY toYYYYMM(received_at)") ||
			!strings.Contains(engine, "non_replicated_deduplication_window = 10000") {
			t.Errorf("%s: %s", table, engine)
		}
	}
}

// People read with users that may change no setting; the views set one.
func TestIntegrationViews_Readonly(t *testing.T) {
	t.Parallel()
	conn := clickhousetest.Open(t)
	for _, view := range []string{"leads", "contacts", "submissions", "touches", "costs", "cost_states", "statuses", "deliveries"} {
		if err := conn.Exec(t.Context(), "SELECT * FROM "+view+" SETTINGS readonly = 1"); err != nil {
			t.Errorf("%s: %v", view, err)
		}
	}
}
