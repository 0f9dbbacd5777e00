package metric

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/leadgate/leadgate/ingest"
)

// makeReplay makes what tells of replays and of comparing the journal with the
// store.
func (s *Set) makeReplay() {
	s.replays = counters("leadgate_replays_total", "Replayed deliveries by what became of them; they count in no other metric.", "verdict")
	s.difference = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "leadgate_reconcile_difference",
		Help: "What was missing or too much at the last comparison of the journal, the deliveries and the events."}, []string{"kind"})
	s.reconciled = prometheus.NewGauge(prometheus.GaugeOpts{Name: "leadgate_reconcile_last_success_timestamp_seconds",
		Help: "When the last comparison came to an end, whatever it found; 0 if none has."})
}

// Replayed counts a replayed delivery by its verdict.
func (s *Set) Replayed(verdict ingest.Verdict) {
	if s != nil {
		s.replays.WithLabelValues(string(verdict)).Inc()
	}
}

// Reconciled tells the differences that a comparison found, by kind, and when
// it ended.
func (s *Set) Reconciled(differences map[string]int, at time.Time) {
	if s == nil {
		return
	}
	for kind, n := range differences {
		s.difference.WithLabelValues(kind).Set(float64(n))
	}
	s.reconciled.Set(float64(at.UnixMilli()) / 1000)
}

// WatchDecoders asks, at each scrape, how many decoders of an intake path hang
// and how many were given up since the start. Call it once per path.
func (s *Set) WatchDecoders(path string, stuck func() (now int, total uint64)) {
	if s == nil {
		return
	}
	labels := prometheus.Labels{"path": path}
	s.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "leadgate_decoders_stuck", ConstLabels: labels,
			Help: "Decoders that hang and were given up; each may use a processor until a restart."},
			func() float64 { now, _ := stuck(); return float64(now) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "leadgate_decoders_given_up_total", ConstLabels: labels,
			Help: "Decoders that were given up because they did not end in time."},
			func() float64 { _, total := stuck(); return float64(total) }),
	)
}
