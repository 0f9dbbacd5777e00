package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Sql changes nothing and reads nothing but the store unless it is told to write.
func TestIntegrationSQL_OnlyReads(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret.txt")
	if err := os.WriteFile(secret, []byte("the secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := serve(t, dir, "")
	p.post(200, "/in/landing", leadBody("p1", ""), jsonHeader)
	p.counted()
	for _, query := range []string{
		"SELECT count() FROM leads", "  select 1", "WITH 1 AS a SELECT a", "EXPLAIN SELECT * FROM leads", "SHOW TABLES", "DESCRIBE leads",
		"SELECT sum(number) FROM numbers(1000)", "SELECT count() FROM system.tables", "/* a comment */ SELECT 1", "SELECT 1;",
	} {
		if code, out := p.exit("sql", query); code != 0 || out == "" {
			t.Errorf("%s: exit code %d\n%s", query, code, p.both("sql", query))
		}
	}
	for _, query := range []string{
		"INSERT INTO leads_log (lead_id) VALUES ('x')", "INSERT INTO leads_log (lead_id) SELECT 'x'", "/* a comment */ INSERT INTO leads_log (lead_id) SELECT 'x'",
		"ALTER TABLE leads_log DELETE WHERE 1", "DELETE FROM leads_log WHERE 1", "TRUNCATE TABLE leads_log", "DROP TABLE leads_log", "DROP VIEW leads",
		"CREATE TABLE x (a UInt8) ENGINE = Memory", "CREATE TEMPORARY TABLE x (a UInt8)", "CREATE DATABASE x", "CREATE FUNCTION f AS (x) -> x",
		"CREATE USER x", "GRANT ALL ON *.* TO leadgate", "OPTIMIZE TABLE leads_log", "RENAME TABLE leads_log TO x", "DETACH TABLE leads_log",
		"SYSTEM SHUTDOWN", "SYSTEM STOP LISTEN TCP", "SYSTEM STOP MERGES", "SYSTEM FLUSH LOGS", "KILL QUERY WHERE 1",
		"SET readonly = 0", "SELECT 1 SETTINGS readonly = 0", "SELECT 1 SETTINGS max_memory_usage = 0", "SELECT 1 SETTINGS max_execution_time = 0",
		"SELECT 1 SETTINGS max_threads = 10000", "SELECT 1 SETTINGS max_memory_usage = 1000000000000",
		"SELECT * FROM file('" + secret + "', 'LineAsString')", "SELECT file('" + secret + "')", "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
		"SELECT * FROM remote('127.0.0.1:1', system.one)", "SELECT * FROM s3('http://127.0.0.1:1/a/b', 'LineAsString')",
		"SELECT * FROM executable('x', 'TSV', 'a String')", "SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
		"SELECT 1; DROP TABLE leads_log", "BACKUP TABLE leads_log TO File('" + filepath.Join(dir, "backup") + "')",
	} {
		out := p.both("sql", query, "--format", "TSV")
		if code, _ := p.exit("sql", query); code != 1 || strings.Contains(out, "the secret") {
			t.Errorf("%s: exit code %d\n%s", query, code, out)
		}
	}
	if out := p.both("sql", "DROP TABLE leads_log"); !strings.Contains(out, "--write") {
		t.Errorf("the way to write is not told:\n%s", out)
	}
	_ = p.both("sql", "SELECT 1 INTO OUTFILE '"+filepath.Join(dir, "out")+"' TRUNCATE") // refused or not
	for _, name := range []string{"out", "backup"} {
		if _, err := os.Stat(filepath.Join(dir, name)); !os.IsNotExist(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := p.sql("SELECT count() FROM leads_log"); got != "1" {
		t.Errorf("%s leads", got)
	}

	out := p.both("sql", "--write", "--yes", "ALTER TABLE leads_log DELETE WHERE 1 SETTINGS mutations_sync = 2")
	if !strings.Contains(out, "may change database leadgate in the embedded ClickHouse") {
		t.Errorf("the store is not named: %s", out)
	}
	if got := p.sql("SELECT count() FROM leads_log"); got != "0" {
		t.Errorf("%s leads after --write", got)
	}
}

// Nobody is asked where nobody can answer.
func TestSQL_WriteIsConfirmed(t *testing.T) {
	t.Parallel()
	config := writeConfig(t, "data_dir: "+t.TempDir()+"\n")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--write"}, "add --yes"},
		{[]string{"--yes"}, "--write, which is not given"},
	} {
		code, _, stderr := call(t, nil, append([]string{"sql", "SELECT 1", "--config", config}, c.args...)...)
		if code != 2 || !strings.Contains(stderr, c.want) {
			t.Errorf("%q: %d %s", c.args, code, stderr)
		}
	}
	for answer, want := range map[string]string{"yes\n": "", "yes": "", " yes \n": "", "y\n": "nothing was done", "no\n": "nothing was done", "": "nothing was done", "YES\n": "nothing was done"} {
		var said strings.Builder
		a := &app{stdin: strings.NewReader(answer), stderr: &said}
		if err := a.confirm(); want == "" && err != nil || want != "" && (err == nil || err.Error() != want) || !strings.Contains(said.String(), "yes") {
			t.Errorf("%q: %v, %s", answer, err, &said)
		}
	}
}

// Ctrl-C cancels a statement, also in the store.
func TestIntegrationSQL_Cancel(t *testing.T) {
	t.Parallel()
	p := serve(t, t.TempDir(), "")
	var said output
	cmd := p.command(t.Context(), "sql", "SELECT max(sipHash64(number)) FROM numbers_mt(1000000000000) AS slow_one")
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	running := func() string {
		return p.sql("SELECT count() FROM system.processes WHERE query LIKE '%slow' || '_one%' AND query NOT LIKE '%processes%'")
	}
	p.until("running", func() bool { return running() == "1" })
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 1 || !strings.Contains(said.String(), "cancelled") {
		t.Errorf("%v: %s", err, &said)
	}
	p.until("cancelled", func() bool { return running() == "0" })
}
