package main

import (
	"github.com/spf13/cobra"

	"github.com/leadgate/leadgate/analytics/clickhouse"
)

func (a *app) sqlCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use: "sql QUERY", Short: "Ask the store in SQL", Args: cobra.ExactArgs(1),
		Long: `Sql runs one statement against the configured ClickHouse or the embedded engine,
whether the gateway runs or not. Read the views, which show each event once:
leads, touches, costs, statuses, deliveries, contacts, submissions.`,
		Example: `  leadgate sql "SELECT channel, count() FROM leads WHERE verdict = 'unique' GROUP BY channel"
  leadgate sql "SELECT * FROM costs" --format JSON`,
		RunE: func(cmd *cobra.Command, args []string) error {
			parsed, err := clickhouse.ParseFormat(format)
			if err != nil {
				return usageError{err}
			}
			return a.withStore(cmd.Context(), func(_ *Settings, conn *clickhouse.Conn) error {
				return conn.Print(cmd.Context(), a.stdout, args[0], parsed)
			})
		},
	}
	cmd.Flags().StringVar(&format, "format", "Pretty", "TSV, JSON or Pretty")
	return cmd
}
