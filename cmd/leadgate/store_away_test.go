package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gofrs/flock"
)

// usable waits until the metrics say that the store is usable.
func (p *process) usable() {
	p.t.Helper()
	p.until("usable", func() bool { return p.metric("leadgate_store_usable 1") })
}

// refused runs a command that must fail, and returns what it says.
func (p *process) refused(args ...string) string {
	p.t.Helper()
	cmd := p.command(p.t.Context(), args...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err == nil {
		p.t.Errorf("leadgate %s does not fail: %s", strings.Join(args, " "), &said)
	}
	return unwrapped(said.String())
}

// unwrapped is a table's text without its borders and line breaks.
func unwrapped(text string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(text, "│", " ")), " ")
}

// unavailable checks that the API says so.
func (p *process) unavailable(header string) {
	p.t.Helper()
	for _, request := range [][2]string{{http.MethodGet, "/api/v1/reports/cpl"}, {http.MethodPost, "/api/v1/deliveries/replay"}} {
		status, text, err := p.do(request[0], request[1], []byte(`{"source":"form"}`), header)
		if err != nil || status != http.StatusServiceUnavailable || !strings.Contains(text, `"unavailable"`) {
			p.t.Errorf("%s: %d %s, %v", request[1], status, text, err)
		}
	}
}

const (
	apiKey    = "api: {keys: [an-api-key-of-the-test]}\n"
	apiHeader = jsonHeader + "\nAuthorization: Bearer an-api-key-of-the-test"
)

// Finding 15: without the engine library the gateway takes leads, says what is
// missing wherever it is asked, and counts all of them once the library is
// there, without a restart.
func TestIntegration_LibraryMissing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := prepareServe(t, dir, openForm+apiKey)
	library := p.library
	p.library = filepath.Join(dir, "libchdb.so")
	p.start()
	p.lead("a")
	p.says("engine library")
	if !p.metric("leadgate_store_usable 0") {
		t.Error("the metrics do not say that the store cannot be used")
	}
	p.unavailable(apiHeader)
	for _, args := range [][]string{{"sql", "SELECT 1"}, {"report", "cpl"}, {"doctor"}} {
		if said := p.refused(args...); !strings.Contains(said, "LEADGATE_LIBCHDB") || strings.Contains(said, "another process") {
			t.Errorf("leadgate %v says %s", args, said)
		}
	}
	p.lead("b")
	if err := os.WriteFile(p.library, []byte("no library"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.says("cannot be loaded")
	if err := errors.Join(os.Remove(p.library), os.Symlink(library, p.library)); err != nil {
		t.Fatal(err)
	}
	p.usable()
	p.lead("c")
	p.complete(3)
	p.stop()

	// What was counted before an outage is known after it, though the memory of
	// ids was empty meanwhile.
	if err := os.Remove(p.library); err != nil {
		t.Fatal(err)
	}
	p.start()
	p.lead("a")
	p.says("engine library")
	if err := os.Symlink(library, p.library); err != nil {
		t.Fatal(err)
	}
	p.complete(3)
	p.stop()
}

// Finding 15: a table's file that cannot be read keeps the engine from starting,
// and nobody from sending leads.
func TestIntegration_TableFileDamaged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := serve(t, dir, openForm)
	p.lead("a")
	p.counted()
	p.stop()
	path := metadataOf(t, dir, "leads_log")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	p.start()
	p.lead("b")
	p.says("ClickHouse cannot be used")
	if said := p.refused("doctor"); !strings.Contains(said, "leads_log.sql") {
		t.Errorf("doctor says %s", said)
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	p.usable()
	p.complete(2)
	p.stop()
}

// metadataOf returns the file in which the engine of a gateway keeps what a
// table is.
func metadataOf(t *testing.T, dir, table string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "data", "clickhouse", "db", "metadata", "*", table+".sql"))
	if err != nil || len(found) != 1 {
		t.Fatalf("the file of %s: %v, %v", table, found, err)
	}
	return found[0]
}

// A damaged file of rows keeps nothing from starting: ClickHouse leaves its rows
// out without a word. That is said, and mended by the file or by a replay.
func TestIntegration_PartDamaged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := serve(t, dir, openForm)
	p.lead("a")
	p.lead("b")
	p.counted()
	p.stop()
	ddl, err := os.ReadFile(metadataOf(t, dir, "leads_log"))
	if err != nil {
		t.Fatal(err)
	}
	id := regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`).FindString(string(ddl))
	parts, err := filepath.Glob(filepath.Join(dir, "data", "clickhouse", "db", "store", "*", id, "*", "data.bin"))
	if err != nil || len(parts) == 0 {
		t.Fatalf("the parts of %s: %v, %v", id, parts, err)
	}
	for _, part := range parts {
		if err := os.Truncate(part, 10); err != nil {
			t.Fatal(err)
		}
	}
	p.start()
	p.lead("c")
	p.says("damaged parts")
	p.until("told", func() bool { return p.metric("leadgate_store_broken_tables 1") })
	if said := p.refused("doctor"); !strings.Contains(said, "leads_log") || !strings.Contains(said, "replay") {
		t.Errorf("doctor says %s", said)
	}
	p.run("deliveries", "replay", "--source", "form")
	p.complete(3)
	for _, name := range strings.Fields(p.sql("SELECT name FROM system.detached_parts WHERE table = 'leads_log'")) {
		p.run("sql", "--write", "--yes", "ALTER TABLE leads_log DROP DETACHED PART '"+name+"' SETTINGS allow_drop_detached = 1")
	}
	p.until("well", func() bool { return p.metric("leadgate_store_broken_tables 0") })
	p.stop()
}

// Finding 33: an engine that is killed again and again is a metric and a finding
// of doctor; all leads are counted.
func TestIntegration_EngineRestartsAreCounted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := serve(t, dir, openForm)
	p.usable()
	for i := range 2 {
		if err := killEngine(filepath.Join(dir, "data", "clickhouse", "runtime.json")); err != nil {
			t.Fatal(err)
		}
		p.lead(fmt.Sprint("lead", i))
		p.until("restarted", func() bool { return p.metric(fmt.Sprint("leadgate_engine_restarts_total ", i+1)) })
		p.counted()
	}
	p.until("said", func() bool { return strings.Contains(unwrapped(p.run("doctor")), "started again") })
	p.complete(2)
	p.stop()
}

// A directory of the engine that is none, or that another process holds, keeps
// nobody from sending leads.
func TestIntegration_EngineDirectoryUnusable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	engine := filepath.Join(dir, "data", "clickhouse")
	p := prepareServe(t, dir, openForm)
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "data"), 0o700), os.WriteFile(engine, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	p.start()
	p.lead("a")
	p.says("not a directory")
	if said := p.refused("sql", "SELECT 1"); !strings.Contains(said, "a gateway runs") || !strings.Contains(said, "not a directory") {
		t.Errorf("sql says %s", said)
	}
	if err := errors.Join(os.Remove(engine), os.Mkdir(engine, 0o700)); err != nil {
		t.Fatal(err)
	}
	p.usable()
	p.complete(1)
	p.stop()
	held := flock.New(filepath.Join(engine, "lock"))
	if ok, err := held.TryLock(); err != nil || !ok {
		t.Fatalf("%v, %v", ok, err)
	}
	p.start()
	p.lead("b")
	p.says("in use by another process")
	closes(t, held)
	p.usable()
	p.complete(2)
	p.stop()
}

// Finding 32: a schema of a later version holds the drain, not the intake; with
// the later version away again, all is counted.
func TestIntegration_SchemaNewer(t *testing.T) {
	t.Parallel()
	p := serve(t, t.TempDir(), openForm)
	p.lead("a")
	p.complete(1)
	p.run("sql", "--write", "--yes", "INSERT INTO schema_migrations VALUES (9999, 'later', now64(6))")
	p.stop()
	p.start()
	p.lead("b")
	p.says("the database is newer than this program")
	if said := p.refused("doctor"); !strings.Contains(said, "use the newer leadgate") {
		t.Errorf("doctor says %s", said)
	}
	if p.metric("leadgate_drain_lag_bytes 0") || !p.metric("leadgate_store_usable 0") {
		t.Error("a lead is counted into tables of a later version")
	}
	p.run("sql", "--write", "--yes", "ALTER TABLE schema_migrations DELETE WHERE version = 9999 SETTINGS mutations_sync = 2")
	p.complete(2)
	p.stop()
}
