package metric_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/leadgate/leadgate/ingest/metric"
)

func TestWatchDisk(t *testing.T) {
	t.Parallel()
	set := metric.New(metric.Options{})
	set.WatchDisk(func() metric.DiskStat { return metric.DiskStat{Free: 5, Reserve: 7, Headroom: -2} })
	page := httptest.NewRecorder()
	set.Handler().ServeHTTP(page, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range []string{"leadgate_disk_free_bytes 5", "leadgate_disk_reserve_bytes 7", "leadgate_disk_headroom_bytes -2"} {
		if !strings.Contains(page.Body.String(), "\n"+line+"\n") {
			t.Errorf("%q is missing", line)
		}
	}
	var none *metric.Set
	none.WatchDisk(nil)
}
