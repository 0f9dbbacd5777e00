package metric_test

import (
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest/metric"
)

func TestSet_Store(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	stat := metric.StoreStat{}
	s := metric.New(metric.Options{})
	s.WatchStore(func() metric.StoreStat { return stat }, func() time.Time { return now })
	wantLines(t, scrape(t, s), "leadgate_store_usable 0", "leadgate_engine_restarts_total 0", "leadgate_schema_drift 0", "leadgate_store_broken_tables 0",
		"leadgate_redis_may_evict 0", "leadgate_drain_held_up_seconds 0")
	stat = metric.StoreStat{Usable: true, EngineRestarts: 3, SchemaDrift: 2, BrokenTables: 1, RedisMayEvict: true, HeldUp: now.Add(-90 * time.Second)}
	wantLines(t, scrape(t, s), "leadgate_store_usable 1", "leadgate_engine_restarts_total 3", "leadgate_schema_drift 2", "leadgate_store_broken_tables 1",
		"leadgate_redis_may_evict 1", "leadgate_drain_held_up_seconds 90")
	var none *metric.Set
	none.WatchStore(nil, nil)
}
