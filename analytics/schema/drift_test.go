package schema_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/leadgate/leadgate/analytics/clickhouse"
	"github.com/leadgate/leadgate/analytics/clickhouse/clickhousetest"
	"github.com/leadgate/leadgate/analytics/schema"
)

// layout is all that the server says of the columns of a database.
func layout(t *testing.T, conn *clickhouse.Conn) map[string][]string {
	t.Helper()
	rows, err := conn.Query(t.Context(), `
		SELECT table, name, type, default_expression, comment, compression_codec FROM system.columns
		WHERE database = currentDatabase() ORDER BY table, position`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	all := make(map[string][]string)
	for rows.Next() {
		var c [6]string
		if err := rows.Scan(&c[0], &c[1], &c[2], &c[3], &c[4], &c[5]); err != nil {
			t.Fatal(err)
		}
		all[c[0]] = append(all[c[0]], strings.Join(c[1:], " | "))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// What the migrations are taken to define is what the engine has after them:
// each column of each table and view, dropped alone, is missed.
func TestIntegrationDrift_ExpectsWhatMigrationsMake(t *testing.T) {
	t.Parallel()
	conn := clickhousetest.Open(t)
	if drift, err := schema.FindDrift(t.Context(), conn, schema.Params{}); err != nil || drift.Count() != 0 || drift.Blocks() {
		t.Fatalf("of a new database: %v, %v", drift, err)
	}
	expected := schema.Expected(t, schema.Params{Database: conn.Database()})
	for name, columns := range layout(t, conn) {
		if name == "schema_migrations" {
			continue
		}
		var names []string
		for _, c := range columns {
			word, _, _ := strings.Cut(c, " | ")
			names = append(names, word)
		}
		got := slices.Sorted(slices.Values(expected[name]))
		if slices.Sort(names); !slices.Equal(got, names) {
			t.Errorf("%s: expected %v, the engine has %v", name, got, names)
		}
		delete(expected, name)
	}
	if len(expected) > 0 {
		t.Errorf("expected, and not made: %v", expected)
	}
}

// On a cluster each table is expected twice, with the same columns.
func TestDrift_Cluster(t *testing.T) {
	t.Parallel()
	single := schema.Expected(t, schema.Params{Database: "d"})
	cluster := schema.Expected(t, schema.Params{Database: "d", Cluster: "c"})
	for name, columns := range single {
		want := []string{name}
		if strings.HasSuffix(name, "_log") {
			want = append(want, name+"_local")
		}
		for _, name := range want {
			if !slices.Equal(cluster[name], columns) {
				t.Errorf("%s: %v, want %v", name, cluster[name], columns)
			}
			delete(cluster, name)
		}
	}
	if len(cluster) > 0 {
		t.Errorf("on a cluster also: %v", cluster)
	}
}

func TestIntegrationRepair(t *testing.T) {
	t.Parallel()
	conn := clickhousetest.Open(t)
	before := layout(t, conn)
	for _, statement := range []string{
		"DROP TABLE costs_log SYNC", "DROP VIEW costs", "DROP VIEW contacts", "DROP VIEW submissions",
		"ALTER TABLE leads_log DROP COLUMN gclid, DROP COLUMN gbraid, DROP COLUMN gone",
		"ALTER TABLE deliveries_log DROP COLUMN event_ids",
		"CREATE OR REPLACE VIEW statuses AS SELECT workspace FROM statuses_log",
	} {
		if err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	want := schema.Drift{
		Tables:  []string{"costs_log"},
		Columns: []string{"leads_log.gclid", "leads_log.gbraid", "leads_log.gone", "deliveries_log.event_ids"},
		Views:   []string{"contacts", "statuses", "submissions", "costs"},
	}
	drift, err := schema.FindDrift(t.Context(), conn, schema.Params{})
	slices.Sort(drift.Views)
	slices.Sort(want.Views)
	if err != nil || !reflect.DeepEqual(drift, want) || drift.Count() != 9 || !drift.Blocks() {
		t.Errorf("got %+v, %v; want %+v", drift, err, want)
	}
	if text := drift.String(); !strings.Contains(text, "table costs_log; column leads_log.gclid, ") {
		t.Errorf("it says %q", text)
	}
	repaired, err := schema.Repair(t.Context(), conn, schema.Params{})
	if err != nil || repaired.Count() != 9 {
		t.Fatalf("repaired %v, %v", repaired, err)
	}
	if after := layout(t, conn); !reflect.DeepEqual(after, before) {
		for name := range before {
			if !slices.Equal(before[name], after[name]) {
				t.Errorf("%s was\n%s\nand is\n%s", name, strings.Join(before[name], "\n"), strings.Join(after[name], "\n"))
			}
		}
	}
	if again, err := schema.Repair(t.Context(), conn, schema.Params{}); err != nil || again.Count() != 0 {
		t.Errorf("the second time: %v, %v", again, err)
	}
	if engine := engineOf(t, conn, "costs_log"); !strings.Contains(engine, "min_bytes_for_wide_part = 134217728") {
		t.Errorf("costs_log is made again without its later settings: %s", engine)
	}
}

// A view that is missing keeps nobody from writing.
func TestIntegrationDrift_ViewsDoNotBlock(t *testing.T) {
	t.Parallel()
	conn := clickhousetest.Open(t)
	if err := conn.Exec(t.Context(), "DROP VIEW leads"); err != nil {
		t.Fatal(err)
	}
	drift, err := schema.FindDrift(t.Context(), conn, schema.Params{})
	if err != nil || drift.Count() != 1 || drift.Blocks() || drift.String() != "view leads" {
		t.Errorf("%v, %v", drift, err)
	}
}
