package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/leadgate/leadgate/analytics/clickhouse/embedded"
)

// A program of others reads every view at the port that the configuration opens
// for it, and nothing else; without that key the gateway has no port for the
// engine at all.
func TestIntegration_Reader(t *testing.T) {
	t.Parallel()
	const password = "reads a whole lot"
	listen := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	dir := t.TempDir()
	p := serve(t, dir, "sources:\n  - {name: landing, type: form}\n"+
		fmt.Sprintf("clickhouse: {reader: {listen: %q, password: %q}}\n", listen, password))
	p.post(200, "/in/landing", leadBody("reader", ""), jsonHeader)
	p.counted()
	conn, err := clickhouse.Open(&clickhouse.Options{
		Addr: []string{listen}, Auth: clickhouse.Auth{Database: "leadgate", Username: embedded.ReaderName, Password: password},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	rows, err := conn.Query(t.Context(), "SELECT name FROM system.tables WHERE database = 'leadgate' AND engine = 'View'")
	if err != nil {
		t.Fatal(err)
	}
	var views []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		views = append(views, name)
	}
	if all := p.sql("SELECT count() FROM system.tables WHERE database = 'leadgate' AND engine = 'View'"); rows.Err() != nil || all != fmt.Sprint(len(views)) || len(views) < 7 {
		t.Errorf("the reader sees the views %s of %s, %v", views, all, rows.Err())
	}
	for _, view := range views {
		if err := conn.Exec(t.Context(), "SELECT * FROM "+view); err != nil {
			t.Errorf("%s: %v", view, err)
		}
	}
	var leads uint64
	if err := conn.QueryRow(t.Context(), "SELECT count() FROM leads").Scan(&leads); err != nil || leads != 1 {
		t.Errorf("%d leads, %v", leads, err)
	}
	for _, statement := range []string{
		"SELECT * FROM raw_log", "INSERT INTO leads_log (lead_id) VALUES ('x')", "DROP VIEW leads", "SELECT file('" + p.config + "')",
		"SELECT file('" + filepath.Join(dir, "data", "control.json") + "')", "SELECT file('" + filepath.Join(dir, "data", "clickhouse", "runtime.json") + "')",
		"SYSTEM STOP LISTEN TCP", "SELECT * FROM url('" + p.url + "/healthz', LineAsString)", "SELECT 1 SETTINGS max_memory_usage = 0",
	} {
		if err := conn.Exec(t.Context(), statement); err == nil {
			t.Errorf("the reader may %s", statement)
		}
	}
	for _, at := range []string{"beside the gateway", "alone"} {
		out := p.run("doctor")
		if !strings.Contains(out, checkIsolation) || runtime.GOOS == "linux" && !strings.Contains(out, "network namespace, kept to its own files") {
			t.Errorf("doctor %s says\n%s", at, out)
		}
		if reads := strings.Contains(out, "can be read at "+listen); reads != (at == "beside the gateway") {
			t.Errorf("doctor %s says\n%s", at, out)
		}
		p.kill()
	}
}

// What the configuration of a reader may be.
func TestConfig_Reader(t *testing.T) {
	t.Parallel()
	f := func(c ClickHouseConfig, want ...string) {
		t.Helper()
		var problems Problems
		reader := c.checkReader(&problems)
		text := ""
		if len(problems) > 0 {
			text = problems.Error()
		}
		if len(problems) != len(want) || strings.Contains(text, "pass word") {
			t.Errorf("%+v: %s", c.Reader, text)
		}
		for _, part := range want {
			if !strings.Contains(text, part) {
				t.Errorf("%+v: %s; want %s", c.Reader, text, part)
			}
		}
		if len(want) == 0 && reader.Listen != c.Reader.Listen {
			t.Errorf("%+v: got %+v", c.Reader, reader)
		}
	}
	f(ClickHouseConfig{})
	f(ClickHouseConfig{Reader: ReaderConfig{Listen: "127.0.0.1:9000", Password: "a long pass word"}})
	f(ClickHouseConfig{Reader: ReaderConfig{Listen: "127.0.0.1:9000"}}, "clickhouse.reader.password: is needed")
	f(ClickHouseConfig{Reader: ReaderConfig{Listen: "127.0.0.1:9000", Password: "pass word"}}, "at least 12 characters")
	f(ClickHouseConfig{Reader: ReaderConfig{Password: "a long pass word"}}, "clickhouse.reader.listen: not host:port")
	f(ClickHouseConfig{Reader: ReaderConfig{Listen: "9000", Password: "a long pass word"}}, "clickhouse.reader.listen: not host:port such as")
	f(ClickHouseConfig{URL: "clickhouse://h:9000", Reader: ReaderConfig{Listen: "127.0.0.1:9000", Password: "a long pass word"}}, "of clickhouse.url instead")
}

// By default the gateway's process listens at its own addresses only, and what a
// local user finds of the engine is a socket that is closed to others.
func TestIntegration_NoEnginePort(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := serve(t, dir, "admin_listen: \"\"\nsources:\n  - {name: landing, type: form}\n")
	text, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Skip("no /proc/net/tcp here")
	}
	inodes := map[string]bool{}
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil {
			inodes[strings.TrimSuffix(strings.TrimPrefix(to, "socket:["), "]")] = true
		}
	}
	listening := 0
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 9 && fields[3] == "0A" && inodes[fields[9]] {
			listening++
		}
	}
	if listening != 1 {
		t.Errorf("the gateway listens at %d ports, want its own", listening)
	}
	socket := filepath.Join(dir, "data", "clickhouse", "engine.sock")
	for path, mode := range map[string]os.FileMode{socket: 0o600, filepath.Dir(socket): 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v; want mode %o", path, info, err, mode)
		}
	}
}

// What is told of an engine that others can come near.
func TestIsolationCheck(t *testing.T) {
	t.Parallel()
	f := func(p embedded.Protection, state string, parts ...string) {
		t.Helper()
		c := isolationCheck(p)
		if c.State != state || c.Name != checkIsolation {
			t.Errorf("%+v: got %+v", p, c)
		}
		for _, part := range parts {
			if !strings.Contains(c.Detail, part) {
				t.Errorf("%+v: got %q, want %q", p, c.Detail, part)
			}
		}
	}
	f(embedded.Protection{Isolation: embedded.UserNamespace}, stateOK, "user and network namespace")
	f(embedded.Protection{Isolation: embedded.RestrictedPort, Restricted: "no space left"}, stateWarning, "no space left", "max_user_namespaces")
	f(embedded.Protection{Isolation: embedded.NetworkNamespace, Unconfined: "ABI 1"}, stateWarning, "ABI 1", "Landlock")
}
