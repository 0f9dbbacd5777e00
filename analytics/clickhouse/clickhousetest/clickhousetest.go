// Package clickhousetest gives tests the real engine.
//
// Its law: one engine serves a whole test binary, each test has a database of
// its own, and in CI a missing engine fails the tests instead of skipping them.
package clickhousetest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"

	"github.com/leadgate/leadgate/analytics/clickhouse"
	"github.com/leadgate/leadgate/analytics/clickhouse/embedded"
	"github.com/leadgate/leadgate/analytics/schema"
)

var shared struct {
	once   sync.Once
	dir    string
	engine *embedded.Engine
	err    error
	opened atomic.Int64
}

// Main runs the tests of a package that uses Open: call it from TestMain. It
// also is the engine's child process, when the binary is started as such.
func Main(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "clickhouse" {
		os.Exit(embedded.Main(os.Args[2:]))
	}
	code := m.Run()
	if shared.engine != nil {
		if err := shared.engine.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "close the engine:", err)
			code = max(code, 1)
		}
	}
	if shared.dir != "" {
		_ = os.RemoveAll(shared.dir)
	}
	os.Exit(code)
}

// Engine returns the engine that all tests of the binary share, and starts it
// at the first call. Without an engine library the test is skipped, or fails
// if CI is set.
func Engine(tb testing.TB) *embedded.Engine {
	tb.Helper()
	library := Library(tb)
	shared.once.Do(func() {
		if shared.dir, shared.err = os.MkdirTemp("", "clickhousetest"); shared.err != nil {
			return
		}
		shared.engine, shared.err = embedded.Start(context.Background(), embedded.Options{Dir: shared.dir, Library: library, MaxMemoryBytes: 2 << 30,
			Listen: AnyPort, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		})
	})
	if shared.err != nil {
		tb.Fatalf("start the engine: %v", shared.err)
	}
	return shared.engine
}

// AnyPort is a free port of the loopback interface.
const AnyPort = "127.0.0.1:0"

// Start starts an engine of the test's own, to be broken, and ends it with the
// test. Like Engine it needs the library, and its URL is that of a proxy.
func Start(tb testing.TB) *embedded.Engine {
	tb.Helper()
	return StartWith(tb, embedded.Options{Listen: AnyPort})
}

// StartWith is Start with options; the library is found, and so is a directory if
// none is named.
func StartWith(tb testing.TB, options embedded.Options) *embedded.Engine {
	tb.Helper()
	options.Library = Library(tb)
	if options.Dir == "" {
		options.Dir = tb.TempDir()
	}
	engine, err := embedded.Start(tb.Context(), options)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := engine.Close(); err != nil {
			tb.Error(err)
		}
	})
	return engine
}

// Library returns the path of the engine library, as LEADGATE_LIBCHDB or npm
// gave it. Without one the test is skipped, or fails if CI is set.
func Library(tb testing.TB) string {
	tb.Helper()
	library, err := embedded.FindLibrary(os.Getenv("LEADGATE_LIBCHDB"))
	if err != nil && os.Getenv("CI") == "" {
		tb.Skipf("no engine: %v", err)
	}
	if err != nil {
		tb.Fatalf("no engine: %v", err)
	}
	return library
}

// Open returns a connection to a new database with all tables and views. The
// database is dropped when the test ends. Raw deliveries are kept for a hundred
// years, so that a fixture may be of any date.
func Open(tb testing.TB) *clickhouse.Conn {
	tb.Helper()
	conn := OpenEmpty(tb)
	if _, err := schema.Migrate(tb.Context(), conn, schema.Params{RawTTL: 36_500 * 24 * time.Hour}); err != nil {
		tb.Fatal(err)
	}
	return conn
}

// OpenEmpty is Open without the database being made.
func OpenEmpty(tb testing.TB) *clickhouse.Conn {
	tb.Helper()
	engine := Engine(tb)
	database := fmt.Sprintf("test_%d", shared.opened.Add(1))
	conn, err := clickhouse.Open(clickhouse.Options{URL: URL(tb, engine, database), Dial: engine.Dial})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := conn.Exec(context.Background(), "DROP DATABASE IF EXISTS "+database+" SYNC"); err != nil && !unknownDatabase(err) {
			tb.Errorf("drop the test's database: %v", err)
		}
		if err := conn.Close(); err != nil {
			tb.Errorf("close the connection: %v", err)
		}
	})
	return conn
}

func unknownDatabase(err error) bool {
	var exception *driver.Exception
	return errors.As(err, &exception) && exception.Code == 81
}

// URL is the URL of the engine's proxy with a database.
func URL(tb testing.TB, engine *embedded.Engine, database string) string {
	tb.Helper()
	u, err := url.Parse(engine.URL())
	if err != nil {
		tb.Fatal(err)
	}
	u.Path = "/" + database
	return u.String()
}

// Merge forces all parts of a table together, as the engine may do at any
// time: what a view shows must be the same before and after.
func Merge(tb testing.TB, conn *clickhouse.Conn, tables ...string) {
	tb.Helper()
	for _, table := range tables {
		if err := conn.Exec(tb.Context(), "OPTIMIZE TABLE "+table+" FINAL"); err != nil {
			tb.Fatalf("merge %s: %v", table, err)
		}
	}
}
