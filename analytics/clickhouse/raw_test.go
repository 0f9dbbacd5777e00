package clickhouse_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/leadgate/leadgate/analytics/clickhouse"
	"github.com/leadgate/leadgate/analytics/clickhouse/clickhousetest"
	"github.com/leadgate/leadgate/ingest"
)

// The oldest days go, whole months at once, as far as the budget asks; what is to
// be kept stays, whatever it takes; and replays find those that went expired.
func TestIntegrationTrimRaw(t *testing.T) {
	t.Parallel()
	conn := clickhousetest.Open(t)
	sink := clickhouse.NewSink(conn, clickhouse.SinkOptions{})
	first := time.Date(2026, 1, 25, 12, 0, 0, 0, time.UTC)
	var ids []string
	for n := range 20 { // to February 13
		d := delivery(fmt.Sprintf("D%08d", n), first.AddDate(0, 0, n))
		d.Body = []byte(noise(n, 20_000))
		ids = append(ids, d.ID)
		if err := sink.Write(t.Context(), ingest.Batch{ID: d.ID, Outcomes: []ingest.Outcome{{Delivery: d, Verdict: ingest.Accepted}}}); err != nil {
			t.Fatal(err)
		}
	}
	clickhousetest.Merge(t, conn, "raw_log")
	keep := first.AddDate(0, 0, 18).Truncate(24 * time.Hour)
	trim := func(share float64) clickhouse.RawTrim {
		t.Helper()
		now, err := conn.TrimRaw(t.Context(), clickhouse.RawBudget{MaxBytes: 1 << 40, Keep: keep})
		if err != nil {
			t.Fatal(err)
		}
		got, err := conn.TrimRaw(t.Context(), clickhouse.RawBudget{MaxBytes: int64(share * float64(now.Bytes)), Keep: keep})
		if err != nil || got.Bytes != now.Bytes || now.Bytes == 0 || !now.Before.IsZero() {
			t.Fatalf("%+v, %+v, %v", now, got, err)
		}
		return got
	}
	left := func(want string) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); ; {
			busy, err := conn.TrimRaw(t.Context(), clickhouse.RawBudget{MaxBytes: 1, Keep: time.Time{}})
			if err != nil || time.Now().After(deadline) {
				t.Fatal(busy, err)
			}
			if !busy.Busy {
				break
			}
		}
		wantRows(t, conn, want)
	}
	if got := trim(1); got != (clickhouse.RawTrim{Bytes: got.Bytes}) {
		t.Errorf("within the budget: %+v", got)
	}
	left("20|2026-01-25")
	if got := trim(0.8); got.Before.Format(time.DateOnly) != "2026-01-31" || got.Stuck || got.Busy { // 28 % are six days
		t.Errorf("a fifth too much: %+v", got)
	}
	left("14|2026-01-31")
	if got := trim(0.7); got.Before.Format(time.DateOnly) != "2026-02-06" { // 37 % of 14 are a day of January and five more
		t.Errorf("a third too much: %+v", got)
	}
	left("8|2026-02-06")
	if got := trim(0.01); got.Before != keep {
		t.Errorf("all too much: %+v, want only before %v", got, keep)
	}
	left("2|2026-02-12")
	if got := trim(0.01); !got.Stuck || !got.Before.IsZero() {
		t.Errorf("nothing may go: %+v", got)
	}
	left("2|2026-02-12")
	matched, kept, err := conn.CountReplayable(t.Context(), clickhouse.ReplayFilter{IDs: ids})
	if err != nil || matched != 20 || kept != 2 {
		t.Errorf("%d of %d can be replayed, %v; want 2 of 20", kept, matched, err)
	}
}

func wantRows(t *testing.T, conn *clickhouse.Conn, rows string) {
	t.Helper()
	want(t, conn, "SELECT count(), toDate(min(received_at)) FROM raw_log", rows)
}

// noise is text that does not compress well, another for each seed.
func noise(seed, n int) string {
	var b strings.Builder
	x := uint64(seed)*2654435761 + 88172645463325252
	for b.Len() < n {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		fmt.Fprintf(&b, "%016x", x)
	}
	return b.String()[:n]
}
