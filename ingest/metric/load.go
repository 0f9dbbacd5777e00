package metric

import "github.com/prometheus/client_golang/prometheus"

// WatchLoad adds what the edge has in hand: its open connections, and the memory
// that is reserved for request bodies, in bytes. Both must return at once.
func (s *Set) WatchLoad(connections, bodyMemory func() float64) {
	if s == nil {
		return
	}
	s.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "leadgate_edge_connections", Help: "Open connections to listen.",
		}, connections),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "leadgate_edge_body_memory_bytes", Help: "Memory that is reserved for request bodies, of http.body_memory.",
		}, bodyMemory),
	)
}
