package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// runtimeFile is what other commands need to reach the running engine.
type runtimeFile struct {
	PID     int    `json:"pid"`
	URL     string `json:"url"`
	HTTPURL string `json:"http_url"`
}

const (
	runtimeName    = "runtime.json"
	runningTimeout = 3 * time.Second
)

// Running returns the URL, with its password, of the engine that another
// process runs on dir; ok is false if there is none that answers.
func Running(dir string) (nativeURL string, ok bool) {
	text, err := os.ReadFile(filepath.Join(dir, runtimeName))
	if err != nil {
		return "", false
	}
	var file runtimeFile
	if err := json.Unmarshal(text, &file); err != nil {
		return "", false
	}
	ctx, cancel := context.WithTimeout(context.Background(), runningTimeout)
	defer cancel()
	if err := ping(ctx, file.URL); err != nil {
		return "", false
	}
	return file.URL, true
}

func writeRuntime(dir string, file runtimeFile) error {
	text, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return err
	}
	return writePrivate(filepath.Join(dir, runtimeName), append(text, '\n'))
}

// ping asks the engine at nativeURL for a sign of life.
func ping(ctx context.Context, nativeURL string) error {
	return withConn(nativeURL, func(conn clickhouse.Conn) error { return conn.Ping(ctx) })
}

// withConn calls f with a connection of its own. Errors hold no password.
func withConn(nativeURL string, f func(clickhouse.Conn) error) error {
	u, err := url.Parse(nativeURL)
	if err != nil {
		return errors.New("engine URL: malformed")
	}
	password, _ := u.User.Password()
	conn, err := clickhouse.Open(&clickhouse.Options{
		Addr:         []string{u.Host},
		Auth:         clickhouse.Auth{Username: u.User.Username(), Password: password},
		DialTimeout:  time.Second,
		MaxOpenConns: 1,
	})
	if err != nil {
		return fmt.Errorf("engine at %s: %w", u.Host, err)
	}
	defer func() { _ = conn.Close() }()
	return f(conn)
}
