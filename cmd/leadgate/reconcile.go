package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/leadgate/leadgate/analytics/clickhouse"
	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/journal"
	"github.com/leadgate/leadgate/ingest/redact"
)

const reconcileHelp = `Reconcile compares, for what was received between two times,

  journal     its checksums, as far as it is kept and counted
  deliveries  every delivery that the journal still has and that is counted has
              one row in the view deliveries
  events      every event that an accepted delivery meant is in the views once
  origins     every event in the views is listed by the delivery that told it

and exits with 1 on a difference. It may run beside the gateway, which does the
same by itself (drain.reconcile_interval). A difference that passes within
seconds, because something is being written, is not told.`

func (a *app) reconcileCommand() *cobra.Command {
	var from, to, format string
	span := clickhouse.Span{}
	cmd := &cobra.Command{
		Use: "reconcile", Short: "Compare the journal, the deliveries and the events", Long: reconcileHelp, Args: cobra.NoArgs,
		Example: "  leadgate reconcile --from 2026-01-01 --to 2026-01-31\n  leadgate reconcile --from 2026-01-01 --to 2026-01-31 --format json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if from == "" || to == "" {
				return usageError{errors.New("--from and --to are needed")}
			}
			if span.From, err = parseMoment("from", from); err != nil {
				return err
			}
			if span.To, err = parseMoment("to", to); err != nil {
				return err
			}
			if len(to) == len(time.DateOnly) {
				span.To = span.To.AddDate(0, 0, 1) // the last day counts
			}
			if format != "table" && format != "json" {
				return usageError{fmt.Errorf("--format: not one of table, json (got %s)", format)}
			}
			return a.withStore(cmd.Context(), func(s *Settings, conn *clickhouse.Conn) error {
				result, err := (&reconciler{settings: s, conn: conn, pause: reconcilePause}).run(cmd.Context(), span)
				if err != nil {
					return err
				}
				return a.printComparisons(result, format)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&from, "from", "", "received at or after, as 2026-01-31 or 2026-01-31T12:00:00Z (UTC)")
	flags.StringVar(&to, "to", "", "received before, or on this last day (UTC)")
	flags.StringVar(&span.Workspace, "workspace", "", "only of this workspace")
	flags.IntVar(&span.Examples, "examples", 10, "how many ids of each kind to name")
	flags.StringVar(&format, "format", "table", "table or json")
	return cmd
}

// reconciler compares what should be with what is.
type reconciler struct {
	settings *Settings
	conn     *clickhouse.Conn
	pause    time.Duration // before a difference is looked at again
}

// What is being written may look like a difference for a moment.
const (
	reconcileTries = 3
	reconcilePause = 2 * time.Second
)

// run compares until there is no difference, at most reconcileTries times.
func (r *reconciler) run(ctx context.Context, span clickhouse.Span) ([]clickhouse.Comparison, error) {
	for try := 1; ; try++ {
		result, err := r.once(ctx, span)
		if err != nil || try == reconcileTries || differences(result) == 0 {
			return result, err
		}
		select {
		case <-time.After(r.pause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func differences(list []clickhouse.Comparison) (n int) {
	for _, c := range list {
		n += c.Missing + c.Extra
	}
	return n
}

func (r *reconciler) once(ctx context.Context, span clickhouse.Span) ([]clickhouse.Comparison, error) {
	kept, deliveries, err := r.ledger(ctx, span)
	if err != nil {
		return nil, err
	}
	listed, err := r.conn.ListedEvents(ctx, span)
	if err != nil {
		return nil, err
	}
	origins, err := r.conn.UnlistedEvents(ctx, span)
	return []clickhouse.Comparison{kept, deliveries, listed, origins}, err
}

// ledgerChunk is how many deliveries of the journal are looked up together.
const ledgerChunk = 5000

// ledger compares the journal's committed deliveries with the store's.
func (r *reconciler) ledger(ctx context.Context, span clickhouse.Span) (kept, deliveries clickhouse.Comparison, err error) {
	kept.What, deliveries.What = "journal", "deliveries"
	var chunk []*ingest.Delivery
	flush := func() error {
		if len(chunk) == 0 {
			return nil
		}
		err := r.conn.DeliveryRows(ctx, chunk, &deliveries, span.Examples)
		chunk = chunk[:0]
		return err
	}
	err = journal.Scan(filepath.Join(r.settings.DataDir, "journal"), func(record ingest.Record) error {
		kept.Expected++
		d, err := ingest.ParseDelivery(record.Data)
		if err != nil {
			kept.Miss(fmt.Sprintf("segment %d offset %d: %v", record.At.Segment, record.At.Offset, err), span.Examples)
			return nil
		}
		kept.Found++
		// A replay's delivery came before, or was in the store already.
		if d.Replay > 0 || d.ReceivedAt.Before(span.From) || !d.ReceivedAt.Before(span.To) {
			return nil
		}
		if intake := r.settings.Intakes[d.Source]; span.Workspace != "" && (intake == nil || intake.Config.Workspace != span.Workspace) {
			return nil
		}
		chunk = append(chunk, &ingest.Delivery{ID: d.ID, Source: d.Source})
		if len(chunk) == ledgerChunk {
			return flush()
		}
		return ctx.Err()
	})
	var damage *journal.CorruptError
	switch {
	case errors.As(err, &damage):
		for _, one := range flatten(err) {
			kept.Expected++
			kept.Miss(one.Error(), span.Examples)
		}
	case err != nil && !errors.Is(err, fs.ErrNotExist): // a journal that is not there holds nothing
		return kept, deliveries, err
	}
	return kept, deliveries, flush()
}

// flatten takes joined errors apart.
func flatten(err error) []error {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		return joined.Unwrap()
	}
	return []error{err}
}

// errDifferent makes the exit code 1.
var errDifferent = errors.New("there are differences")

func (a *app) printComparisons(list []clickhouse.Comparison, format string) error {
	if format == "json" {
		encoder := json.NewEncoder(a.jsonOut())
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(map[string]any{"comparisons": list, "differences": differences(list)}); err != nil {
			return err
		}
	} else {
		t := newTable()
		t.AppendHeader(table.Row{"what", "expected", "found", "missing", "extra", "for example"})
		for _, c := range list {
			var examples []string
			for _, id := range c.MissingIDs {
				examples = append(examples, "missing "+redact.Line(id))
			}
			for _, id := range c.ExtraIDs {
				examples = append(examples, "extra "+redact.Line(id))
			}
			t.AppendRow(table.Row{c.What, c.Expected, c.Found, c.Missing, c.Extra, strings.Join(examples, "\n")})
		}
		fmt.Fprintln(a.stdout, t.Render())
	}
	if n := differences(list); n > 0 {
		return fmt.Errorf("%w: %d missing or extra", errDifferent, n)
	}
	return nil
}

// reconcileForever compares the last day now and then, until ctx ends. It
// leaves out what may not be counted yet.
func (g *gateway) reconcileForever(ctx context.Context) {
	interval := time.Duration(g.settings.Drain.ReconcileInterval)
	if interval <= 0 {
		return
	}
	for wait := interval / 60; ; wait = interval {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
		conn, err := g.store.conn()
		if err != nil { // it is said elsewhere
			continue
		}
		r := &reconciler{settings: g.settings, conn: conn, pause: 10 * time.Second}
		to := g.hooks.now().Add(-time.Minute)
		if oldest := g.journal.Stat().OldestUncommitted; !oldest.IsZero() && oldest.Before(to) {
			to = oldest.Add(-time.Minute)
		}
		limited, cancel := context.WithTimeout(ctx, 10*time.Minute)
		list, err := r.run(limited, clickhouse.Span{From: to.Add(-day), To: to, Examples: 5})
		cancel()
		if ctx.Err() != nil {
			return
		}
		g.noteReconciled(list, err)
	}
}

func (g *gateway) noteReconciled(list []clickhouse.Comparison, err error) {
	if err != nil {
		g.log.Warn("the journal and the store could not be compared; it is tried again", "err", err)
		return
	}
	kinds := make(map[string]int, len(list))
	for _, c := range list {
		if kinds[c.What] = c.Missing + c.Extra; c.Different() {
			g.log.Error("the journal and the store differ; see `leadgate reconcile --help`", "what", c.What,
				"expected", c.Expected, "found", c.Found, "missing", c.Missing, "extra", c.Extra,
				"examples", strings.Join(append(c.MissingIDs, c.ExtraIDs...), ", "))
		}
	}
	g.metrics.Reconciled(kinds, g.hooks.now())
}
