package metric

import "github.com/prometheus/client_golang/prometheus"

// DiskStat is the state of the file system of the data directory, in bytes.
type DiskStat struct{ Free, Reserve, Headroom int64 }

var (
	diskFree     = description("leadgate_disk_free_bytes", "Free bytes of the file system of the journal, 0 if unknown.")
	diskReserve  = description("leadgate_disk_reserve_bytes", "Bytes of it that new deliveries leave free for the drain.")
	diskHeadroom = description("leadgate_disk_headroom_bytes",
		"Bytes that new deliveries may still take, besides committed segments that give way; negative below the reserve.")
)

// WatchDisk asks stat once at each scrape. Call it once per Set.
func (s *Set) WatchDisk(stat func() DiskStat) {
	if s != nil {
		s.registry.MustRegister(diskCollector{stat})
	}
}

type diskCollector struct{ stat func() DiskStat }

// Describe implements prometheus.Collector.
func (diskCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{diskFree, diskReserve, diskHeadroom} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c diskCollector) Collect(out chan<- prometheus.Metric) {
	stat := c.stat()
	for d, value := range map[*prometheus.Desc]int64{diskFree: stat.Free, diskReserve: stat.Reserve, diskHeadroom: stat.Headroom} {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(value))
	}
}
