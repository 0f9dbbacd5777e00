package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/metric"
	"github.com/leadgate/leadgate/ingest/pending"
)

func (s *Settings) pendingDir() string { return filepath.Join(s.DataDir, "pending") }

// soon is when a token's end is worth a word.
const soon = 7 * 24 * time.Hour

// openPending opens what is to be fetched, and what fetches it.
func (g *gateway) openPending() error {
	var err error
	if g.pending, err = pending.Open(g.hooks.pending(pending.StoreOptions{Dir: g.settings.pendingDir(), Logger: g.log})); err != nil {
		return fmt.Errorf("data_dir: %w", err)
	}
	g.onClose(g.pending.Close)
	g.fetcher, err = g.settings.newFetcher(g.pending, g.acceptor, g.log, g.hooks.now, func(source string, o pending.Outcome) {
		g.metrics.FetchAttempt(source, string(o))
	})
	if err != nil {
		return err
	}
	g.onClose(g.fetcher.Close)
	g.metrics.WatchPending(g.pendingStats, g.hooks.now)
	g.tellTokens()
	return nil
}

func (s *Settings) newFetcher(
	store *pending.Store, acceptor *ingest.Acceptor, log *slog.Logger, now func() time.Time, observe func(string, pending.Outcome),
) (*pending.Worker, error) {
	ids := ingest.NewDeliveryIDs(rand.Reader)
	return pending.NewWorker(pending.WorkerOptions{
		Store: store, Intakes: s.Intakes, Keep: acceptor.Keep, NewID: ids.New,
		KeepFile: s.keepRecording, HasFile: s.hasRecording, MaxDocument: s.largestBody(), Observe: observe, Now: now, Logger: log,
	})
}

// savePending is the drain's: what a batch's events have yet to be asked for.
func (g *gateway) savePending(ctx context.Context, events []ingest.Event) error {
	return g.fetcher.Save(ctx, events)
}

func (g *gateway) pendingStats() map[string]metric.PendingStat {
	stats := make(map[string]metric.PendingStat)
	for name, intake := range g.settings.Intakes {
		if intake.Fetcher != nil {
			plan := intake.Fetcher.FetchPlan()
			stats[name] = metric.PendingStat{TokenExpires: plan.TokenExpires}
		}
	}
	for name, stat := range g.pending.Stats() {
		known := stats[name]
		known.Tasks, known.Oldest = stat.Tasks, stat.Oldest
		known.TokenRefused = !stat.Refused.IsZero()
		if !stat.Expires.IsZero() {
			known.TokenExpires = stat.Expires
		}
		stats[name] = known
	}
	return stats
}

// tellTokens logs, at the start, what stands in the way of fetching.
func (g *gateway) tellTokens() {
	for name, intake := range g.settings.Intakes {
		if intake.Fetcher == nil {
			continue
		}
		switch plan := intake.Fetcher.FetchPlan(); {
		case plan.Lacks != "":
			g.log.Warn("nothing can be fetched from the platform: what is announced waits until there is a credential",
				"source", name, "missing", "credentials."+plan.Lacks)
		case !plan.TokenExpires.IsZero() && time.Until(plan.TokenExpires) < soon:
			g.log.Error("the token of the source ends soon, or has ended: renew it", "source", name,
				"token_expires", plan.TokenExpires.Format(time.DateOnly))
		}
	}
}
