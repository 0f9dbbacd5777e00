package metric

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// PendingStat is what waits to be fetched, of one source.
type PendingStat struct {
	Tasks int
	// Oldest is when the oldest of them was announced, zero if there is none.
	Oldest time.Time
	// TokenRefused tells that the platform refuses the source's token.
	TokenRefused bool
	// TokenExpires is when the token ends, zero if that is not known.
	TokenExpires time.Time
}

func (s *Set) makeFetch() {
	s.fetches = counters("leadgate_fetch_attempts_total",
		"Attempts to fetch what was announced, by what they came to: fetched, given_up, or the problem.", "source", "outcome")
}

// FetchAttempt counts an attempt to fetch by its outcome, one of a fixed set.
func (s *Set) FetchAttempt(source, outcome string) {
	if s != nil {
		s.fetches.WithLabelValues(s.source(source), outcome).Inc()
	}
}

// WatchPending asks stat for what waits, by source, once at each scrape, and now
// for the time that ages are counted to. Call it once per Set.
func (s *Set) WatchPending(stat func() map[string]PendingStat, now func() time.Time) {
	if s != nil {
		s.registry.MustRegister(&pendingCollector{set: s, stat: stat, now: now})
	}
}

var (
	fetchPending = perSource("leadgate_fetch_pending", "Things that wait to be fetched from their platform.")
	fetchOldest  = perSource("leadgate_fetch_oldest_age_seconds", "Age of the oldest thing that waits to be fetched, 0 if there is none.")
	fetchRefused = perSource("leadgate_fetch_token_refused", "1 while the platform refuses the token of the source, else 0.")
	fetchExpires = perSource("leadgate_fetch_token_expires_timestamp_seconds", "When the token of the source ends, where that is known.")
)

func perSource(name, help string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, []string{"source"}, nil)
}

type pendingCollector struct {
	set  *Set
	stat func() map[string]PendingStat
	now  func() time.Time
}

// Describe implements prometheus.Collector.
func (c *pendingCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{fetchPending, fetchOldest, fetchRefused, fetchExpires} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *pendingCollector) Collect(out chan<- prometheus.Metric) {
	var others PendingStat
	for source, stat := range c.stat() {
		if c.set.source(source) != unknown {
			c.collect(out, source, stat)
			continue
		}
		others.Tasks += stat.Tasks
		if others.Oldest.IsZero() || !stat.Oldest.IsZero() && stat.Oldest.Before(others.Oldest) {
			others.Oldest = stat.Oldest
		}
	}
	if others.Tasks > 0 {
		c.collect(out, unknown, others)
	}
}

func (c *pendingCollector) collect(out chan<- prometheus.Metric, source string, stat PendingStat) {
	gauge := func(d *prometheus.Desc, value float64) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, source)
	}
	gauge(fetchPending, float64(stat.Tasks))
	age, refused := 0.0, 0.0
	if !stat.Oldest.IsZero() {
		age = max(0, c.now().Sub(stat.Oldest).Seconds())
	}
	if stat.TokenRefused {
		refused = 1
	}
	gauge(fetchOldest, age)
	gauge(fetchRefused, refused)
	if !stat.TokenExpires.IsZero() {
		gauge(fetchExpires, float64(stat.TokenExpires.Unix()))
	}
}
