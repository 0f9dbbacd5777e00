package main

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/redis/go-redis/v9"

	"github.com/leadgate/leadgate/analytics/clickhouse"
	"github.com/leadgate/leadgate/analytics/report"
	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/dedupe"
	"github.com/leadgate/leadgate/ingest/drain"
	"github.com/leadgate/leadgate/ingest/edge"
	"github.com/leadgate/leadgate/ingest/identity"
	"github.com/leadgate/leadgate/ingest/journal"
	"github.com/leadgate/leadgate/ingest/metric"
	"github.com/leadgate/leadgate/sources"
)

// openMemory connects to Redis, or starts the embedded one.
func (g *gateway) openMemory() error {
	if g.settings.RedisURL == "" {
		g.embedded = dedupe.NewEmbedded(g.hooks.now)
		g.redis = g.embedded.Client()
		g.onClose(g.embedded.Close)
	} else {
		client, err := redisClient(g.settings.RedisURL)
		if err != nil {
			return err
		}
		g.redis = client
		g.onClose(client.Close)
	}
	g.memory = g.settings.memory(g.redis, g.hooks.now)
	g.watch = &redisWatch{embedded: g.embedded != nil, inspect: g.memory.Inspect, log: g.log, now: g.hooks.now}
	return nil
}

// memory returns the memory of events in a Redis, as the settings want it.
func (s *Settings) memory(client redis.UniversalClient, now func() time.Time) *dedupe.Memory {
	workspaces := make([]string, 0, len(s.Intakes))
	for _, intake := range s.Intakes {
		workspaces = append(workspaces, intake.Config.Workspace)
	}
	slices.Sort(workspaces)
	return dedupe.New(client, dedupe.Options{
		Window: time.Duration(s.Dedupe.PersonWindow), EventTTL: time.Duration(s.Dedupe.EventTTL),
		Workspaces: slices.Compact(workspaces), Identify: identity.Of, Now: now,
	})
}

func (g *gateway) openDrain() error {
	s := g.settings
	sink := &checkedSink{usable: g.store.usable, make: g.newSink}
	options := drain.Options{
		Log: g.journal, Intakes: s.Intakes, Deduper: g.memory,
		Rebuild: func(ctx context.Context) error {
			conn, err := g.store.usable(ctx)
			if err != nil {
				return err
			}
			return g.memory.Rebuild(ctx, clickhouse.NewLoader(conn))
		},
		Replays: &supersede{usable: g.store.usable, memory: g.memory},
		Sink:    sink,
		Join:    sink.join,
		Pending: g.savePending,
		Dir:     filepath.Join(s.DataDir, "drain"),
		Backlog: func() (ingest.Position, time.Time) {
			stat := g.journal.Stat()
			return stat.End, stat.OldestUncommitted
		},
		BacklogBytes:  func() int64 { return g.journal.Stat().Uncommitted },
		DecodeTimeout: time.Duration(s.Drain.DecodeTimeout),
		FlushInterval: time.Duration(s.Drain.FlushInterval), MaxRows: s.Drain.BatchRows,
		StopTimeout: -1, // run has waited by then, see finishDraining
		OnBatch:     g.countBatch,
		OnRetry: func(stage drain.Stage, err error) {
			g.metrics.Failed(metric.Stage(stage))
			g.metrics.Retried(metric.Stage(stage))
			g.store.distrust(err)
		},
		Logger: g.log,
	}
	if !g.store.streams() { // each batch for itself, and larger
		options.Join, options.BatchBytes = nil, 4<<20
	}
	var err error
	if g.drain, err = drain.New(g.hooks.drain(options)); err != nil {
		return fmt.Errorf("data_dir: %w", err)
	}
	g.metrics.WatchDecoders("drain", func() (int, uint64) { stat := g.drain.Stat(); return stat.Stuck, stat.Abandoned })
	g.metrics.WatchJournal(g.journalStat, g.hooks.now)
	g.metrics.WatchDisk(g.diskStat)
	return nil
}

func sourceNames(s *Settings) []string {
	names := make([]string, 0, len(s.Intakes))
	for name := range s.Intakes {
		names = append(names, name)
	}
	return names
}

func (g *gateway) newSink(conn *clickhouse.Conn) *clickhouse.Sink {
	workspaces := make(map[string]string, len(g.settings.Intakes))
	for name, intake := range g.settings.Intakes {
		workspaces[name] = intake.Config.Workspace
	}
	return clickhouse.NewSink(conn, clickhouse.SinkOptions{
		Workspaces: workspaces,
		Inserted: func(table string, rows int, _ time.Duration) {
			g.metrics.Rows(table, rows)
			g.hooks.inserted(table)
		},
	})
}

func (g *gateway) countBatch(batch drain.Tally, took time.Duration) {
	now := g.hooks.now()
	g.metrics.Batch(took)
	for _, d := range batch.Deliveries {
		if d.Replay {
			g.metrics.Replayed(d.Verdict)
			continue
		}
		g.metrics.Settled(d.Source, d.Verdict, now.Sub(d.ReceivedAt))
	}
	for by, n := range batch.Leads {
		g.metrics.Leads(by.Source, by.Verdict, n)
	}
}

func (g *gateway) journalStat() metric.JournalStat {
	stat := g.journal.Stat()
	return metric.JournalStat{
		Bytes: stat.Bytes, MaxBytes: stat.MaxBytes, Reclaimable: stat.Reclaimable, NearlyFull: stat.NearlyFull,
		Segments:    stat.Segments,
		Uncommitted: stat.Uncommitted, OldestUncommitted: stat.OldestUncommitted,
	}
}

// largestBody is the largest body that any source takes, in bytes.
func (s *Settings) largestBody() int64 {
	largest := int64(s.HTTP.MaxBody)
	for _, source := range s.Sources {
		largest = max(largest, s.maxBody(source))
	}
	return largest
}

// sourceConfig is the configuration of a source, by its name.
func (s *Settings) sourceConfig(name string) SourceConfig {
	i := slices.IndexFunc(s.Sources, func(c SourceConfig) bool { return c.Name == name })
	if i < 0 {
		return SourceConfig{}
	}
	return s.Sources[i]
}

// maxBody is the source's own limit, else its type's, else the door's.
func (s *Settings) maxBody(source SourceConfig) int64 {
	if source.MaxBody > 0 {
		return int64(source.MaxBody)
	}
	if t, ok := sources.Lookup(source.Type); ok && t.MaxBody > 0 {
		return t.MaxBody
	}
	return int64(s.HTTP.MaxBody)
}

func (g *gateway) openEdge() error {
	s := g.settings
	caps := make(map[string]int64, len(s.Sources))
	for _, source := range s.Sources {
		caps[source.Name] = s.maxBody(source)
	}
	limits, err := g.limits()
	if err != nil {
		return err
	}
	if err := rankAfter(g.acceptor, g.journal); err != nil {
		return err
	}
	g.acceptor.Decoders().Limit = time.Duration(s.Drain.DecodeTimeout)
	g.metrics.WatchDecoders("edge", g.acceptor.Decoders().Stuck)
	if err := g.openProtocols(g.acceptor); err != nil {
		return err
	}
	g.addOwnChecks()
	g.addDiskCheck()
	g.addForwardersCheck()
	g.addStoreChecks()
	var metrics http.Handler
	if s.MetricsPublic {
		metrics = g.metrics.Handler()
	}
	g.edge, err = edge.New(edge.Options{
		Acceptor:  g.acceptor,
		PublicURL: s.PublicURL, TrustedProxies: s.HTTP.TrustedProxies,
		MaxBody: func(source string) int64 {
			if n, ok := caps[source]; ok {
				return n
			}
			return int64(s.HTTP.MaxBody)
		},
		LargestBody: s.largestBody(), BodyMemory: s.bodyMemory(), ConnectionsPerAddress: s.HTTP.ConnectionsPerAddress,
		ReadTimeout: time.Duration(s.HTTP.ReadTimeout), WriteTimeout: time.Duration(s.HTTP.WriteTimeout),
		IdleTimeout: time.Duration(s.HTTP.IdleTimeout), RequestTimeout: time.Duration(s.HTTP.RequestTimeout),
		SourceLimits: limits.source, AddressLimits: limits.address, NetworkLimits: limits.network,
		Now:         g.hooks.now,
		Ready:       g.journal.Ready,
		MetricsPage: metrics, API: g.api(), APIKeys: s.APIKeys, ControlKey: g.control.Key,
		Metrics: g.metrics, Log: g.log,
	})
	if err != nil {
		return err
	}
	g.metrics.WatchLoad(func() float64 { return float64(g.edge.Connections()) }, func() float64 { return float64(g.edge.BodyMemory()) })
	return nil
}

// rankAfter has what comes rank behind what came, also when the clock was set
// back while nothing ran.
func rankAfter(acceptor *ingest.Acceptor, log *journal.Log) error {
	var latest uint64
	err := log.Latest(func(r ingest.Record) error {
		latest = max(latest, ingest.RankOf(r.Data))
		return nil
	})
	if err != nil {
		return fmt.Errorf("data_dir: the latest deliveries in the journal: %w", err)
	}
	acceptor.RankAfter(latest)
	return nil
}

// api serves /api/v1.
func (g *gateway) api() http.Handler {
	mux := http.NewServeMux()
	connect := func(context.Context) (driver.Conn, error) { return g.store.conn() }
	mux.Handle("GET /api/v1/reports/cpl", report.Handler(connect, g.settings.Rules, reportDefaults(g.settings), g.log))
	mux.Handle("POST /api/v1/deliveries/replay", g.store.withConn(func(conn *clickhouse.Conn) http.Handler {
		return (&replayer{settings: g.settings, conn: conn, journal: g.journal}).serve(g.log)
	}))
	mux.Handle("POST /api/v1/backfill", g.store.withConn(func(conn *clickhouse.Conn) http.Handler {
		return (&backfiller{settings: g.settings, conn: conn, journal: g.journal, fetcher: g.fetcher, decoders: g.acceptor.Decoders()}).serve(g.log)
	}))
	mux.HandleFunc("GET /api/v1/readiness", g.serveReadiness)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		writeError(w, http.StatusNotFound, "not_found",
			"there are GET /api/v1/reports/cpl, POST /api/v1/deliveries/replay and POST /api/v1/backfill")
	})
	return mux
}
