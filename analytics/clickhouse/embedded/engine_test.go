package embedded_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/gofrs/flock"
	"go.uber.org/goleak"

	"github.com/leadgate/leadgate/analytics/clickhouse/clickhousetest"
	"github.com/leadgate/leadgate/analytics/clickhouse/embedded"
)

// TestMain is also the engine's child, and a parent to be killed.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "clickhouse":
			os.Exit(embedded.Main(os.Args[2:]))
		case "clickhouse-refused": // the kernel refuses its loopback interface
			embedded.RefuseLoopback(syscall.EPERM)
			os.Exit(embedded.Main(os.Args[2:]))
		case "clickhouse-unconfined": // the kernel has no Landlock, after all
			embedded.RefuseConfinement(syscall.EOPNOTSUPP)
			os.Exit(embedded.Main(os.Args[2:]))
		case "parent":
			os.Exit(beParent(os.Args[2]))
		case "stranger":
			os.Exit(beStranger(os.Args[2:]))
		}
	}
	os.Exit(m.Run())
}

// beParent starts an engine, tells its process id and waits to be killed.
func beParent(dir string) int {
	e, err := embedded.Start(context.Background(), embedded.Options{Dir: dir, Library: os.Getenv("LEADGATE_LIBCHDB")})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(e.PID())
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}

// open connects, by the proxy if there is one; change may spoil the options.
func open(t *testing.T, e *embedded.Engine, change func(*clickhouse.Options)) clickhouse.Conn {
	t.Helper()
	return openURL(t, e.URL(), e.Dial, change)
}

// openURL is open with a URL of the engine.
func openURL(t *testing.T, url string, dial func(context.Context) (*net.TCPConn, error), change func(*clickhouse.Options)) clickhouse.Conn {
	t.Helper()
	options, err := clickhouse.ParseDSN(url)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(url, "@embedded:") {
		options.DialContext = func(ctx context.Context, _ string) (net.Conn, error) { return dial(ctx) }
	}
	if change != nil {
		change(options)
	}
	conn, err := clickhouse.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func exec1(t *testing.T, conn clickhouse.Conn, statement string) {
	t.Helper()
	if err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func count(t *testing.T, conn clickhouse.Conn, table string) (n uint64) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), "SELECT count() FROM "+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// eventually waits for what another process does.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

func TestIntegrationEngine_Life(t *testing.T) {
	before := goleak.IgnoreCurrent()
	dir := filepath.Join(t.TempDir(), "a dir & <more>")
	var log strings.Builder // read after Close
	e, err := embedded.Start(t.Context(), embedded.Options{Dir: dir, Library: clickhousetest.Library(t), Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	conn := open(t, e, nil)
	exec1(t, conn, "CREATE DATABASE IF NOT EXISTS lg")
	exec1(t, conn, "CREATE TABLE lg.t (a String) ENGINE = MergeTree ORDER BY a")
	exec1(t, conn, "INSERT INTO lg.t VALUES ('x')")
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	got, ok := embedded.Running(dir)
	if !ok || got.URL() != e.URL() || got.SQLURL() != e.SQLURL() || got.Protection() != e.Protection() {
		t.Errorf("running: %q, %v; want %q", got.URL(), ok, e.URL())
	}
	for _, name := range []string{"runtime.json", "users.xml", "engine.xml", "engine.log", "engine.sock"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v; want mode 0600", name, info, err)
		}
	}
	pid := e.PID()
	for range 2 {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
	if alive(pid) {
		t.Error("the child lives on")
	}
	if strings.Contains(log.String(), "killed") {
		t.Errorf("it did not stop by itself:\n%s", &log)
	}
	if _, ok := embedded.Running(dir); ok {
		t.Error("still running, says the runtime file")
	}
	goleak.VerifyNone(t, before)

	again := clickhousetest.StartWith(t, embedded.Options{Dir: dir})
	if again.URL() == e.URL() {
		t.Error("the password is the old one")
	}
	if n := count(t, open(t, again, nil), "lg.t"); n != 1 {
		t.Errorf("%d rows after a restart, want 1", n)
	}
}

func TestIntegrationEngine_KilledChild(t *testing.T) {
	t.Parallel()
	told := make(chan int, 10)
	e := clickhousetest.StartWith(t, embedded.Options{OnRestart: func(n int, _ time.Duration) { told <- n }})
	conn := open(t, e, func(o *clickhouse.Options) { o.MaxIdleConns = 1 })
	exec1(t, conn, "CREATE DATABASE lg")
	exec1(t, conn, "CREATE TABLE lg.t (a String) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 10")
	for n := range 3 {
		pid := e.PID()
		insert := func() error {
			return conn.Exec(t.Context(), fmt.Sprintf("INSERT INTO lg.t SETTINGS insert_deduplication_token = 'b%d' VALUES ('x')", n))
		}
		if err := insert(); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the same batch goes in again", func() bool { return insert() == nil })
		if restarts := <-told; restarts != n+1 || e.Restarts() != n+1 || e.PID() == pid {
			t.Errorf("%d restarts told, %d counted, pid %d after %d", restarts, e.Restarts(), e.PID(), pid)
		}
	}
	if n := count(t, conn, "lg.t"); n != 3 {
		t.Errorf("%d rows, want 3: each batch once", n)
	}
	if _, ok := embedded.Running(filepath.Dir(pathOf(t, e))); !ok {
		t.Error("the runtime file does not lead to the new child")
	}
}

// pathOf is the engine's data directory, as the child's arguments tell.
func pathOf(t *testing.T, e *embedded.Engine) string {
	t.Helper()
	out, err := exec.Command("ps", "-ww", "-o", "args=", "-p", strconv.Itoa(e.PID())).Output()
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(out), "-data=")
	path, _, _ := strings.Cut(rest, " ")
	return path
}

// Where processors are short, the engine gives way to intake.
func TestIntegrationEngine_StandsBack(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("priorities are not lowered here")
	}
	e := clickhousetest.Start(t)
	out, err := exec.Command("ps", "-o", "ni=", "-p", strconv.Itoa(e.PID())).Output()
	if err != nil {
		t.Fatal(err)
	}
	if level := strings.TrimSpace(string(out)); level != "5" {
		t.Errorf("its niceness is %s", level)
	}
	var threads string
	if err := open(t, e, nil).QueryRow(t.Context(), "SELECT getSetting('max_threads')::String").Scan(&threads); err != nil {
		t.Fatal(err)
	}
	if want := strconv.Itoa(max(1, runtime.NumCPU()/2)); threads != want {
		t.Errorf("a question takes %s threads, want %s", threads, want)
	}
}

func TestIntegrationEngine_DiesWithItsParent(t *testing.T) {
	t.Parallel()
	clickhousetest.Library(t)
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	parent := exec.Command(executable, "parent", dir)
	stdin, err := parent.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stdin.Close() }()
	stdout, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(stdout).ReadString('\n')
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatalf("the parent says %q", line)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // it was killed
	eventually(t, "the child is gone", func() bool { return !alive(pid) || zombie(pid) })
	clickhousetest.StartWith(t, embedded.Options{Dir: dir}) // at once, on what a kill left
}

// zombie tells a process that nobody has waited for yet.
func zombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(stat), ") Z ")
}

func TestIntegrationEngine_SignalsAndStuckChild(t *testing.T) {
	t.Parallel()
	e := clickhousetest.StartWith(t, embedded.Options{StopTimeout: 200 * time.Millisecond})
	pid := e.PID()
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} { // as from a terminal, or from systemd
		if err := syscall.Kill(pid, signal); err != nil {
			t.Fatal(err)
		}
	}
	if err := open(t, e, nil).Ping(t.Context()); err != nil || e.PID() != pid {
		t.Errorf("after signals that are the parent's business: %v, pid %d, was %d", err, e.PID(), pid)
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if alive(pid) {
		t.Error("a child that does not react lives on")
	}
}

func TestIntegrationEngine_Strangers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var log strings.Builder
	e := clickhousetest.StartWith(t, embedded.Options{Dir: dir, Log: slog.New(slog.NewTextHandler(&log, nil)), Listen: clickhousetest.AnyPort, ListenHTTP: clickhousetest.AnyPort})
	refused := func(what, code string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), code) {
			t.Errorf("%s: %v; want code %s", what, err, code)
		}
	}
	refused("wrong password", "516", open(t, e, func(o *clickhouse.Options) { o.Auth.Password = "x" }).Ping(t.Context()))
	refused("user default", "516", open(t, e, func(o *clickhouse.Options) { o.Auth = clickhouse.Auth{Username: "default"} }).Ping(t.Context()))
	refused("no such database", "81", open(t, e, func(o *clickhouse.Options) { o.Auth.Database = "../x" }).Ping(t.Context()))
	conn := open(t, e, nil)
	exec1(t, conn, "CREATE DATABASE `we.ird-ü`")
	if err := open(t, e, func(o *clickhouse.Options) { o.Auth.Database = "we.ird-ü" }).Ping(t.Context()); err != nil {
		t.Error(err)
	}
	exec1(t, conn, "CREATE TABLE `we.ird-ü`.t (a String) ENGINE = MergeTree ORDER BY a")
	u, err := url.Parse(e.HTTPURL())
	if err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{"SELECT * FROM `we.ird-ü`.t", "SELECT * FROM file('/etc/passwd', LineAsString)", "CREATE DATABASE mine", "SHOW DATABASES LIKE 'we%'"} {
		if status, body := post(t, "http://"+u.Host, query); status == http.StatusOK && body != "" {
			t.Errorf("%s without a password: %d %s", query, status, body)
		}
	}
	if status, body := post(t, e.HTTPURL(), "SELECT 1"); status != http.StatusOK || body != "1\n" {
		t.Errorf("by HTTP: %d %s", status, body)
	}
	if err := conn.Exec(t.Context(), "SELECT toUInt8('jane@example.com')"); err == nil {
		t.Error("nonsense is no error")
	}
	for _, host := range []string{strings.TrimPrefix(e.URL()[strings.Index(e.URL(), "@"):], "@"), u.Host} {
		for _, text := range []string{"", "garbage\x00\x01", "\x00\x05abc", "GET / HTTP/1.1\r\n\r\n", "POST / HTTP/1.1\r\nContent-Le", "\x00\xff\xff\xff\xff\x7f"} {
			resetAfter(t, host, text)
		}
	}
	killQueryingClients(t, e)
	if err := conn.Ping(t.Context()); err != nil || e.Restarts() != 0 {
		t.Errorf("after all that: %v, %d restarts; want none\n%s", err, e.Restarts(), &log)
	}
	text, err := os.ReadFile(filepath.Join(dir, "engine.log"))
	if err != nil || strings.Contains(string(text), "jane@") {
		t.Errorf("the log tells values: %v\n%s", err, text)
	}
}

func post(t *testing.T, to, query string) (int, string) {
	t.Helper()
	r, err := http.Post(to, "text/plain", strings.NewReader(query))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(body)
}

// resetAfter sends text and ends the connection with a reset, as a killed
// client does.
func resetAfter(t *testing.T, host, text string) {
	t.Helper()
	c, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(c, text)
	time.Sleep(time.Millisecond) // so that it is read first, mostly
	if err := errors.Join(err, c.(*net.TCPConn).SetLinger(0), c.Close()); err != nil {
		t.Error(err)
	}
}

// killQueryingClients resets connections in the middle of an answer.
func killQueryingClients(t *testing.T, e *embedded.Engine) {
	t.Helper()
	for n := range 10 {
		dialed := make(chan net.Conn, 1)
		conn := open(t, e, func(o *clickhouse.Options) {
			o.DialContext = func(ctx context.Context, addr string) (net.Conn, error) {
				c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
				if err == nil {
					dialed <- c
				}
				return c, err
			}
		})
		rows, err := conn.Query(t.Context(), "SELECT number, randomPrintableASCII(100) FROM numbers(100000000)")
		if err != nil {
			t.Fatal(err)
		}
		for range n * 1000 {
			rows.Next()
		}
		c := <-dialed
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
		_ = rows.Close()
		_ = conn.Close()
	}
}

func TestIntegrationStart_Faults(t *testing.T) {
	t.Parallel()
	lib := clickhousetest.Library(t)
	dir := t.TempDir()
	e := clickhousetest.StartWith(t, embedded.Options{Dir: dir, Listen: clickhousetest.AnyPort})
	u, err := url.Parse(e.URL())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "libchdb.so")
	if err := os.WriteFile(file, []byte("not a library"), 0o600); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(t.TempDir(), "none.so")
	for name, c := range map[string]struct {
		options embedded.Options
		is      error
		names   []string
	}{
		"locked":            {embedded.Options{Dir: dir, Library: lib}, embedded.ErrLocked, []string{dir, "data_dir"}},
		"busy port":         {embedded.Options{Listen: u.Host, Library: lib}, embedded.ErrPortBusy, []string{u.Host, "set another port"}},
		"busy HTTP port":    {embedded.Options{ListenHTTP: u.Host, Library: lib}, embedded.ErrPortBusy, []string{u.Host}},
		"missing library":   {embedded.Options{Library: missing}, embedded.ErrNoLibrary, []string{missing, "LEADGATE_LIBCHDB"}},
		"garbage library":   {embedded.Options{Library: file}, embedded.ErrNoLibrary, []string{file, "npm ci"}},
		"another library":   {embedded.Options{Library: libc(t)}, embedded.ErrNoLibrary, []string{"not an engine library"}},
		"unwritable":        {embedded.Options{Dir: filepath.Join(file, "x"), Library: lib}, nil, []string{file, "make it writable"}},
		"no such command":   {embedded.Options{Command: []string{missing, "x"}, Library: lib}, os.ErrNotExist, []string{missing}},
		"command that ends": {embedded.Options{Command: []string{"/bin/sh", "-c", "echo oh dear", "sh"}, Library: lib}, nil, []string{"oh dear", "engine.log"}},
		"command that hangs": {embedded.Options{Command: []string{"/bin/sh", "-c", "exec sleep 60", "sh"}, Library: lib,
			StartTimeout: 100 * time.Millisecond}, context.DeadlineExceeded, []string{"100ms", "engine.log"}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.options.Dir == "" {
				c.options.Dir = t.TempDir()
			}
			e, err := embedded.Start(t.Context(), c.options)
			if err == nil {
				_ = e.Close()
				t.Fatal("it starts")
			}
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("%v: is not %v", err, c.is)
			}
			for _, part := range c.names {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not name %q", err, part)
				}
			}
		})
	}
	// What failed has left nothing behind: the directory can be used at once.
	failed := t.TempDir()
	if _, err := embedded.Start(t.Context(), embedded.Options{Dir: failed, Library: file}); err == nil {
		t.Fatal("it starts")
	}
	clickhousetest.StartWith(t, embedded.Options{Dir: failed})
}

// libc is a shared library that is not an engine.
func libc(t *testing.T) string {
	t.Helper()
	for _, path := range []string{"/lib/x86_64-linux-gnu/libc.so.6", "/lib/aarch64-linux-gnu/libc.so.6", "/usr/lib64/libc.so.6"} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	t.Skip("no shared library known")
	return ""
}

func TestMain_Usage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"-library=x"}, {"-nonsense"}} {
		if code := embedded.Main(args); code != 2 {
			t.Errorf("%q: exit code %d, want 2", args, code)
		}
	}
}

// A parent that was killed leaves a child that takes a moment to be gone; who
// starts on its directory meanwhile waits for that.
func TestIntegrationStart_WaitsForAnOrphan(t *testing.T) {
	t.Parallel()
	dir, lib := t.TempDir(), clickhousetest.Library(t)
	if err := os.MkdirAll(filepath.Join(dir, "db"), 0o700); err != nil {
		t.Fatal(err)
	}
	orphan := flock.New(filepath.Join(dir, "db", "status")) // what the engine itself locks
	if locked, err := orphan.TryLock(); err != nil || !locked {
		t.Fatal(locked, err)
	}
	started := make(chan error, 1)
	go func() {
		e, err := embedded.Start(context.Background(), embedded.Options{Dir: dir, Library: lib})
		if err == nil {
			err = e.Close()
		}
		started <- err
	}()
	select {
	case err := <-started:
		t.Errorf("it does not wait: %v", err)
	case <-time.After(time.Second):
	}
	if err := orphan.Unlock(); err != nil {
		t.Fatal(err)
	}
	if err := <-started; err != nil {
		t.Error(err)
	}
}
