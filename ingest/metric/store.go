package metric

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// StoreStat is the state of what comes behind the journal at one moment.
type StoreStat struct {
	// Usable reports whether the store answers and its tables are usable.
	Usable bool
	// EngineRestarts counts how often the embedded engine died.
	EngineRestarts int
	// SchemaDrift is how many tables, columns and views are missing.
	SchemaDrift int
	// BrokenTables is how many tables have damaged parts, whose rows are missing.
	BrokenTables int
	// RedisMayEvict reports whether Redis drops keys when it is full.
	RedisMayEvict bool
	// HeldUp is since when the drain fails, zero while it does not.
	HeldUp time.Time
}

// WatchStore asks stat for the state once at each scrape, and now for the time
// that ages are counted to. Call it once per Set.
func (s *Set) WatchStore(stat func() StoreStat, now func() time.Time) {
	if s != nil {
		s.registry.MustRegister(&storeCollector{stat, now})
	}
}

var (
	storeUsable = description("leadgate_store_usable",
		"1 while ClickHouse answers and its tables are usable, else 0: deliveries are accepted and wait.")
	storeRestarts = description("leadgate_engine_restarts_total", "Times that the embedded ClickHouse died and was started again.")
	storeDrift    = description("leadgate_schema_drift", "Tables, columns and views that are missing in the store.")
	storeBroken   = description("leadgate_store_broken_tables", "Tables of which ClickHouse set damaged parts aside: rows are missing.")
	storeEvicts   = description("leadgate_redis_may_evict", "1 if Redis drops keys when its memory is full, else 0.")
	storeHeldUp   = description("leadgate_drain_held_up_seconds", "For how long a stage of the drain has failed, 0 if none does.")
)

type storeCollector struct {
	stat func() StoreStat
	now  func() time.Time
}

// Describe implements prometheus.Collector.
func (c *storeCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{storeUsable, storeRestarts, storeDrift, storeBroken, storeEvicts, storeHeldUp} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *storeCollector) Collect(out chan<- prometheus.Metric) {
	stat, heldUp := c.stat(), 0.0
	if !stat.HeldUp.IsZero() {
		heldUp = max(0, c.now().Sub(stat.HeldUp).Seconds())
	}
	flag := func(is bool) float64 {
		if is {
			return 1
		}
		return 0
	}
	out <- prometheus.MustNewConstMetric(storeRestarts, prometheus.CounterValue, float64(stat.EngineRestarts))
	for d, value := range map[*prometheus.Desc]float64{
		storeUsable: flag(stat.Usable), storeDrift: float64(stat.SchemaDrift),
		storeBroken: float64(stat.BrokenTables), storeEvicts: flag(stat.RedisMayEvict), storeHeldUp: heldUp,
	} {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value)
	}
}
