package metric

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// JournalStat is the state of the journal at one moment.
type JournalStat struct {
	Bytes, MaxBytes int64
	// Reclaimable is how many of Bytes give way to new records.
	Reclaimable int64
	// NearlyFull tells that the gateway is not ready for want of room.
	NearlyFull bool
	Segments   int
	// Uncommitted is how many bytes the drain has yet to commit.
	Uncommitted int64
	// OldestUncommitted is when the first of those records was written;
	// zero if there is none.
	OldestUncommitted time.Time
}

// WatchJournal asks stat for the journal's state once at each scrape, and now
// for the time that ages are counted to. Call it once per Set.
func (s *Set) WatchJournal(stat func() JournalStat, now func() time.Time) {
	if s != nil {
		s.registry.MustRegister(&journalCollector{stat, now})
	}
}

var (
	journalBytes       = description("leadgate_journal_bytes", "Bytes of all journal segments.")
	journalMaxBytes    = description("leadgate_journal_max_bytes", "Bytes at which the journal refuses new deliveries.")
	journalReclaimable = description("leadgate_journal_reclaimable_bytes",
		"Bytes of committed segments that are kept for now and give way to new deliveries.")
	journalNearlyFull = description("leadgate_journal_nearly_full",
		"1 while /readyz tells that the byte budget is nearly spent, else 0.")
	journalSegments = description("leadgate_journal_segments", "Journal segment files.")
	journalOldest   = description("leadgate_journal_oldest_uncommitted_age_seconds",
		"Age of the oldest record that is not committed, 0 if there is none.")
	lagBytes   = description("leadgate_drain_lag_bytes", "Bytes of journal records that are not committed.")
	lagSeconds = description("leadgate_drain_lag_seconds",
		"How far the drain is behind: the age of the oldest record that is not committed.")
)

func description(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, nil, nil) }

type journalCollector struct {
	stat func() JournalStat
	now  func() time.Time
}

// Describe implements prometheus.Collector.
func (c *journalCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{journalBytes, journalMaxBytes, journalReclaimable, journalNearlyFull, journalSegments, journalOldest, lagBytes, lagSeconds} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *journalCollector) Collect(out chan<- prometheus.Metric) {
	stat, age, nearlyFull := c.stat(), 0.0, 0.0
	if stat.NearlyFull {
		nearlyFull = 1
	}
	if !stat.OldestUncommitted.IsZero() {
		age = max(0, c.now().Sub(stat.OldestUncommitted).Seconds())
	}
	for d, value := range map[*prometheus.Desc]float64{
		journalBytes: float64(stat.Bytes), journalMaxBytes: float64(stat.MaxBytes),
		journalReclaimable: float64(stat.Reclaimable), journalNearlyFull: nearlyFull,
		journalSegments: float64(stat.Segments), journalOldest: age,
		lagBytes: float64(stat.Uncommitted), lagSeconds: age,
	} {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value)
	}
}
