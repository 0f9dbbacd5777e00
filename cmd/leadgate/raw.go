package main

import (
	"context"
	"time"

	"github.com/leadgate/leadgate/analytics/clickhouse"
)

// How often raw deliveries are held against deliveries.raw_max_bytes, and how soon
// again where the store could not be asked.
const (
	trimRawEvery = time.Hour
	trimRawAgain = time.Minute
)

// trimRawForever keeps raw deliveries within deliveries.raw_max_bytes until ctx
// ends.
func (g *gateway) trimRawForever(ctx context.Context) {
	if g.settings.Deliveries.RawMaxBytes <= 0 {
		return
	}
	for wait := time.Duration(0); ; {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
		wait = trimRawEvery
		if conn, err := g.store.conn(); err != nil || !g.trimRaw(ctx, conn) {
			wait = trimRawAgain
		}
	}
}

// rawBudget keeps what was received yesterday and today (UTC): the journal is
// compared with the last day.
func (s *Settings) rawBudget(now time.Time) clickhouse.RawBudget {
	return clickhouse.RawBudget{
		MaxBytes: int64(s.Deliveries.RawMaxBytes), Cluster: s.ClickHouse.Cluster,
		Keep: now.UTC().Truncate(day).Add(-day),
	}
}

// trimRaw reports whether the store could be asked.
func (g *gateway) trimRaw(ctx context.Context, conn *clickhouse.Conn) bool {
	limited, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	trim, err := conn.TrimRaw(limited, g.settings.rawBudget(g.hooks.now()))
	log := g.log.With("bytes", trim.Bytes, "raw_max_bytes", int64(g.settings.Deliveries.RawMaxBytes))
	switch {
	case ctx.Err() != nil:
	case err != nil:
		log.Warn("raw deliveries could not be held to their budget; it is tried again", "err", err)
		return false
	case trim.Stuck:
		log.Warn("raw deliveries take more than deliveries.raw_max_bytes, all of it since yesterday: nothing is deleted")
	case trim.Busy:
		log.Info("raw deliveries take more than deliveries.raw_max_bytes; an earlier deletion is still under way")
	case !trim.Before.IsZero():
		log.Warn("raw deliveries took more than deliveries.raw_max_bytes: those of the oldest days are deleted and cannot be replayed any more",
			"before", trim.Before.Format(time.DateOnly))
	}
	return true
}
