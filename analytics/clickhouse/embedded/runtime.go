package embedded

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// Client is what a program of our own user needs to connect to a running engine.
// It stays good over restarts of the child. It is safe for concurrent use.
type Client struct {
	dir              string
	file             runtimeFile
	proxy, httpProxy string // addresses, if there are any
}

// runtimeFile tells other commands how to reach the running engine. It holds
// passwords.
type runtimeFile struct {
	PID      int    `json:"pid"`
	Password string `json:"password"`
	SQL      string `json:"sql_password"`
	Protection
}

const (
	runtimeName    = "runtime.json"
	runningTimeout = 3 * time.Second
	// nowhere is the host of an engine without a proxy: it is reached by Dial.
	nowhere = "embedded:9000"
)

func newClient(dir string) Client {
	return Client{dir: dir, file: runtimeFile{Password: rand.Text(), SQL: rand.Text()}}
}

// Running returns how to reach the engine that another process runs on dir; ok is
// false if there is none that answers.
func Running(dir string) (c Client, ok bool) {
	c.dir, _ = filepath.Abs(dir)
	text, err := os.ReadFile(filepath.Join(dir, runtimeName))
	if err != nil || json.Unmarshal(text, &c.file) != nil {
		return c, false
	}
	ctx, cancel := context.WithTimeout(context.Background(), runningTimeout)
	defer cancel()
	return c, c.ping(ctx) == nil
}

// URL is where clickhouse-go connects, with the password of the user that has all
// rights. Where the engine has no proxy, it needs Dial for that.
func (c Client) URL() string { return c.url("clickhouse", ownerName, c.file.Password, c.proxy) }

// SQLURL is URL for the user that can read everything, within bounds, and change
// nothing. The proxy does not admit it: it needs Dial.
func (c Client) SQLURL() string { return c.url("clickhouse", sqlName, c.file.SQL, "") }

// HTTPURL is the engine's HTTP interface, if Options.ListenHTTP asked for one,
// with the password of the user that has all rights.
func (c Client) HTTPURL() string { return c.url("http", ownerName, c.file.Password, c.httpProxy) }

func (c Client) url(scheme, user, password, host string) string {
	if host == "" {
		host = nowhere
	}
	u := url.URL{Scheme: scheme, User: url.UserPassword(user, password), Host: host}
	return u.String()
}

// Dial connects to the engine's native protocol. While the child is started again
// it waits, until ctx ends.
func (c Client) Dial(ctx context.Context) (*net.TCPConn, error) {
	return askSocket(ctx, c.dir, nativeProtocol)
}

// Protection says how the engine is kept from others.
func (c Client) Protection() Protection { return c.file.Protection }

// tellRuntime writes the file for other commands, readable by us only.
func (e *Engine) tellRuntime(pid int) error {
	file := e.file
	file.PID, file.Protection = pid, e.Protection()
	text, err := json.MarshalIndent(file, "", "  ") //nolint:gosec // passwords are what the file is for
	if err != nil {
		return err
	}
	return writePrivate(filepath.Join(e.opts.Dir, runtimeName), append(text, '\n'))
}

// ping asks the engine for a sign of life.
func (c Client) ping(ctx context.Context) error {
	u, err := url.Parse(c.URL())
	if err != nil {
		return errors.New("engine URL: malformed")
	}
	conn, err := clickhouse.Open(&clickhouse.Options{
		Addr:         []string{u.Host},
		Auth:         clickhouse.Auth{Username: ownerName, Password: c.file.Password},
		DialContext:  func(ctx context.Context, _ string) (net.Conn, error) { return c.Dial(ctx) },
		DialTimeout:  time.Hour, // ctx bounds it
		MaxOpenConns: 1,
	})
	if err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	defer func() { _ = conn.Close() }()
	return conn.Ping(ctx)
}
