package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// DefaultDatabase is used where the URL names none.
const DefaultDatabase = "leadgate"

// Options of a connection.
type Options struct {
	// URL: clickhouse://user:password@host:9000/database. Several hosts are
	// separated by commas; ?secure=true asks for TLS. The other parameters are
	// those of clickhouse-go.
	URL string
	// DialTimeout is 5 s if 0.
	DialTimeout time.Duration
	// ReadTimeout is how long the server may stay silent; 5 minutes if 0.
	ReadTimeout time.Duration
	// WriteTimeout is how long the server may take nothing of what is sent; 30 s if
	// 0.
	WriteTimeout time.Duration
	// MaxConns that are open at a time; 24 if 0. Batches that are written together
	// need one for each of 8 tables.
	MaxConns int
	// Dial, if not nil, makes the connections in place of dialling the URL's host:
	// to the embedded engine, which has no port of its own. Without TLS only.
	Dial func(context.Context) (*net.TCPConn, error)
	Log  *slog.Logger
}

// Conn is a pool of connections to one database. It is safe for concurrent
// use. It is made without talking to the server, so it can be made while the
// server is away.
type Conn struct {
	driver.Conn
	options clickhouse.Options
	log     *slog.Logger
}

var errURL = errors.New("clickhouse.url: malformed; want clickhouse://user:password@host:9000/leadgate")

// Open makes a pool. Errors tell what is wrong with the options.
func Open(o Options) (*Conn, error) {
	u, err := url.Parse(strings.TrimSpace(o.URL))
	if err != nil || u.Host == "" || u.Scheme != "clickhouse" && u.Scheme != "http" && u.Scheme != "https" {
		return nil, errURL // the cause may hold the password
	}
	options, err := clickhouse.ParseDSN(u.String())
	if err != nil {
		password, _ := u.User.Password()
		if text := err.Error(); password == "" || !strings.Contains(text, password) {
			return nil, fmt.Errorf("%w: %s", errURL, text)
		}
		return nil, errURL
	}
	query := u.Query()
	if options.Auth.Database == "" {
		options.Auth.Database = DefaultDatabase
	}
	if options.Compression == nil {
		options.Compression = &clickhouse.Compression{Method: clickhouse.CompressionLZ4}
	}
	if !query.Has("dial_timeout") {
		options.DialTimeout = defaulted(o.DialTimeout, 5*time.Second)
	}
	if !query.Has("read_timeout") {
		options.ReadTimeout = defaulted(o.ReadTimeout, 5*time.Minute)
	}
	if !query.Has("max_open_conns") {
		options.MaxOpenConns = defaulted(o.MaxConns, 24)
	}
	if !query.Has("max_idle_conns") {
		options.MaxIdleConns = min(10, options.MaxOpenConns)
	}
	if options.Protocol == clickhouse.Native {
		options.DialContext = dialer(o.Dial, options.DialTimeout, defaulted(o.WriteTimeout, 30*time.Second), options.TLS)
	}
	c := &Conn{options: *options, log: o.Log}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.Conn, err = clickhouse.Open(options); err != nil {
		return nil, fmt.Errorf("clickhouse %s: %w", c.Address(), err)
	}
	return c, nil
}

func defaulted[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// Database is the database that the connections use.
func (c *Conn) Database() string { return c.options.Auth.Database }

// Address is the host and port, for messages.
func (c *Conn) Address() string { return strings.Join(c.options.Addr, ",") }

// Streams tells whether batches can go out as they are made (see Sink.Join): in
// the native protocol, where an insert is not sent at once at its end, and with a
// connection for each table of two of them, for one ends while the next begins.
func (c *Conn) Streams() bool {
	return c.options.Protocol == clickhouse.Native && c.options.MaxOpenConns >= 2*batchTables
}

// Ping asks the server for a sign of life. A missing database is an error.
func (c *Conn) Ping(ctx context.Context) error {
	if err := c.Conn.Ping(ctx); err != nil {
		return c.explain(err)
	}
	return nil
}

// Version returns the server's version, like 26.7.2.1.
func (c *Conn) Version(ctx context.Context) (string, error) {
	var version string
	err := c.Bare(func(bare driver.Conn) error {
		return bare.QueryRow(ctx, "SELECT version()").Scan(&version)
	})
	if err != nil {
		return "", c.explain(err)
	}
	return version, nil
}

// Bare calls f with a connection that does not name the database, which need
// not exist for it.
func (c *Conn) Bare(f func(driver.Conn) error) error {
	options := c.options
	options.Auth.Database = ""
	options.MaxOpenConns, options.MaxIdleConns = 1, 1
	bare, err := clickhouse.Open(&options)
	if err != nil {
		return fmt.Errorf("clickhouse %s: %w", c.Address(), err)
	}
	defer func() { _ = bare.Close() }()
	return f(bare)
}

// explain adds where, and what to do about the common faults.
func (c *Conn) explain(err error) error {
	var exception *clickhouse.Exception
	remedy := ""
	if errors.As(err, &exception) {
		switch exception.Code {
		case codeUnknownDatabase, codeUnknownTable, codeNoSuchColumnInTable:
			remedy = "; run `leadgate migrate`"
		case codeAuthenticationFailed, codeRequiredPassword, codeWrongPassword:
			return fmt.Errorf("clickhouse %s: authentication failed (code %d); check user and password in clickhouse.url", c.Address(), exception.Code)
		}
	}
	return fmt.Errorf("clickhouse %s: %w%s", c.Address(), err, remedy)
}

// Codes of the server's errors,
// https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp.
const (
	codeNoSuchColumnInTable  = 16
	codeUnknownIdentifier    = 47
	codeUnknownTable         = 60
	codeUnknownDatabase      = 81
	codeReadOnly             = 164
	codeWrongPassword        = 193
	codeRequiredPassword     = 194
	codeSettingConstraint    = 452
	codeAccessDenied         = 497
	codeAuthenticationFailed = 516
)
