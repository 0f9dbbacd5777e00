package metric

import (
	"net/http"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// unknown is the label for a source that is not configured.
const unknown = "unknown"

// Options say what a Set counts.
type Options struct {
	// Sources are the configured names; any other source counts as "unknown".
	Sources []string
	// Version and Revision describe the build.
	Version, Revision string
}

// Set is all collectors of one process, in a registry of its own. Its methods
// are safe for concurrent use, and on a nil Set do nothing.
type Set struct {
	registry *prometheus.Registry
	sources  map[string]bool

	answers      *prometheus.CounterVec
	accepted     map[string]prometheus.Counter // those of answers, by source: most answers by far
	limited      *prometheus.CounterVec
	panics       prometheus.Counter
	append       prometheus.Histogram
	appendErrors prometheus.Counter
	forwarded    prometheus.Counter

	deliveries *prometheus.CounterVec
	leads      *prometheus.CounterVec
	rows       *prometheus.CounterVec
	batch      prometheus.Histogram
	delay      prometheus.Histogram
	errors     *prometheus.CounterVec
	retries    *prometheus.CounterVec

	fetches    *prometheus.CounterVec
	replays    *prometheus.CounterVec
	difference *prometheus.GaugeVec
	reconciled prometheus.Gauge
}

// Seconds from a tenth of a millisecond, what a fsync takes, to ten seconds.
var latencyBuckets = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// New returns a Set with its own registry, Go's and the process's collectors
// included.
func New(o Options) *Set {
	s := &Set{registry: prometheus.NewRegistry(), sources: make(map[string]bool, len(o.Sources))}
	for _, name := range o.Sources {
		s.sources[name] = true
	}
	s.makeEdge()
	s.makeForwarded()
	s.makeDrain()
	s.makeReplay()
	s.makeFetch()
	build := gauge("leadgate_build_info", "Always 1; the labels say which build this is.",
		prometheus.Labels{"version": o.Version, "revision": o.Revision, "goversion": runtime.Version()})
	build.Set(1)
	s.registry.MustRegister(build, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		s.answers, s.limited, s.panics, s.append, s.appendErrors, s.forwarded,
		s.deliveries, s.leads, s.rows, s.batch, s.delay, s.errors, s.retries,
		s.fetches, s.replays, s.difference, s.reconciled)
	return s
}

func (s *Set) makeEdge() {
	s.answers = counters("leadgate_edge_deliveries_total",
		"Requests to a source's door, by what they were answered: accepted, or the code of the error.", "source", "code")
	s.limited = counters("leadgate_limit_refusals_total", "Requests and connections refused by a limit.", "source", "limit")
	s.panics = counter("leadgate_edge_panics_total", "Requests whose handler panicked and got a 500.")
	s.append = histogram("leadgate_journal_append_seconds", "Time until the journal had a delivery on disk.")
	s.appendErrors = counter("leadgate_journal_append_errors_total", "Deliveries that the journal could not keep.")
	s.accepted = make(map[string]prometheus.Counter, len(s.sources))
	for name := range s.sources {
		s.accepted[name] = s.answers.WithLabelValues(name, "accepted")
	}
}

func (s *Set) makeDrain() {
	s.deliveries = counters("leadgate_deliveries_total", "Kept deliveries by what became of them.", "source", "verdict")
	s.leads = counters("leadgate_leads_total", "Leads written, by how they count.", "source", "verdict")
	s.rows = counters("leadgate_rows_total", "Rows written to the store.", "table")
	s.batch = histogram("leadgate_drain_batch_seconds", "Time to decode, claim, write and commit one batch.")
	s.delay = histogram("leadgate_drain_delay_seconds", "Time from the receipt of a delivery until it is in the store.")
	s.errors = counters("leadgate_drain_errors_total", "Failed attempts of a stage of the drain.", "stage")
	s.retries = counters("leadgate_drain_retries_total", "Repeated attempts of a stage of the drain.", "stage")
	for _, stage := range []Stage{Dedupe, Sink, Journal} {
		s.errors.WithLabelValues(string(stage))
		s.retries.WithLabelValues(string(stage))
	}
}

// Handler serves the Set in the Prometheus exposition formats. A nil Set
// answers 404.
func (s *Set) Handler() http.Handler {
	if s == nil {
		return http.NotFoundHandler()
	}
	return promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{Registry: s.registry})
}

// Register adds collectors of another room. It panics on a name that is taken:
// that is our own mistake.
func (s *Set) Register(more ...prometheus.Collector) {
	if s != nil {
		s.registry.MustRegister(more...)
	}
}

func (s *Set) source(name string) string {
	if s.sources[name] {
		return name
	}
	return unknown
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func gauge(name, help string, labels prometheus.Labels) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels})
}

func histogram(name, help string) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: latencyBuckets})
}
