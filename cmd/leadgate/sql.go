package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/leadgate/leadgate/analytics/clickhouse"
	"github.com/leadgate/leadgate/analytics/clickhouse/embedded"
)

const sqlHelp = `Sql runs one statement against the configured ClickHouse or the embedded engine,
whether the gateway runs or not. Read the views, which show each event once:
leads, touches, costs, statuses, deliveries, contacts, submissions.

It only reads, within bounds of memory, time and threads that the statement cannot
lift; --write lifts both, and asks first. Ctrl-C cancels the statement.

Characters that could steer a terminal are escaped, as \xHH in TSV and \uHHHH in
JSON, which loses nothing; Pretty shows a replacement.`

func (a *app) sqlCommand() *cobra.Command {
	var format string
	var write, yes bool
	cmd := &cobra.Command{
		Use: "sql QUERY", Short: "Ask the store in SQL", Args: cobra.ExactArgs(1), Long: sqlHelp,
		Example: `  leadgate sql "SELECT channel, count() FROM leads WHERE verdict = 'unique' GROUP BY channel"
  leadgate sql "SELECT * FROM costs" --format JSON
  leadgate sql --write "ALTER TABLE contacts_log DELETE WHERE email = 'kim@example.com'"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			parsed, err := clickhouse.ParseFormat(format)
			switch {
			case err != nil:
				return usageError{err}
			case yes && !write:
				return usageError{errors.New("--yes confirms --write, which is not given")}
			case write && !yes && !isTerminal(a.stdin):
				return usageError{errors.New("--write asks before it changes anything, and standard input is no terminal: add --yes")}
			}
			return a.sql(cmd.Context(), args[0], parsed, write, yes)
		},
	}
	cmd.Flags().StringVar(&format, "format", "Pretty", "TSV, JSON or Pretty")
	cmd.Flags().BoolVar(&write, "write", false, "let the statement change the store, without bounds")
	cmd.Flags().BoolVar(&yes, "yes", false, "with --write: do not ask")
	return cmd
}

func (a *app) sql(ctx context.Context, statement string, format clickhouse.Format, write, yes bool) error {
	return a.withStore(ctx, func(s *Settings, conn *clickhouse.Conn) error {
		if !write {
			return a.printRead(ctx, s, conn, statement, format)
		}
		where := "the ClickHouse at " + conn.Address()
		if s.ClickHouseURL == "" {
			where = "the embedded ClickHouse of " + s.DataDir
		}
		fmt.Fprintf(a.stderr, "this may change database %s in %s\n", conn.Database(), where)
		if !yes {
			if err := a.confirm(); err != nil {
				return err
			}
		}
		return a.printTo(ctx, conn, statement, format)
	})
}

// printTo prints what a statement returns; Ctrl-C cancels it. Only then: nothing
// else here would end before an answer to confirm.
func (a *app) printTo(ctx context.Context, conn *clickhouse.Conn, statement string, format clickhouse.Format) error {
	ctx, release := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer release()
	err := conn.Print(ctx, a.stdout, statement, format)
	if err != nil && ctx.Err() != nil {
		return errors.New("cancelled")
	}
	return err
}

// printRead prints what a statement returns that changes nothing.
func (a *app) printRead(ctx context.Context, s *Settings, conn *clickhouse.Conn, statement string, format clickhouse.Format) error {
	err := clickhouse.MustRead(statement)
	if err == nil {
		err = s.reading(ctx, conn, func(ctx context.Context, conn *clickhouse.Conn) error {
			return a.printTo(ctx, conn, statement, format)
		})
	}
	if clickhouse.RefusedAsReadOnly(err) {
		return fmt.Errorf("%w\nsql only reads, within bounds: --write lets a statement change the store, or set what it wants", err)
	}
	return err
}

// reading calls f with what its statements can change nothing with: the embedded
// engine, which conn reaches, has a user of its own for that; at a server it is
// settings of the session.
func (s *Settings) reading(ctx context.Context, conn *clickhouse.Conn, f func(context.Context, *clickhouse.Conn) error) error {
	if s.ClickHouseURL != "" {
		reading, err := conn.ReadOnly(ctx)
		if err != nil {
			return err
		}
		return f(reading, conn)
	}
	engine, ok := embedded.Running(s.engineDir())
	if !ok {
		return errors.New("the embedded ClickHouse went away: ask again")
	}
	reader, err := clickhouse.Open(clickhouse.Options{URL: engine.SQLURL(), Dial: engine.Dial})
	if err != nil {
		return err
	}
	return errors.Join(f(ctx, reader), reader.Close())
}

// confirm asks the person at the terminal.
func (a *app) confirm() error {
	fmt.Fprint(a.stderr, "type yes to go on: ")
	line, err := bufio.NewReader(a.stdin).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if strings.TrimSpace(line) != "yes" {
		return errors.New("nothing was done")
	}
	return nil
}

// isTerminal reports whether a person is at the other end of a standard stream.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
