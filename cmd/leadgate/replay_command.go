package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/journal"
)

const replayHelp = `Replay sends stored deliveries through today's decoders once more, with their own
ids and times of receipt. Counts do not change unless a decoder did; then rows
are replaced, not added, and what a delivery does not mean any more disappears.
It may be repeated, also after it was interrupted.

It goes through the running gateway of data_dir. If none runs, the deliveries
are put in its journal, and counted when it starts. Raw deliveries are kept for
deliveries.raw_retention; older ones are told of and left as they are.`

// replayCommand replays deliveries; verdict is what they have if not told.
func (a *app) replayCommand(short, example string, verdict ingest.Verdict) *cobra.Command {
	var request replayRequest
	var from, to, wanted string
	cmd := &cobra.Command{
		Use: "replay [ID …]", Short: short, Long: replayHelp, Example: example,
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if request.From, err = optionalMoment("from", from); err != nil {
				return err
			}
			if request.To, err = optionalMoment("to", to); err != nil {
				return err
			}
			if request.To != nil && len(to) == len(time.DateOnly) {
				*request.To = request.To.AddDate(0, 0, 1) // the last day counts
			}
			request.IDs, request.Verdict = args, ingest.Verdict(wanted)
			// A fixed verdict alone selects, a delivery's id does not ask for more.
			if err := request.check(); err != nil {
				return usageError{fmt.Errorf("%w\nsee: %s --help", err, cmd.CommandPath())}
			}
			return a.replay(cmd.Context(), request)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&request.Source, "source", "", "only of this source")
	flags.StringVar(&from, "from", "", "received at or after, as 2026-01-31 or 2026-01-31T12:00:00Z (UTC)")
	flags.StringVar(&to, "to", "", "received before, or on this last day (UTC)")
	flags.StringVar(&wanted, "verdict", string(verdict), "accepted, duplicate, ignored or quarantined")
	flags.BoolVar(&request.DryRun, "dry-run", false, "only say how many match")
	return cmd
}

func optionalMoment(flag, text string) (*time.Time, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // not given is no error
	}
	t, err := parseMoment(flag, text)
	return &t, err
}

// replay asks the running gateway, or does it itself where none runs.
func (a *app) replay(ctx context.Context, request replayRequest) error {
	settings, err := a.settings()
	if err != nil {
		return err
	}
	gateway, err := settings.reachGateway()
	if err == nil {
		err = a.replayAll(ctx, request, "the running gateway counts them now", func(request replayRequest) (answer replayAnswer, err error) {
			err = gateway.post(ctx, "/api/v1/deliveries/replay", request, &answer)
			return answer, err
		})
	}
	if !errors.Is(err, errNoGateway) {
		return err
	}
	return a.replayAlone(ctx, settings, request)
}

// replayAlone replays while no gateway runs.
func (a *app) replayAlone(ctx context.Context, s *Settings, request replayRequest) (err error) {
	log, err := journal.Open(s.journalOptions())
	if err != nil {
		return fmt.Errorf("data_dir: %w", err)
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	st, err := a.reachStore(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	r := &replayer{settings: s, conn: st.conn, journal: log}
	return a.replayAll(ctx, request, "no gateway runs: they are in the journal, and counted when it is started", func(request replayRequest) (replayAnswer, error) {
		answer, err := r.run(ctx, request)
		return answer, alone(log, err)
	})
}

func (s *Settings) journalOptions() journal.Options {
	return journal.Options{
		Dir: filepath.Join(s.DataDir, "journal"), SegmentBytes: int64(s.Journal.SegmentBytes),
		MaxBytes: int64(s.Journal.MaxBytes), MaxRecordBytes: s.largestBody() + maxHead,
		Retention: time.Duration(s.Journal.Retention),
		Reserve:   int64(s.Disk.Reserve), StoreBeside: s.ClickHouseURL == "",
	}
}

// replayStep is how many deliveries one call takes: what the bar moves by.
const replayStep = 1000

// replayAll counts, then calls once until all is done.
func (a *app) replayAll(ctx context.Context, request replayRequest, done string, once func(replayRequest) (replayAnswer, error)) error {
	count := request
	count.DryRun = true
	counted, err := patiently(ctx, a.stderr, count, once)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "%d deliveries match\n", counted.Matched)
	if counted.Expired > 0 {
		fmt.Fprintf(a.stdout, "the raw bytes of %d have expired (deliveries.raw_retention): they cannot be replayed and stay as they are\n", counted.Expired)
	}
	if request.DryRun {
		return nil
	}
	bar := a.progress(int64(counted.Matched), progressbar.OptionShowCount(), progressbar.OptionSetDescription("replaying"))
	total := replayAnswer{}
	for request.Limit = replayStep; ; {
		answer, err := patiently(ctx, a.stderr, request, once)
		if err != nil {
			_ = bar.Exit()
			return fmt.Errorf("%w\n%d deliveries were replayed before; ask again, nothing is counted twice", err, total.Queued)
		}
		total.Queued += answer.Queued
		total.Unconfigured += answer.Unconfigured
		total.Unknown = append(total.Unknown, answer.Unknown...)
		for _, id := range answer.ExpiredIDs {
			total.expired(id)
		}
		_ = bar.Add(answer.Queued + answer.Expired + answer.Unconfigured)
		if request.After = answer.Next; answer.Next == "" {
			break
		}
	}
	_ = bar.Finish()
	return a.printReplay(total, done)
}

func (a *app) printReplay(total replayAnswer, done string) error {
	for _, id := range total.ExpiredIDs {
		fmt.Fprintf(a.stdout, "%s: its raw bytes have expired\n", id)
	}
	if total.Unconfigured > 0 {
		fmt.Fprintf(a.stdout, "%d are of sources that are not configured any more: they stay as they are\n", total.Unconfigured)
	}
	if total.Queued > 0 {
		fmt.Fprintf(a.stdout, "%d are replayed; %s\n", total.Queued, done)
	}
	if len(total.Unknown) > 0 {
		return fmt.Errorf("no delivery with these ids matches: %s", strings.Join(total.Unknown, ", "))
	}
	return nil
}

// patiently waits and tries again where that is asked for.
func patiently[Q, A any](ctx context.Context, told io.Writer, request Q, once func(Q) (A, error)) (A, error) {
	for first := true; ; first = false {
		answer, err := once(request)
		var busy *busyError
		if !errors.As(err, &busy) {
			return answer, err
		}
		if first {
			fmt.Fprintf(told, "waiting: %s\n", busy.reason)
		}
		select {
		case <-time.After(busy.after):
		case <-ctx.Done():
			return answer, ctx.Err()
		}
	}
}
