package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/dedupe"
	"github.com/leadgate/leadgate/ingest/drain"
	"github.com/leadgate/leadgate/ingest/edge"
	"github.com/leadgate/leadgate/ingest/journal"
	"github.com/leadgate/leadgate/ingest/metric"
	"github.com/leadgate/leadgate/ingest/pending"
)

func (a *app) serveCommand() *cobra.Command {
	return &cobra.Command{
		Use: "serve", Short: "Take deliveries in, and carry them to ClickHouse", Args: cobra.NoArgs,
		Long: `Serve runs the gateway until it is told to stop (SIGTERM, Ctrl-C). It then takes
no more deliveries, and writes what is in the journal to ClickHouse for at most
drain.stop_timeout; the rest stays on disk for the next start. A second signal
ends the wait.`,
		Example: "  leadgate serve --config config.yaml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			settings, err := a.settings()
			if err != nil {
				return err
			}
			return a.serve(cmd.Context(), settings)
		},
	}
}

// gateway is what serve runs. Its parts are opened in the order of the fields
// and closed in the opposite one.
type gateway struct {
	settings *Settings
	log      *slog.Logger
	metrics  *metric.Set
	listener net.Listener
	admin    net.Listener // nil if there is none
	journal  *journal.Log
	store    *supervisor
	watch    *redisWatch
	redis    redis.UniversalClient
	embedded *dedupe.Embedded // nil if Redis is not ours
	memory   *dedupe.Memory
	acceptor *ingest.Acceptor
	pending  *pending.Store
	fetcher  *pending.Worker
	drain    *drain.Drain
	edge     *edge.Edge
	closers  []func() error
	hooks    hooks
	control  control

	checklist checklist
}

func (a *app) serve(ctx context.Context, settings *Settings) error {
	stop, release := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer release()
	queue := newLogQueue(a.stderr, func(out io.Writer) *slog.Logger { return loggerTo(out, settings.Log) })
	defer func() { _ = queue.Close() }() // it has nothing to say
	g := &gateway{settings: settings, log: loggerTo(queue, settings.Log)}
	defer outlive(g.log)()
	for _, warning := range settings.warnings() {
		g.log.Warn("configuration", "warning", warning)
	}
	err := a.open(stop, g)
	if err == nil {
		g.log.Info("serving", "listen", g.listener.Addr().String(), "sources", len(settings.Intakes), "data_dir", settings.DataDir)
		err = g.run(ctx, stop)
	}
	return errors.Join(err, g.close())
}

// open opens all parts. What it opened before an error, close closes.
func (a *app) open(ctx context.Context, g *gateway) error {
	s := g.settings
	if err := makeDataDir(s.DataDir); err != nil {
		return err
	}
	var err error
	if g.hooks, err = newHooks(a.getenv); err != nil {
		return err
	}
	if g.listener, err = edge.Listen(ctx, s.Listen); err != nil {
		return err
	}
	g.onClose(func() error { return ignoreClosed(g.listener.Close()) })
	for _, open := range []func(context.Context) error{g.openAdmin, g.openDebug} {
		if err := open(ctx); err != nil {
			return err
		}
	}
	options := s.journalOptions()
	options.Log = g.log
	g.journal, err = journal.Open(g.hooks.journal(options))
	if err != nil {
		return fmt.Errorf("data_dir: %w", err)
	}
	g.onClose(g.journal.Close)
	if err := g.openStore(a); err != nil {
		return err
	}
	if err := g.openMemory(); err != nil {
		return err
	}
	g.metrics = metric.New(metric.Options{Sources: sourceNames(s), Version: version})
	g.acceptor = ingest.NewAcceptor(s.Intakes, g.metrics.Appender(g.journal))
	for _, open := range []func() error{g.openControl, g.openPending, g.openDrain, g.openEdge, g.serveAdmin} {
		if err := open(); err != nil {
			return err
		}
	}
	return nil
}

// maxHead bounds what a journal record holds besides the body.
const maxHead = 64 << 10

func (g *gateway) onClose(f func() error) { g.closers = append(g.closers, f) }

func (g *gateway) close() error {
	var err error
	for i := len(g.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, g.closers[i]())
	}
	return err
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func makeDataDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("data_dir: %w: give the gateway a directory that it may write", err)
	}
	probe, err := os.CreateTemp(dir, ".write-probe-")
	if err != nil {
		return fmt.Errorf("data_dir: %s is not writable: %w: give the gateway a directory that it may write", dir, err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// run serves until stop ends: first the edge ends, then the drain, to a
// deadline. A second signal, or the end of ctx, cuts the drain short.
func (g *gateway) run(ctx, stop context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	draining, endDrain := context.WithCancel(ctx)
	defer endDrain()
	var group errgroup.Group
	group.Go(func() error {
		err := g.drain.Run(draining)
		if err != nil && draining.Err() == nil {
			g.log.Error("the drain ended: deliveries are kept and not counted until a restart", "err", err)
		}
		return err
	})
	group.Go(func() error { g.store.run(draining); return nil })
	group.Go(func() error { g.watch.run(draining); return nil })
	comparing, endComparing := context.WithCancel(stop)
	group.Go(func() error { boundHeap(comparing); return nil })
	group.Go(func() error { g.watchChecks(comparing); return nil })
	group.Go(func() error { g.reconcileForever(comparing); return nil })
	group.Go(func() error { g.fetcher.Run(comparing); return nil })
	group.Go(func() error { g.expireRecordings(comparing); return nil })
	group.Go(func() error { g.trimRawForever(comparing); return nil })
	group.Go(func() error {
		defer endDrain()
		defer endComparing()
		intake, endIntake := context.WithCancel(stop)
		defer endIntake()
		if err := g.edge.RunOn(intake, g.listener); err != nil && stop.Err() == nil {
			return err
		}
		g.log.Info("stopping: no more deliveries are taken", "drain_for", time.Duration(g.settings.Drain.StopTimeout).String())
		g.finishDraining(ctx)
		return nil
	})
	return group.Wait()
}

// finishDraining waits for what is in the journal, to the deadline or a second
// signal.
func (g *gateway) finishDraining(ctx context.Context) {
	again, release := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer release()
	deadline, cancel := context.WithTimeout(again, time.Duration(g.settings.Drain.StopTimeout))
	defer cancel()
	if err := g.drain.WaitIdle(deadline); err != nil {
		g.log.Warn("not everything is in ClickHouse: the rest stays in the journal for the next start",
			"oldest", g.drain.Stat().Uncommitted)
	}
}
