package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/leadgate/leadgate/ingest/pending"
	"github.com/leadgate/leadgate/ingest/redact"
)

func (a *app) pendingCommand() *cobra.Command {
	var source, format string
	var limit int
	list := &cobra.Command{
		Use: "list", Short: "List what waits to be fetched, and why", Args: cobra.NoArgs,
		Long: `List shows what was announced by a platform and is not fetched from it yet: what
is due first stands first. It may run beside the gateway.`,
		Example: "  leadgate pending list\n  leadgate pending list --source facebook --format json",
		RunE: func(*cobra.Command, []string) error {
			if format != "table" && format != "json" {
				return usageError{fmt.Errorf("--format: not one of table, json (got %s)", format)}
			}
			settings, err := a.settings()
			if err != nil {
				return err
			}
			tasks, states, err := pending.Inspect(settings.pendingDir())
			if err != nil {
				return err
			}
			if source != "" {
				tasks = slices.DeleteFunc(tasks, func(t pending.Task) bool { return t.Source != source })
				states = slices.DeleteFunc(states, func(s pending.SourceState) bool { return s.Source != source })
			}
			if format == "json" {
				return a.pendingJSON(tasks, limit)
			}
			return a.printPending(tasks, states, limit)
		},
	}
	list.Flags().StringVar(&source, "source", "", "only of this source")
	list.Flags().IntVar(&limit, "limit", 100, "at most so many; 0 for all")
	list.Flags().StringVar(&format, "format", "table", "table or json (one object a line)")
	return group("pending", "Look at what waits to be fetched from platforms", list)
}

func (a *app) pendingJSON(tasks []pending.Task, limit int) error {
	enc := json.NewEncoder(a.jsonOut())
	enc.SetEscapeHTML(false)
	for i := range tasks {
		if limit > 0 && i == limit {
			break
		}
		if err := enc.Encode(&tasks[i]); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) printPending(tasks []pending.Task, states []pending.SourceState, limit int) error {
	for _, s := range states {
		if !s.Refused.IsZero() {
			fmt.Fprintf(a.stdout, "%s: the platform refuses the token since %s: %s\n", s.Source, s.Refused.UTC().Format(time.DateTime), redact.Line(s.Text))
		}
	}
	if len(tasks) == 0 {
		fmt.Fprintln(a.stdout, "nothing waits to be fetched")
		return nil
	}
	t := newTable()
	t.SetColumnConfigs([]table.ColumnConfig{{Number: 7, WidthMax: 60, WidthMaxEnforcer: text.WrapSoft}})
	t.AppendHeader(table.Row{"due (UTC)", "source", "what", "id", "announced", "attempts", "why it waits"})
	for i, task := range tasks {
		if limit > 0 && i == limit {
			break
		}
		why := task.Text
		if task.Problem != "" {
			why = string(task.Problem) + ": " + why
		}
		t.AppendRow(table.Row{
			task.Due.UTC().Format(time.DateTime), task.Source, redact.Line(task.Ref.Kind), redact.Line(task.Ref.ID),
			task.Saved.UTC().Format(time.DateTime), task.Attempts, redact.Line(why),
		})
	}
	fmt.Fprintln(a.stdout, t.Render())
	if limit > 0 && len(tasks) > limit {
		fmt.Fprintf(a.stdout, "%d more: --limit 0\n", len(tasks)-limit)
	}
	return nil
}

// fetching looks at what waits, and at the tokens it waits for.
func (d *doctor) fetching() {
	tasks, states, err := pending.Inspect(d.settings.pendingDir())
	if err != nil {
		d.fault("pending work", err, "check the disk of data_dir")
		return
	}
	waiting, strangers := len(tasks), 0
	var oldest time.Time
	for _, t := range tasks {
		if intake := d.settings.Intakes[t.Source]; intake == nil || intake.Fetcher == nil {
			strangers++
		}
		if oldest.IsZero() || t.Saved.Before(oldest) {
			oldest = t.Saved
		}
	}
	asks := false
	for _, name := range slices.Sorted(slices.Values(sourceNames(d.settings))) {
		if intake := d.settings.Intakes[name]; intake.Fetcher != nil {
			asks = true
			i := slices.IndexFunc(states, func(s pending.SourceState) bool { return s.Source == name })
			state := pending.SourceState{}
			if i >= 0 {
				state = states[i]
			}
			d.token(name, state, slices.ContainsFunc(tasks, func(t pending.Task) bool { return t.Source == name }))
		}
	}
	if strangers > 0 {
		d.warn("pending work", fmt.Sprintf("%d things wait for sources that fetch nothing, or are not configured any more", strangers),
			"configure their sources again, see `leadgate pending list`")
	}
	switch {
	case !asks && waiting == 0:
	case waiting == 0:
		d.ok("pending work", "nothing waits to be fetched")
	case time.Since(oldest) > time.Hour:
		d.warn("pending work", fmt.Sprintf("%d wait to be fetched, the oldest since %s", waiting, oldest.UTC().Format(time.DateTime)),
			"see `leadgate pending list` for what the platform says")
	default:
		d.ok("pending work", "%d wait to be fetched", waiting)
	}
}

// token says how it is with the credentials of one source.
func (d *doctor) token(source string, state pending.SourceState, waits bool) {
	subject := "token of " + source
	plan := d.settings.Intakes[source].Fetcher.FetchPlan()
	if !state.Expires.IsZero() {
		plan.TokenExpires = state.Expires
	}
	renew := "renew credentials of the source, and restart the gateway: what waits is fetched then"
	switch left := time.Until(plan.TokenExpires); {
	case plan.Lacks != "" && waits:
		d.fault(subject, errors.New("credentials."+plan.Lacks+" is not set, and what is announced waits"), renew)
	case plan.Lacks != "":
		d.warn(subject, "credentials."+plan.Lacks+" is not set: nothing can be fetched", "set it, if this source only announces leads")
	case !state.Refused.IsZero():
		d.fault(subject, fmt.Errorf("refused since %s: %s", state.Refused.UTC().Format(time.DateTime), state.Text), renew)
	case plan.TokenExpires.IsZero():
		d.ok(subject, "not refused")
	case left <= 0:
		d.fault(subject, fmt.Errorf("it ended on %s", plan.TokenExpires.Format(time.DateOnly)), renew)
	case left < soon:
		d.warn(subject, "it ends on "+plan.TokenExpires.Format(time.DateOnly), renew)
	default:
		d.ok(subject, "good until %s", plan.TokenExpires.Format(time.DateOnly))
	}
}
