package embedded_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/leadgate/leadgate/analytics/clickhouse/clickhousetest"
	"github.com/leadgate/leadgate/analytics/clickhouse/embedded"
)

// best is the isolation that this user gets where the kernel allows all.
func best() embedded.Isolation {
	if os.Geteuid() == 0 {
		return embedded.NetworkNamespace
	}
	return embedded.UserNamespace
}

// On the machines that we know, namespaces and Landlock are in use: no other user
// can reach anything of the engine.
func TestIntegrationEngine_Isolated(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("there are no namespaces here")
	}
	dir := t.TempDir()
	e := clickhousetest.StartWith(t, embedded.Options{Dir: dir})
	if got := e.Protection(); got != (embedded.Protection{Isolation: best()}) {
		t.Fatalf("protected by %+v, want %s and nothing missing", got, best())
	}
	for _, namespace := range []string{"net"} {
		ours, err := os.Readlink("/proc/self/ns/" + namespace)
		theirs, err2 := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", e.PID(), namespace))
		if err != nil || err2 != nil || ours == theirs {
			t.Errorf("%s namespace: ours %s, the engine's %s (%v, %v)", namespace, ours, theirs, err, err2)
		}
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", e.PID()))
	if err != nil || string(text) != "HOME="+filepath.Join(dir, "home")+"\x00" {
		t.Errorf("its environment is %q, %v", text, err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", e.PID()))
	for _, want := range []string{"CapAmb:\t0000000000000000", "NoNewPrivs:\t1"} {
		if err != nil || !strings.Contains(string(status), want) {
			t.Errorf("%v, want %s in\n%s", err, want, status)
		}
	}
	if os.Geteuid() != 0 && !strings.Contains(string(status), "CapEff:\t0000000000000000") {
		t.Errorf("it has capabilities:\n%s", status)
	}
	// What the child listens at is where nobody else is.
	inside := listening(t, e.PID())
	if len(inside) == 0 {
		t.Fatal("the engine does not listen at all")
	}
	for _, address := range inside {
		if conn, err := net.Dial("tcp", address); err == nil {
			_ = conn.Close()
			t.Errorf("the engine is reached at %s", address)
		}
	}
	if os.Geteuid() != 0 {
		return // nobody else to try it
	}
	var paths []string
	for _, name := range []string{"engine.sock", "runtime.json", "users.xml", "engine.xml", "engine.log", "db", "home", "."} {
		paths = append(paths, filepath.Join(dir, name))
	}
	// The directories above are made open, so that only the engine's own keeps
	// others out.
	for up := dir; up != os.TempDir(); up = filepath.Dir(up) {
		if up != dir {
			if err := os.Chmod(up, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, through := range stranger(t, inside, inside, paths) {
		t.Errorf("not refused: %+v", through)
	}
	if e.Restarts() != 0 {
		t.Errorf("%d restarts", e.Restarts())
	}
}

// The same as an unprivileged user, who gets there by a user namespace.
func TestIntegrationEngine_Unprivileged(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 || runtime.GOOS != "linux" {
		return // all other tests are that already, or it is not
	}
	cmd := asNobody(t, "-test.run=^TestIntegrationEngine_(Isolated|Life|KilledChild|Strangers|Restricted|LongPath|DiesWithItsParent)$", "-test.v")
	home := publicDir(t)
	if err := os.Chmod(home, 0o777); err != nil {
		t.Fatal(err)
	}
	cmd.Env = []string{"CI=true", "PATH=" + os.Getenv("PATH"), "LEADGATE_LIBCHDB=" + libraryForAll(t), "TMPDIR=" + home}
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Count("\n"+string(out), "\n--- PASS") != 7 {
		t.Errorf("as uid %d: %v\n%s", nobody, err, out)
	}
}

// Where the kernel refuses, the next way is taken, told once, and remembered.
func TestIntegrationEngine_Restricted(t *testing.T) {
	t.Parallel()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		refused map[embedded.Isolation]error
		command []string
		want    embedded.Isolation
		reason  string
	}{
		"namespaces refused": {refused: map[embedded.Isolation]error{embedded.NetworkNamespace: syscall.EPERM, embedded.UserNamespace: syscall.ENOSPC},
			want: embedded.RestrictedPort, reason: "no space left"},
		"root without CAP_SYS_ADMIN": {refused: map[embedded.Isolation]error{embedded.NetworkNamespace: syscall.EPERM}, want: embedded.UserNamespace},
		"loopback refused":           {command: []string{executable, "clickhouse-refused"}, want: embedded.RestrictedPort, reason: "operation not permitted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log strings.Builder
			var starts atomic.Int32
			options := embedded.Options{Command: c.command, Log: slog.New(slog.NewTextHandler(&log, nil)), Listen: clickhousetest.AnyPort, ListenHTTP: clickhousetest.AnyPort}
			e := clickhousetest.StartWith(t, options.With(nil, func(child *exec.Cmd, way embedded.Isolation) error {
				if starts.Add(1); c.refused[way] != nil {
					return &os.PathError{Op: "fork/exec", Path: child.Path, Err: c.refused[way]}
				}
				return child.Start()
			}))
			got := e.Protection()
			if got.Isolation != c.want || got.Unconfined != "" || !strings.Contains(got.Restricted, c.reason) || (got.Restricted == "") != (c.reason == "") {
				t.Errorf("protected by %+v, want %s because of %q", got, c.want, c.reason)
			}
			if warned := strings.Count(log.String(), "level=WARN"); warned != min(1, len(c.reason)) {
				t.Errorf("%d warnings:\n%s", warned, &log)
			}
			native, web := []string{hostOf(t, e.URL())}, []string{hostOf(t, e.HTTPURL())}
			if c.want == embedded.RestrictedPort {
				raw := listening(t, e.PID())
				if len(raw) != 2 {
					t.Fatalf("it listens at %s", raw)
				}
				native, web = append(native, raw...), append(web, raw...)
			}
			pid := e.PID()
			for _, through := range stranger(t, native, web, nil) {
				t.Errorf("not refused: %+v", through)
			}
			if err := open(t, e, nil).Ping(t.Context()); err != nil || e.PID() != pid || e.Restarts() != 0 {
				t.Errorf("after the stranger: %v, pid %d was %d, %d restarts\n%s", err, e.PID(), pid, e.Restarts(), &log)
			}
			before := starts.Load()
			if err := syscall.Kill(e.PID(), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			eventually(t, "it is there again", func() bool { return e.PID() != pid && open(t, e, nil).Ping(t.Context()) == nil })
			if again := starts.Load() - before; again != 1 || e.Protection() != got {
				t.Errorf("started again in %d tries, protected by %+v", again, e.Protection())
			}
		})
	}
}

// Where the kernel cannot keep the engine from our files, that is told, and there
// is no reader.
func TestIntegrationEngine_Unconfined(t *testing.T) {
	t.Parallel()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	e := clickhousetest.StartWith(t, embedded.Options{
		Command: []string{executable, "clickhouse-unconfined"}, Log: slog.New(slog.NewTextHandler(&log, nil)),
		Reader: embedded.Reader{Listen: clickhousetest.AnyPort, Password: "reads a lot", Tables: []string{"lg.seen"}},
	})
	if got := e.Protection(); got.Isolation != best() || !strings.Contains(got.Unconfined, "operation not supported") {
		t.Errorf("protected by %+v", got)
	}
	conn := openURL(t, strings.Replace(e.URL(), "leadgate:", "reader:", 1), e.Dial, func(o *clickhouse.Options) { o.Auth.Password = "reads a lot" })
	if err := conn.Ping(t.Context()); e.ReaderAddr() != "" || err == nil {
		t.Errorf("there is a reader at %q, %v", e.ReaderAddr(), err)
	}
	if text := log.String(); strings.Count(text, "level=WARN") != 1 || strings.Count(text, "level=ERROR") != 1 || e.Restarts() != 0 {
		t.Errorf("it logs:\n%s", text)
	}
}

// The port of the reader may be taken; the engine serves on.
func TestIntegrationEngine_ReaderPortTaken(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", clickhousetest.AnyPort)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	var log strings.Builder
	e := clickhousetest.StartWith(t, embedded.Options{
		Log: slog.New(slog.NewTextHandler(&log, nil)), Reader: embedded.Reader{Listen: l.Addr().String(), Password: "reads a lot"},
	})
	if err := open(t, e, nil).Ping(t.Context()); err != nil || e.ReaderAddr() != "" || !strings.Contains(log.String(), l.Addr().String()) {
		t.Errorf("%v, a reader at %q, and it logs:\n%s", err, e.ReaderAddr(), &log)
	}
}

// A directory whose socket has a path that is too long for a socket.
func TestIntegrationEngine_LongPath(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), strings.Repeat("long-", 20), strings.Repeat("path-", 20))
	e := clickhousetest.StartWith(t, embedded.Options{Dir: dir})
	if err := open(t, e, nil).Ping(t.Context()); err != nil {
		t.Error(err)
	}
	beside, ok := embedded.Running(dir)
	if !ok {
		t.Fatal("it is not found by another process")
	}
	if err := openURL(t, beside.URL(), beside.Dial, nil).Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(filepath.Join(dir, "engine.sock")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v; want mode 0600", info, err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v; want mode 0700", info, err)
	}
}

// An engine that was told to listen no more is started again.
func TestIntegrationEngine_Deaf(t *testing.T) {
	t.Parallel()
	e := clickhousetest.StartWith(t, embedded.Options{})
	pid := e.PID()
	exec1(t, open(t, e, nil), "SYSTEM STOP LISTEN TCP")
	eventually(t, "it listens again", func() bool { return open(t, e, nil).Ping(t.Context()) == nil && e.PID() != pid })
	if e.Restarts() != 1 {
		t.Errorf("%d restarts, want 1", e.Restarts())
	}
}

// What a dial waits for, and what it does not wait for.
func TestIntegrationClient_Dial(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e := clickhousetest.StartWith(t, embedded.Options{Dir: dir})
	if err := syscall.Kill(e.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	conn, err := e.Dial(t.Context()) // waits for the next child
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	if err := syscall.Kill(e.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the child is stopped", func() bool { return stopped(t, e.PID()) })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if conn, err := e.Dial(ctx); err == nil {
		_ = conn.Close()
		t.Error("a child that is stopped passes connections")
	}
	if err := syscall.Kill(e.PID(), syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Dial(t.Context()); err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "engine.sock")) {
		t.Errorf("an engine that is closed: %v", err)
	}
}

// stopped reports whether every thread of a process is: the signal reaches them
// one after the other.
func stopped(t *testing.T, pid int) bool {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil || len(threads) == 0 {
		t.Fatalf("threads of %d: %v, %v", pid, threads, err)
	}
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if err == nil && !strings.Contains(string(text), "\nState:\tT") {
			return false
		}
	}
	return true
}

// rights is who may do what: o the owner, s the SQL user, r the reader.
var rights = []struct{ who, statement string }{
	{"osr", "SELECT 1"}, {"osr", "SELECT * FROM lg.seen"}, {"osr", "SELECT * FROM lg.base"}, {"os", "SELECT * FROM lg.secret"},
	{"osr", "SHOW TABLES FROM lg"}, {"osr", "EXPLAIN SELECT * FROM lg.seen"}, {"osr", "SELECT 1 SETTINGS max_memory_usage = 1000000"},
	{"os", "SELECT count() FROM system.processes"}, {"os", "SELECT count() FROM system.users"},
	{"", "SELECT file('/etc/passwd')"}, {"", "SELECT file('/proc/self/root/etc/passwd')"}, {"", "SELECT file('runtime.json')"},
	{"", "SELECT file('../../outside')"}, {"", "SELECT * FROM file('/etc/passwd', LineAsString)"}, {"", "SELECT * FROM executable('id', TSV, 'a String')"},
	{"", "INSERT INTO FUNCTION file('/tmp/leadgate-x', TSV, 'a String') SELECT 'x'"},
	{"o", "INSERT INTO lg.base VALUES ('y')"}, {"o", "CREATE DATABASE mine"}, {"o", "CREATE TEMPORARY TABLE mine (a UInt8) ENGINE = Memory"},
	{"o", "ALTER TABLE lg.base DELETE WHERE a = 'never' SETTINGS mutations_sync = 2"}, {"o", "OPTIMIZE TABLE lg.base FINAL"}, {"o", "SYSTEM FLUSH LOGS"},
	{"o", "CREATE FUNCTION f AS x -> x"}, {"o", "SELECT * FROM remote('127.0.0.1', 'lg.secret', 'leadgate')"},
	{"o", "SELECT 1 SETTINGS max_memory_usage = 0"}, {"o", "SELECT 1 SETTINGS max_memory_usage = 100000000000"}, {"o", "SELECT 1 SETTINGS max_threads = 64"},
	{"o", "SELECT 1 SETTINGS max_execution_time = 0"}, {"o", "SELECT 1 SETTINGS max_execution_time = 100000"}, {"o", "SELECT 1 SETTINGS readonly = 0"},
	{"o", "SELECT 1 SETTINGS max_concurrent_queries_for_user = 100"}, {"o", "SELECT 1 SETTINGS max_memory_usage_for_user = 0"}, {"o", "SELECT 1 SETTINGS allow_ddl = 1"},
	{"o", "SELECT 1 SETTINGS allow_introspection_functions = 1"}, {"o", "SELECT 1 SETTINGS timeout_overflow_mode = 'break'"},
	{"", "EXECUTE AS leadgate SELECT 1"}, {"", "SELECT file('/proc/self/cwd/runtime.json')"}, {"", "SELECT file('/proc/1/environ')"},
	{"", "SELECT * FROM fileCluster('default', '/etc/passwd')"}, {"os", "SELECT count() FROM mergeTreeIndex(lg, secret)"},
	{"o", "SYSTEM STOP MERGES lg.base"}, {"o", "SYSTEM START MERGES lg.base"}, {"o", "DROP DATABASE mine"},
}

// Each user may do what it is for; files are denied to all by the kernel.
func TestIntegrationEngine_Rights(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	outside := filepath.Join(filepath.Dir(dir), "outside")
	if err := os.WriteFile(outside, []byte("a secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	const password = "reads a lot"
	e := clickhousetest.StartWith(t, embedded.Options{Dir: dir, Reader: embedded.Reader{
		Listen: clickhousetest.AnyPort, Password: password, Tables: []string{"lg.seen", "lg.base"},
	}})
	owner := open(t, e, nil)
	for _, statement := range []string{
		"CREATE DATABASE lg", "CREATE TABLE lg.base (a String) ENGINE = MergeTree ORDER BY a", "INSERT INTO lg.base VALUES ('x')",
		"CREATE VIEW lg.seen AS SELECT a FROM lg.base", "CREATE TABLE lg.secret (a String) ENGINE = MergeTree ORDER BY a",
	} {
		exec1(t, owner, statement)
	}
	users := map[string]clickhouse.Conn{
		"o": owner,
		"s": openURL(t, e.SQLURL(), e.Dial, nil),
		"r": openURL(t, "clickhouse://reader@"+e.ReaderAddr()+"/lg", nil, func(o *clickhouse.Options) { o.Auth.Password = password }),
	}
	for _, c := range append(rights, struct{ who, statement string }{"", fmt.Sprintf("SELECT file('/proc/%d/environ')", os.Getpid())}) {
		for name, conn := range users {
			err := conn.Exec(t.Context(), c.statement)
			if allowed := strings.Contains(c.who, name); allowed != (err == nil) {
				t.Errorf("%s as %s: %v", c.statement, name, err)
			}
		}
	}
	// Another profile brings its settings, and no way around the bounds.
	bounded := openURL(t, e.SQLURL(), e.Dial, func(o *clickhouse.Options) { o.MaxOpenConns = 1 })
	exec1(t, bounded, "SET profile = 'default'")
	for _, statement := range []string{"SELECT 1 SETTINGS max_memory_usage = 0", "SELECT 1 SETTINGS readonly = 0", "INSERT INTO lg.base VALUES ('z')"} {
		if err := bounded.Exec(t.Context(), statement); err == nil {
			t.Errorf("%s after another profile", statement)
		}
	}
	// A statement that acts on what its user may act on acts on nothing.
	for _, name := range []string{"s", "r"} {
		_ = users[name].Exec(t.Context(), "SYSTEM STOP MERGES")
	}
	for _, statement := range []string{"INSERT INTO lg.base VALUES ('y')", "OPTIMIZE TABLE lg.base FINAL SETTINGS optimize_throw_if_noop = 1"} {
		exec1(t, owner, statement)
	}
	// The reader's port is for the reader, and takes all that others throw at it.
	for _, through := range stranger(t, []string{e.ReaderAddr()}, []string{e.ReaderAddr()}, nil) {
		t.Errorf("not refused: %+v", through)
	}
	for _, url := range []string{e.URL(), e.SQLURL()} {
		conn := openURL(t, strings.Replace(url, "embedded:9000", e.ReaderAddr(), 1), nil, nil)
		if err := conn.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "516") {
			t.Errorf("another user at the reader's port: %v", err)
		}
	}
	if err := users["r"].Ping(t.Context()); err != nil || e.Restarts() != 0 {
		t.Errorf("after all that: %v, %d restarts", err, e.Restarts())
	}
}

// The files that other commands need tell the same as the engine does.
func TestIntegrationRunning(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, ok := embedded.Running(dir); ok {
		t.Error("nothing runs")
	}
	e := clickhousetest.StartWith(t, embedded.Options{Dir: dir})
	c, ok := embedded.Running(dir)
	if !ok || !reflect.DeepEqual(c.Protection(), e.Protection()) {
		t.Errorf("%v, %+v, want %+v", ok, c.Protection(), e.Protection())
	}
	if err := openURL(t, c.SQLURL(), c.Dial, nil).Exec(t.Context(), "SELECT 1"); err != nil {
		t.Error(err)
	}
}
