package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/leadgate/leadgate/analytics/clickhouse"
	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/redact"
)

func (a *app) deliveriesCommand() *cobra.Command {
	return group("deliveries", "Look at deliveries and what became of them, or replay them",
		a.replayCommand("Send stored deliveries through the decoders again", "  leadgate deliveries replay 01KE7Z8M3Q4R5S6T7V8W9XYZAB\n"+
			"  leadgate deliveries replay --source landing --from 2026-01-01 --to 2026-01-31 --dry-run", ""),
		a.listCommand("List deliveries, newest first", "  leadgate deliveries list --source landing --verdict duplicate", ""),
		a.showCommand("leadgate deliveries show 01KE7Z8M3Q4R5S6T7V8W9XYZAB"))
}

func (a *app) quarantineCommand() *cobra.Command {
	return group("quarantine", "Look at verified deliveries that could not be read or stored, or replay them",
		a.replayCommand("Send quarantined deliveries through the decoders again, after a fix", "  leadgate quarantine replay\n"+
			"  leadgate quarantine replay --source calls --from 2026-01-01", ingest.Quarantined),
		a.listCommand("List quarantined deliveries and why, newest first", "  leadgate quarantine list --from 2026-01-01", ingest.Quarantined),
		a.showCommand("leadgate quarantine show 01KE7Z8M3Q4R5S6T7V8W9XYZAB"))
}

// listCommand lists deliveries; with a fixed verdict it is not to be chosen.
func (a *app) listCommand(short, example string, fixed ingest.Verdict) *cobra.Command {
	var filter clickhouse.DeliveryFilter
	var verdict, from, to, format string
	cmd := &cobra.Command{
		Use: "list", Short: short, Example: example, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if filter.From, err = parseMoment("from", from); err != nil {
				return err
			}
			if filter.To, err = parseMoment("to", to); err != nil {
				return err
			}
			if len(to) == len(time.DateOnly) {
				filter.To = filter.To.AddDate(0, 0, 1) // the last day counts
			}
			if filter.Verdict = fixed; fixed == "" {
				filter.Verdict = ingest.Verdict(verdict)
			}
			if format != "table" && format != "json" {
				return usageError{fmt.Errorf("--format: not one of table, json (got %s)", format)}
			}
			return a.withStore(cmd.Context(), func(_ *Settings, conn *clickhouse.Conn) error {
				list, err := conn.Deliveries(cmd.Context(), filter)
				if err != nil {
					return err
				}
				return a.printDeliveries(list, filter.Limit, format)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&filter.Source, "source", "", "only of this source")
	flags.StringVar(&from, "from", "", "received at or after, as 2026-01-31 or 2026-01-31T12:00:00Z (UTC)")
	flags.StringVar(&to, "to", "", "received before, or on this last day (UTC)")
	flags.StringVar(&filter.Before, "before", "", "only before this delivery: the last id of a page asks for the next")
	flags.IntVar(&filter.Limit, "limit", 100, "how many")
	flags.StringVar(&format, "format", "table", "table or json (an object a line)")
	if fixed == "" {
		flags.StringVar(&verdict, "verdict", "", "accepted, duplicate, ignored or quarantined")
	}
	return cmd
}

func parseMoment(flag, given string) (time.Time, error) {
	if given == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, given); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usageError{fmt.Errorf("--%s: not a date or time such as 2026-01-31 or 2026-01-31T12:00:00Z (got %s)", flag, given)}
}

// newTable is an empty table in the style of all commands.
func newTable() table.Writer {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	return t
}

func (a *app) printDeliveries(list []clickhouse.StoredDelivery, limit int, format string) error {
	if format == "json" {
		enc := json.NewEncoder(a.jsonOut())
		for _, d := range list {
			if err := enc.Encode(d); err != nil {
				return err
			}
		}
		return nil
	}
	t := newTable()
	t.AppendHeader(table.Row{"delivery", "received (UTC)", "source", "verdict", "events", "bytes", "reason"})
	for _, d := range list {
		t.AppendRow(table.Row{d.ID, d.ReceivedAt.UTC().Format(time.DateTime), d.Source, d.Verdict, d.Events, d.BodyBytes, redact.Line(d.Reason)})
	}
	fmt.Fprintln(a.stdout, t.Render())
	if len(list) == limit && limit > 0 {
		fmt.Fprintf(a.stdout, "there may be more: --before %s\n", list[len(list)-1].ID)
	}
	return nil
}
