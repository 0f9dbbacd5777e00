package embedded_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/leadgate/leadgate/analytics/clickhouse/clickhousetest"
)

// nobody is a user of the machine that owns none of our files.
const nobody = 65534

// asNobody returns a command that is run by another user of the machine, with a
// copy of this test program. It needs root; others get one of their own.
func asNobody(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		return exec.Command(executable, args...)
	}
	dir := publicDir(t)
	program := filepath.Join(dir, "embedded.test")
	copyFile(t, executable, program, 0o755)
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	return cmd
}

// publicDir is a directory that all users can look into.
func publicDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "embedded")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func copyFile(t *testing.T, from, to string, mode os.FileMode) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, mode)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Chmod(mode), out.Close()); err != nil {
		t.Fatal(err)
	}
}

// libraryForAll is the engine library at a place that all users can read.
func libraryForAll(t *testing.T) string {
	t.Helper()
	library := clickhousetest.Library(t)
	look := exec.Command("test", "-r", library)
	look.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if look.Run() == nil {
		return library
	}
	to := filepath.Join(publicDir(t), "libchdb.so")
	if os.Link(library, to) != nil {
		copyFile(t, library, to, 0o755)
	}
	return to
}

// attempt is one try of a stranger that got through.
type attempt struct{ Where, What, Got string }

// stranger has another user try every port and every path, and returns the tries
// that were not refused.
func stranger(t *testing.T, native, web, paths []string) (through []attempt) {
	t.Helper()
	cmd := asNobody(t, "stranger", strings.Join(native, ","), strings.Join(web, ","), strings.Join(paths, ","))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("the stranger: %v", err)
	}
	if err := json.Unmarshal(out, &through); err != nil {
		t.Fatalf("the stranger says %q: %v", out, err)
	}
	return through
}

func beStranger(args []string) int {
	var through []attempt
	split := func(text string) []string {
		return strings.FieldsFunc(text, func(c rune) bool { return c == ',' })
	}
	for _, address := range split(args[0]) {
		through = append(through, logIn(address)...)
		abuse(address)
	}
	for _, address := range split(args[1]) {
		through = append(through, browse(address)...)
		abuse(address)
	}
	for _, path := range split(args[2]) {
		if file, err := os.OpenFile(path, os.O_RDONLY, 0); err == nil {
			through = append(through, attempt{path, "open", ""})
			_ = file.Close()
		}
		if conn, err := net.Dial("unix", path); !errors.Is(err, syscall.EACCES) {
			through = append(through, attempt{path, "connect", fmt.Sprint(conn, err)})
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(through); err != nil {
		return 1
	}
	return 0
}

// forbidden are statements that nobody but the gateway may execute.
var forbidden = []string{
	"SELECT file('/etc/passwd')", "SELECT 1", "SELECT * FROM file('/etc/passwd', LineAsString)", "SELECT * FROM url('http://127.0.0.1:1/', LineAsString)",
	"SYSTEM STOP LISTEN TCP", "SYSTEM SHUTDOWN", "CREATE DATABASE mine", "CREATE TEMPORARY TABLE mine (a UInt8) ENGINE = Memory",
	"SELECT 1 SETTINGS max_memory_usage = 0", "SELECT name FROM system.tables", "KILL QUERY WHERE 1",
}

// logIn tries users without a password, and wrong ones.
func logIn(address string) (through []attempt) {
	for _, auth := range []clickhouse.Auth{
		{Username: "default"}, {}, {Username: "default", Password: "default"}, {Username: "leadgate"}, {Username: "leadgate", Password: "leadgate"},
		{Username: "leadgate_sql"}, {Username: "reader"}, {Username: "reader", Password: "reader"}, {Username: "x", Password: "x"},
		{Username: "default", Database: "system"}, {Username: "leadgate", Database: "../x"}, {Username: "default", Password: strings.Repeat("x", 9000)},
	} {
		conn, err := clickhouse.Open(&clickhouse.Options{Addr: []string{address}, Auth: auth, DialTimeout: 10 * time.Second, MaxOpenConns: 1})
		if err != nil {
			continue
		}
		for _, statement := range forbidden {
			if err := conn.Exec(context.Background(), statement); err == nil {
				through = append(through, attempt{address, fmt.Sprintf("%s:%.10s", auth.Username, auth.Password), statement})
			}
		}
		_ = conn.Close()
	}
	return through
}

// browse tries the HTTP interface as a page in a browser does.
func browse(address string) (through []attempt) {
	for _, statement := range forbidden {
		for _, parameters := range []string{
			"", "user=default", "user=default&password=", "user=leadgate", "user=reader&password=x", "session_id=x", "add_http_cors_header=1",
			"user=default&max_sessions_for_user=100", "profile=default", "user=default&session_id=y&session_timeout=100",
		} {
			request, err := http.NewRequest(http.MethodPost, "http://"+address+"/?"+parameters, strings.NewReader(statement))
			if err != nil {
				continue
			}
			request.Header.Set("Origin", "https://evil.example")
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				continue
			}
			if response.StatusCode == http.StatusOK {
				through = append(through, attempt{address, parameters, statement})
			}
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
		}
	}
	return through
}

// handshakes end a connection before there is a query, or are none.
var handshakes = []string{
	"", "\x00", "garbage\x00\x01", "\x00\x05abc", "GET / HTTP/1.1\r\n\r\n", "POST / HTTP/1.1\r\nContent-Le", "\x00\xff\xff\xff\xff\x7f",
	"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", "\x01\x00\x00\x00", strings.Repeat("\xff", 100),
	"\x00\x01x\x1a\x08\xb4\xa9\x03\x00\x07default\x00", "\x00\x01x\x1a\x08\xb4\xa9\x03\x01y\x08leadgate\x01z", "\x00\x01x\x1a\x08\xb4\xa9\x03\x00\x08leadgate\x00",
	"\x00\x01x\x1a\x08\xb4\xa9\x03\x00\x00\x00\x04\x04\x04\x04", "\x00" + strings.Repeat("\x80", 20) + "\x01",
}

// flood is how many connections abuse makes.
const flood = 2000

// abuse makes many connections with bad handshakes, each ended by a reset, by an
// orderly end, or after the answer.
func abuse(address string) {
	var running sync.WaitGroup
	next := make(chan int)
	for range 16 {
		running.Go(func() {
			for i := range next {
				conn, err := net.DialTimeout("tcp", address, 10*time.Second)
				if err != nil {
					continue
				}
				_, _ = io.WriteString(conn, handshakes[i%len(handshakes)])
				switch i / len(handshakes) % 3 {
				case 0:
					_ = conn.(*net.TCPConn).SetLinger(0)
				case 1:
					_ = conn.(*net.TCPConn).CloseWrite()
					_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
					_, _ = io.CopyN(io.Discard, conn, 1<<10)
				}
				_ = conn.Close()
			}
		})
	}
	for i := range flood {
		next <- i
	}
	close(next)
	running.Wait()
}

// listening returns the addresses at which a process listens by TCP, in its own
// network namespace, see proc_net(5).
func listening(t *testing.T, pid int) (addresses []string) {
	t.Helper()
	inodes := map[string]bool{}
	descriptors, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range descriptors {
		if to, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, d.Name())); err == nil {
			inodes[strings.TrimSuffix(strings.TrimPrefix(to, "socket:["), "]")] = true
		}
	}
	for _, table := range []string{"tcp", "tcp6"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line)
			if len(fields) < 10 || fields[3] != "0A" || !inodes[fields[9]] {
				continue
			}
			_, hex, _ := strings.Cut(fields[1], ":")
			port, err := strconv.ParseUint(hex, 16, 16)
			if err != nil {
				t.Fatal(err)
			}
			addresses = append(addresses, fmt.Sprintf("127.0.0.1:%d", port))
		}
	}
	return addresses
}

func hostOf(t *testing.T, text string) string {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}
