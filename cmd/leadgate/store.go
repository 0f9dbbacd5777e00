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
	engine *embedded.Engine // nil if the server is not ours, or not started by us
	access embedded.Client  // to the embedded engine, whoever started it
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

// openStore connects to the configured server, or starts the embedded engine. It
// does not look at the tables, nor wait for a server that is away.
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
	engine, err := embedded.Start(ctx, s.engineOptions(library, log))
	if err != nil {
		return nil, fmt.Errorf("embedded ClickHouse: %w", err)
	}
	st := &store{engine: engine, access: engine.Client}
	if st.conn, err = clickhouse.Open(clickhouse.Options{URL: engine.URL(), Dial: engine.Dial, Log: log}); err != nil {
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
		if st, err := s.reachEngine(ctx); st != nil || err != nil {
			return st, err
		}
	}
	st, err := a.openStore(ctx, s, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	if st.engine != nil {
		if err := migrateEmbedded(ctx, st.conn, s.schemaParams(), slog.New(slog.DiscardHandler)); err != nil {
			return nil, errors.Join(fmt.Errorf("embedded ClickHouse: %w", err), st.Close())
		}
		return st, nil
	}
	if _, err := st.conn.Version(ctx); err != nil { // the database need not be there: migrate makes it
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
