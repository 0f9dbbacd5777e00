package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/leadgate/leadgate/analytics/clickhouse"
	"github.com/leadgate/leadgate/analytics/schema"
)

// errPending keeps the drain from counting into tables that the program does
// not expect.
var errPending = errors.New("the store has pending migrations: run `leadgate migrate`, or set clickhouse.migrate: true")

// prepare checks which migrations the store has, and applies what is pending if
// it is ours or the configuration says so. Errors: errPending, schema.ErrNewer
// (wrapped), or what keeps the store from being reached.
func prepare(ctx context.Context, s *Settings, conn *clickhouse.Conn) error {
	pending, err := schema.Pending(ctx, conn)
	if err != nil {
		return err
	}
	ours := s.ClickHouseURL == ""
	if len(pending) > 0 && !ours && !s.ClickHouse.Migrate {
		return fmt.Errorf("%w (pending: %v)", errPending, pending)
	}
	if len(pending) > 0 || ours { // ours: also what the configuration changed
		_, err = schema.Migrate(ctx, conn, s.schemaParams())
	}
	return err
}

func (a *app) migrateCommand() *cobra.Command {
	return &cobra.Command{
		Use: "migrate", Short: "Bring the tables of the store up to date", Args: cobra.NoArgs,
		Long: `Migrate applies what is pending, and makes tables, columns and views again that
somebody dropped. A table that is made again is empty. It may run beside the
gateway, which then goes on by itself.`,
		Example: "  leadgate migrate --config config.yaml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withStore(cmd.Context(), func(s *Settings, conn *clickhouse.Conn) error {
				return a.migrate(cmd.Context(), s, conn)
			})
		},
	}
}

func (a *app) migrate(ctx context.Context, s *Settings, conn *clickhouse.Conn) error {
	applied, err := schema.Migrate(ctx, conn, s.schemaParams())
	if len(applied) > 0 {
		fmt.Fprintf(a.stdout, "%s: applied %v\n", conn.Database(), applied)
	}
	if err != nil {
		return err
	}
	repaired, err := schema.Repair(ctx, conn, s.schemaParams())
	if err != nil {
		return fmt.Errorf("%w (missing: %s)", err, repaired)
	}
	if repaired.Count() > 0 {
		fmt.Fprintf(a.stdout, "%s: made again what was missing: %s\n", conn.Database(), repaired)
	}
	if len(repaired.Tables) > 0 {
		fmt.Fprintln(a.stdout, "a table that is made again is empty: bring its rows back from a backup, or with `leadgate deliveries replay`")
	}
	if len(applied)+repaired.Count() == 0 {
		fmt.Fprintf(a.stdout, "%s is up to date\n", conn.Database())
	}
	return nil
}
