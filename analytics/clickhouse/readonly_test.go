package clickhouse_test

import (
	"strings"
	"testing"

	"github.com/leadgate/leadgate/analytics/clickhouse"
	"github.com/leadgate/leadgate/analytics/clickhouse/clickhousetest"
)

func TestMustRead(t *testing.T) {
	t.Parallel()
	for statement, reads := range map[string]bool{
		"SELECT 1": true, " \n\tselect\n1": true, "(SELECT 1) UNION ALL (SELECT 2)": true, "select(1)": true, "WITH 1 AS a SELECT a": true,
		"-- x\nSELECT 1": true, "/* x */ SELECT 1": true, "/**//**/SELECT 1": true, "#!x\nSELECT 1": true, "DESC leads": true, "EXPLAIN SELECT 1": true,
		"": false, "--": false, "/*": false, "-- SELECT 1": false, "/* SELECT */ DROP TABLE x": false, "--SELECT\nDROP TABLE x": false,
		"SYSTEM STOP MERGES": false, "SYSTEM\nSTOP MERGES": false, "KILL QUERY WHERE 1": false, "SET readonly = 0": false, "SELECTS": false,
		"INSERT INTO a SELECT 1": false, "ＳＥＬＥＣＴ 1": false, "\x00SELECT 1": false, "USE x": false,
	} {
		if err := clickhouse.MustRead(statement); (err == nil) != reads || err != nil && !clickhouse.RefusedAsReadOnly(err) {
			t.Errorf("%q: %v", statement, err)
		}
	}
}

// A server's own settings keep a statement from changing anything and from lifting
// its bounds, also for a user who may do all that otherwise.
func TestIntegrationReadOnly(t *testing.T) {
	t.Parallel()
	conn := clickhousetest.Open(t)
	reading, err := conn.ReadOnly(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ask := func(statement string) (string, error) {
		var out strings.Builder
		err := conn.Print(reading, &out, statement, clickhouse.TSV)
		return strings.TrimSpace(out.String()), err
	}
	for statement, want := range map[string]string{
		"SELECT sum(number) FROM numbers(10)":     "45",
		"SELECT getSetting('max_memory_usage')":   "1073741824",
		"SELECT getSetting('max_execution_time')": "600",
		"SELECT getSetting('readonly')":           "1",
		"WITH 1 AS a SELECT a":                    "1",
		"SELECT count() > 0 FROM system.tables ;": "1",
	} {
		if got, err := ask(statement); err != nil || got != want {
			t.Errorf("%s: %s, %v", statement, got, err)
		}
	}
	for _, statement := range []string{
		"INSERT INTO leads_log (lead_id) VALUES ('x')", "INSERT INTO leads_log (lead_id) SELECT 'x'", "ALTER TABLE leads_log DELETE WHERE 1", "DROP TABLE leads_log",
		"CREATE TEMPORARY TABLE x (a UInt8)", "SET max_threads = 1", "SELECT 1 SETTINGS max_memory_usage = 0", "SELECT 1 SETTINGS readonly = 0",
		"SELECT 1 SETTINGS max_execution_time = 0", "SELECT * FROM file('/etc/hostname', 'LineAsString')", "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
		"SELECT * FROM remote('127.0.0.1:1', system.one)",
	} {
		if got, err := ask(statement); !clickhouse.RefusedAsReadOnly(err) {
			t.Errorf("%s: %s, %v", statement, got, err)
		}
	}
	if got, err := ask("SELECT 1; DROP TABLE leads_log"); err == nil {
		t.Errorf("two statements: %s", got)
	}
}
