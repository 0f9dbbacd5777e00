package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/journal"
	"github.com/leadgate/leadgate/ingest/pending"
)

const backfillHelp = `Backfill asks the platform of a source which leads it has, and takes in those that
are missing, as if they had been announced: nothing is counted twice, and it may
be repeated, also after it was interrupted. Platforms keep leads for a while only
(Meta and LinkedIn 90 days).

It goes through the running gateway of data_dir. If none runs, the leads are put
in its journal, and counted when it starts.`

func (a *app) backfillCommand() *cobra.Command {
	var since, until string
	var dry bool
	cmd := &cobra.Command{
		Use: "backfill SOURCE", Short: "Take in the leads of a platform that are missing", Long: backfillHelp, Args: cobra.ExactArgs(1),
		Example: "  leadgate backfill facebook --since 2026-01-01\n  leadgate backfill facebook --since 2026-01-01 --until 2026-01-31 --dry-run",
		RunE: func(cmd *cobra.Command, args []string) error {
			request := backfillRequest{Source: args[0], DryRun: dry}
			from, err := optionalMoment("since", since)
			if err != nil {
				return err
			}
			if from == nil {
				return usageError{errors.New("--since is needed: the day from which on to list")}
			}
			request.From = *from
			if request.To, err = optionalMoment("until", until); err != nil {
				return err
			}
			if request.To != nil && len(until) == len(time.DateOnly) {
				*request.To = request.To.AddDate(0, 0, 1) // the last day counts
			}
			return a.backfill(cmd.Context(), request)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&since, "since", "", "made at or after, as 2026-01-31 or 2026-01-31T12:00:00Z (UTC)")
	flags.StringVar(&until, "until", "", "made before, or on this last day (UTC)")
	flags.BoolVar(&dry, "dry-run", false, "only say how many there are")
	return cmd
}

// backfill asks the running gateway, or does it itself where none runs.
func (a *app) backfill(ctx context.Context, request backfillRequest) error {
	settings, err := a.settings()
	if err != nil {
		return err
	}
	if err := (&backfiller{settings: settings}).check(&request); err != nil {
		return usageError{err}
	}
	gateway, err := settings.reachGateway()
	if err == nil {
		err = a.backfillAll(ctx, request, "the running gateway counts them now", func(request backfillRequest) (answer backfillAnswer, err error) {
			err = gateway.post(ctx, "/api/v1/backfill", request, &answer)
			return answer, err
		})
	}
	if !errors.Is(err, errNoGateway) {
		return err
	}
	return a.backfillAlone(ctx, settings, request)
}

// backfillAlone takes leads in while no gateway runs.
func (a *app) backfillAlone(ctx context.Context, s *Settings, request backfillRequest) (err error) {
	log, err := journal.Open(s.journalOptions())
	if err != nil {
		return fmt.Errorf("data_dir: %w", err)
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	tasks, err := pending.Open(pending.StoreOptions{Dir: s.pendingDir()})
	if err != nil {
		return fmt.Errorf("data_dir: %w", err)
	}
	defer func() { err = errors.Join(err, tasks.Close()) }()
	st, err := a.reachStore(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	acceptor := ingest.NewAcceptor(s.Intakes, log)
	if err := rankAfter(acceptor, log); err != nil {
		return err
	}
	fetcher, err := s.newFetcher(tasks, acceptor, a.logger(s.Log), time.Now, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fetcher.Close()) }()
	b := &backfiller{settings: s, conn: st.conn, journal: log, fetcher: fetcher, decoders: acceptor.Decoders()}
	return a.backfillAll(ctx, request, "no gateway runs: they are in the journal, and counted when it is started", func(request backfillRequest) (backfillAnswer, error) {
		answer, err := b.run(ctx, request)
		return answer, alone(log, err)
	})
}

// backfillAll calls once until all is done.
func (a *app) backfillAll(ctx context.Context, request backfillRequest, done string, once func(backfillRequest) (backfillAnswer, error)) error {
	bar := a.progress(-1, progressbar.OptionShowCount(), progressbar.OptionSetDescription("listing"))
	total := backfillAnswer{}
	for {
		answer, err := patiently(ctx, a.stderr, request, once)
		if err != nil {
			_ = bar.Exit()
			if errors.Is(err, errNoGateway) && total.Listed == 0 {
				return err
			}
			return fmt.Errorf("%w\n%d leads were taken in before; ask again, nothing is counted twice", err, total.New)
		}
		total.Listed += answer.Listed
		total.Known += answer.Known
		total.New += answer.New
		_ = bar.Add(answer.Listed)
		if request.State = answer.State; len(answer.State) == 0 {
			break
		}
	}
	_ = bar.Finish()
	fmt.Fprintf(a.stdout, "%d listed, %d known, %d missing\n", total.Listed, total.Known, total.New)
	if total.New > 0 && !request.DryRun {
		fmt.Fprintf(a.stdout, "%d are taken in; %s\n", total.New, done)
	}
	return nil
}
