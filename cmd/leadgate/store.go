package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/leadgate/leadgate/analytics/clickhouse"
	"github.com/leadgate/leadgate/analytics/clickhouse/embedded"
	"github.com/leadgate/leadgate/analytics/schema"
)

// store is ClickHouse: a configured server, or the engine we start ourselves.
type store struct {
	conn   *clickhouse.Conn
	engine *embedded.Engine // nil if the server is not ours
}

func (s *store) Close() error {
	var err error
	if s.conn != nil {
		err = s.conn.Close()
	}
	if s.engine != nil {
		err = errors.Join(err, s.engine.Close())
	}
	return err
}

func (s *Settings) engineDir() string { return filepath.Join(s.DataDir, "clickhouse") }

func (s *Settings) schemaParams() schema.Params {
	return schema.Params{Cluster: s.ClickHouse.Cluster, RawTTL: time.Duration(s.Deliveries.RawRetention)}
}

// openStore connects to the configured server, or starts the embedded engine
// and brings its tables up to date. It does not wait for a server that is away.
func (a *app) openStore(ctx context.Context, s *Settings, log *slog.Logger) (*store, error) {
	if s.ClickHouseURL != "" {
		conn, err := clickhouse.Open(clickhouse.Options{URL: s.ClickHouseURL, Log: log})
		if err != nil {
			return nil, fmt.Errorf("clickhouse.url: %w", err)
		}
		return &store{conn: conn}, nil
	}
	library, err := embedded.FindLibrary(a.getenv("LEADGATE_LIBCHDB"))
	if err != nil {
		return nil, err
	}
	engine, err := embedded.Start(ctx, embedded.Options{Dir: s.engineDir(), Library: library, Log: log})
	if err != nil {
		return nil, fmt.Errorf("embedded ClickHouse: %w", err)
	}
	st := &store{engine: engine}
	if st.conn, err = clickhouse.Open(clickhouse.Options{URL: engine.URL(), Dial: engine.Dial, Log: log}); err == nil {
		err = migrateEmbedded(ctx, st.conn, s.schemaParams(), log)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("embedded ClickHouse: %w", err), st.Close())
	}
	return st, nil
}

// migrateEmbedded brings the tables up to date, though the engine may die
// meanwhile: it is started again, and what was done stays.
func migrateEmbedded(ctx context.Context, conn *clickhouse.Conn, p schema.Params, log *slog.Logger) error {
	for attempt := 1; ; attempt++ {
		_, err := schema.Migrate(ctx, conn, p)
		var lost net.Error
		if attempt == 3 || ctx.Err() != nil || !errors.Is(err, io.EOF) && !errors.As(err, &lost) {
			return err
		}
		log.Warn("the engine went away while its tables were looked at, trying again", "attempt", attempt, "err", err)
	}
}

// reachStore is openStore for commands that run beside a gateway: the engine
// of a running one is used; without one it is started for the command.
func (a *app) reachStore(ctx context.Context, s *Settings) (*store, error) {
	if s.ClickHouseURL == "" {
		if engine, ok := embedded.Running(s.engineDir()); ok {
			conn, err := clickhouse.Open(clickhouse.Options{URL: engine.URL(), Dial: engine.Dial})
			return &store{conn: conn}, err
		}
	}
	st, err := a.openStore(ctx, s, slog.New(slog.DiscardHandler))
	if err != nil || st.engine != nil {
		return st, err
	}
	if err := st.conn.Ping(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("ClickHouse at %s cannot be reached: %w (see `leadgate doctor`)", st.conn.Address(), err), st.Close())
	}
	return st, nil
}

// withStore runs f with the store that the configuration names.
func (a *app) withStore(ctx context.Context, f func(*Settings, *clickhouse.Conn) error) error {
	settings, err := a.settings()
	if err != nil {
		return err
	}
	st, err := a.reachStore(ctx, settings)
	if err != nil {
		return err
	}
	return errors.Join(f(settings, st.conn), st.Close())
}

// errPending refuses to serve on tables that the program does not expect.
var errPending = errors.New("the store has pending migrations: run `leadgate migrate`, or set clickhouse.migrate: true")

// prepare checks the tables of a remote store, and applies what is pending if
// the configuration says so. Errors: errPending, schema.ErrNewer (wrapped), or
// what keeps the store from being reached.
func prepare(ctx context.Context, s *Settings, conn *clickhouse.Conn) error {
	pending, err := schema.Pending(ctx, conn)
	if err != nil || len(pending) == 0 {
		return err
	}
	if !s.ClickHouse.Migrate {
		return fmt.Errorf("%w (pending: %v)", errPending, pending)
	}
	_, err = schema.Migrate(ctx, conn, s.schemaParams())
	return err
}

func (a *app) migrateCommand() *cobra.Command {
	return &cobra.Command{
		Use: "migrate", Short: "Bring the tables of the store up to date", Args: cobra.NoArgs,
		Example: "  leadgate migrate --config config.yaml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withStore(cmd.Context(), func(s *Settings, conn *clickhouse.Conn) error {
				applied, err := schema.Migrate(cmd.Context(), conn, s.schemaParams())
				if err != nil {
					return err
				}
				if len(applied) == 0 {
					fmt.Fprintf(a.stdout, "%s is up to date\n", conn.Database())
					return nil
				}
				fmt.Fprintf(a.stdout, "%s: applied %v\n", conn.Database(), applied)
				return nil
			})
		},
	}
}

func (a *app) clickhouseCommand() *cobra.Command {
	return &cobra.Command{
		Use: "clickhouse", Short: "The embedded engine's own process; `leadgate serve` starts it",
		Long: `The process that holds the embedded ClickHouse. The gateway starts, watches and
restarts it; there is no need to run it by hand. To ask it something while the
gateway runs, use leadgate sql.`,
		Example: `  leadgate sql "SELECT version()"`, DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || args[0] == "--help" || args[0] == "-h" {
				return cmd.Help()
			}
			if code := embedded.Main(args); code != 0 {
				return fmt.Errorf("the engine ended with code %d", code)
			}
			return nil
		},
	}
}
