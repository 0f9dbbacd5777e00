package main

import (
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/leadgate/leadgate/analytics/clickhouse"
	"github.com/leadgate/leadgate/analytics/report"
)

func (a *app) reportCommand() *cobra.Command {
	return group("report", "Ask the questions that marketers have", a.cplCommand())
}

func reportDefaults(s *Settings) report.Defaults {
	return report.Defaults{Rules: s.Rules, Now: time.Now}
}

func (a *app) cplCommand() *cobra.Command {
	params := url.Values{}
	cmd := &cobra.Command{
		Use: "cpl", Short: "Cost per lead, by channel, campaign or time", Args: cobra.NoArgs,
		Long: `What a lead cost. A lead counts if it is unique: not a test, not spam, somebody
who can be reached, and not the same person again within the window. It belongs
to its last touch within the lookback, else to its own tagging.

Days are inclusive and in the zone of --tz; costs keep the day of their account.
Notes under the table say what was left out.`,
		Example: `  leadgate report cpl --from 2026-01-01 --to 2026-01-31
  leadgate report cpl --by channel,campaign --currency EUR --tz Europe/Berlin
  leadgate report cpl --by day --format csv > cpl.csv`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, name := range report.Params {
				if flag := cmd.Flags().Lookup(name); flag != nil && flag.Changed {
					params.Set(name, flag.Value.String())
				}
			}
			if _, err := report.ParseQuery(params, report.Defaults{Now: time.Now}); err != nil {
				return usageError{err}
			}
			return a.withStore(cmd.Context(), func(s *Settings, conn *clickhouse.Conn) error {
				query, err := report.ParseQuery(params, reportDefaults(s))
				if err != nil {
					return err
				}
				answer, err := report.CPL(cmd.Context(), conn, query)
				if err != nil {
					return err
				}
				return report.Write(a.stdout, report.FormatOf(params, report.Table), answer)
			})
		},
	}
	for name, usage := range map[string]string{
		"from": "first day, as in 2026-01-31 (default 30 days before --to)", "to": "last day (default today)",
		"by":    "what to break down by, separated by commas: channel, source, medium, campaign, campaign_id, day, week, month (default channel)",
		"model": "attribution model: last-touch", "lookback": "how far back a touch may lie (default 30d)",
		"tz": "time zone of the days (default UTC)", "currency": "currency to report; needed if costs are in several",
		"workspace": "whose data (default default)", "format": "table, csv or json (default table)",
	} {
		cmd.Flags().String(name, "", usage)
	}
	return cmd
}
