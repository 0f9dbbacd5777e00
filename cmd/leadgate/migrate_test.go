package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/leadgate/leadgate/analytics/schema"
)

// Finding 28: a table that is dropped while leads come in holds the drain; it is
// told, made again by migrate, and the drain goes on by itself.
func TestIntegration_TableDropped(t *testing.T) {
	t.Parallel()
	p := serve(t, t.TempDir(), openForm)
	p.lead("a")
	p.counted()
	p.run("sql", "--write", "--yes", "ALTER TABLE touches_log DROP COLUMN gclid")
	p.run("sql", "--write", "--yes", "DROP TABLE raw_log SYNC")
	p.run("sql", "--write", "--yes", "DROP VIEW costs")
	p.lead("b")
	p.says("missing") // found after the insert failed, long before it is due
	p.until("told", func() bool { return p.metric("leadgate_schema_drift 3") })
	said := p.refused("doctor")
	for _, name := range []string{"raw_log", "touches_log.gclid", "costs", "held up", "run `leadgate migrate`"} {
		if !strings.Contains(said, name) {
			t.Errorf("doctor does not say %s:\n%s", name, said)
		}
	}
	if got := p.run("migrate"); !strings.Contains(got, "made again what was missing: table raw_log; column touches_log.gclid; view") {
		t.Errorf("migrate says %s", got)
	}
	p.complete(2)
	p.until("well", func() bool { return p.metric("leadgate_schema_drift 0") })
	p.stop()
}

// The engine of a database that migrate has not seen lacks nothing: what is
// pending is not drift.
func TestIntegration_MigrateSaysWhatItDid(t *testing.T) {
	t.Parallel()
	server, conn := emptyStore(t)
	config := writeConfig(t, fmt.Sprintf("data_dir: %s\nclickhouse: {url: %q}\n", t.TempDir(), server))
	migrate := func() string {
		var said strings.Builder
		if code := run(t.Context(), []string{"migrate", "--config", config}, os.Environ(), nil, &said, &said); code != 0 {
			t.Errorf("migrate exits with %d: %s", code, &said)
		}
		return said.String()
	}
	if said := migrate(); !strings.Contains(said, "applied [1 2 ") || strings.Contains(said, "again") {
		t.Errorf("at first: %s", said)
	}
	if said := migrate(); !strings.Contains(said, "is up to date") {
		t.Errorf("the second time: %s", said)
	}
	if err := conn.Exec(t.Context(), "DROP TABLE leads_log SYNC"); err != nil {
		t.Fatal(err)
	}
	if said := migrate(); !strings.Contains(said, "table leads_log") || !strings.Contains(said, "is empty") {
		t.Errorf("with a table missing: %s", said)
	}
	if drift, err := schema.FindDrift(t.Context(), conn, schema.Params{}); err != nil || drift.Count() > 0 {
		t.Errorf("afterwards: %v, %v", drift, err)
	}
}
