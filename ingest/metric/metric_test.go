package metric_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/metric"
)

func scrape(t *testing.T, s *metric.Set) string {
	t.Helper()
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	text, err := io.ReadAll(w.Result().Body)
	if err != nil || w.Code != 200 {
		t.Fatalf("scrape: status %d, %v", w.Code, err)
	}
	return string(text)
}

func wantLines(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("no line %q in the scrape", line)
		}
	}
}

type journal struct{ err error }

func (j *journal) Append(context.Context, []byte) error { return j.err }

func feed(s *metric.Set) {
	s.Answered("landing", "accepted")
	s.Answered("landing", "unverified")
	s.Answered("no-such-thing", "unknown_source")
	s.Limited("landing", "address")
	s.Panicked()
	s.Settled("landing", ingest.Accepted, 30*time.Millisecond)
	s.Settled("gone", ingest.Quarantined, time.Second)
	s.Leads("landing", ingest.UniqueLead, 1)
	s.Rows("leads_log", 7)
	s.Batch(3 * time.Millisecond)
	s.Failed(metric.Sink)
	s.Retried(metric.Sink)
	s.Register(prometheus.NewGauge(prometheus.GaugeOpts{Name: "leadgate_more", Help: "More."}))
}

func TestSet_Feed(t *testing.T) {
	t.Parallel()
	s := metric.New(metric.Options{Sources: []string{"landing"}, Version: "1.2.3", Revision: "abc"})
	feed(s)
	j := &journal{}
	if err := s.Appender(j).Append(t.Context(), nil); err != nil {
		t.Error(err)
	}
	j.err = errors.New("disk on fire")
	if err := s.Appender(j).Append(t.Context(), nil); !errors.Is(err, j.err) {
		t.Errorf("the journal's error is lost: %v", err)
	}
	text := scrape(t, s)
	wantLines(t, text,
		`leadgate_edge_deliveries_total{code="accepted",source="landing"} 1`,
		`leadgate_edge_deliveries_total{code="unverified",source="landing"} 1`,
		`leadgate_edge_deliveries_total{code="unknown_source",source="unknown"} 1`,
		`leadgate_limit_refusals_total{limit="address",source="landing"} 1`,
		`leadgate_edge_panics_total 1`,
		`leadgate_deliveries_total{source="landing",verdict="accepted"} 1`,
		`leadgate_deliveries_total{source="unknown",verdict="quarantined"} 1`,
		`leadgate_drain_delay_seconds_bucket{le="0.05"} 1`,
		`leadgate_leads_total{source="landing",verdict="unique"} 1`,
		`leadgate_rows_total{table="leads_log"} 7`,
		`leadgate_drain_batch_seconds_count 1`,
		`leadgate_drain_errors_total{stage="sink"} 1`,
		`leadgate_drain_retries_total{stage="sink"} 1`,
		`leadgate_drain_retries_total{stage="dedupe"} 0`,
		`leadgate_journal_append_seconds_count 1`,
		`leadgate_journal_append_errors_total 1`,
		`leadgate_more 0`)
	if !strings.Contains(text, `leadgate_build_info{goversion="go`) || !strings.Contains(text, `version="1.2.3"} 1`) {
		t.Error("no build info")
	}
	if strings.Contains(text, "no-such-thing") || strings.Contains(text, "gone") {
		t.Error("a name that is not configured became a label")
	}
}

func TestSet_WatchJournal(t *testing.T) {
	t.Parallel()
	s := metric.New(metric.Options{})
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	stat, asked := metric.JournalStat{}, 0
	s.WatchJournal(func() metric.JournalStat { asked++; return stat }, func() time.Time { return now })
	wantLines(t, scrape(t, s), "leadgate_journal_oldest_uncommitted_age_seconds 0", "leadgate_drain_lag_bytes 0",
		"leadgate_journal_nearly_full 0")

	stat = metric.JournalStat{
		Bytes: 1000, MaxBytes: 5000, Reclaimable: 400, NearlyFull: true, Segments: 2,
		Uncommitted: 3, OldestUncommitted: now.Add(-90 * time.Second),
	}
	wantLines(t, scrape(t, s), "leadgate_journal_bytes 1000", "leadgate_journal_max_bytes 5000",
		"leadgate_journal_segments 2", "leadgate_journal_reclaimable_bytes 400", "leadgate_journal_nearly_full 1", "leadgate_drain_lag_bytes 3", "leadgate_drain_lag_seconds 90",
		"leadgate_journal_oldest_uncommitted_age_seconds 90")
	if asked != 2 {
		t.Errorf("two scrapes asked %d times", asked)
	}
}

func TestSet_NilDoesNothing(t *testing.T) {
	t.Parallel()
	var s *metric.Set
	feed(s)
	s.WatchJournal(nil, nil)
	s.Appended(time.Second, nil)
	j := &journal{}
	if s.Appender(j) != ingest.Appender(j) {
		t.Error("a nil set wraps the journal")
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != 404 {
		t.Errorf("a nil set serves %d", w.Code)
	}
}

func TestSet_ReplaysAndReconciliation(t *testing.T) {
	t.Parallel()
	s := metric.New(metric.Options{})
	s.Replayed(ingest.Accepted)
	s.Replayed(ingest.Accepted)
	s.Reconciled(map[string]int{"events": 3, "deliveries": 1}, time.UnixMilli(1_700_000_000_500))
	s.Reconciled(map[string]int{"events": 0, "deliveries": 1}, time.UnixMilli(1_700_000_000_500))
	s.WatchDecoders("edge", func() (int, uint64) { return 2, 5 })
	wantLines(t, scrape(t, s), `leadgate_replays_total{verdict="accepted"} 2`, `leadgate_reconcile_difference{kind="events"} 0`,
		`leadgate_reconcile_difference{kind="deliveries"} 1`, `leadgate_reconcile_last_success_timestamp_seconds 1.7000000005e+09`,
		`leadgate_decoders_stuck{path="edge"} 2`, `leadgate_decoders_given_up_total{path="edge"} 5`)
	var none *metric.Set
	none.Replayed(ingest.Accepted)
	none.Reconciled(nil, time.Time{})
	none.WatchDecoders("edge", nil)
}

func TestSet_Fetching(t *testing.T) {
	t.Parallel()
	s := metric.New(metric.Options{Sources: []string{"facebook", "direct"}})
	now := time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	s.FetchAttempt("facebook", "fetched")
	s.FetchAttempt("gone", "missing")
	s.WatchPending(func() map[string]metric.PendingStat {
		return map[string]metric.PendingStat{
			"facebook": {Tasks: 3, Oldest: now.Add(-time.Minute), TokenRefused: true, TokenExpires: now},
			"direct":   {},
			"gone":     {Tasks: 1, Oldest: now.Add(-time.Hour)},
			"gone-too": {Tasks: 2, Oldest: now.Add(-2 * time.Hour)},
		}
	}, func() time.Time { return now })
	text := scrape(t, s)
	wantLines(t, text,
		`leadgate_fetch_attempts_total{outcome="fetched",source="facebook"} 1`,
		`leadgate_fetch_attempts_total{outcome="missing",source="unknown"} 1`,
		`leadgate_fetch_pending{source="facebook"} 3`,
		`leadgate_fetch_pending{source="direct"} 0`,
		`leadgate_fetch_pending{source="unknown"} 3`,
		`leadgate_fetch_oldest_age_seconds{source="facebook"} 60`,
		`leadgate_fetch_oldest_age_seconds{source="unknown"} 7200`,
		`leadgate_fetch_token_refused{source="facebook"} 1`,
		`leadgate_fetch_token_refused{source="direct"} 0`,
		`leadgate_fetch_token_expires_timestamp_seconds{source="facebook"} 1.7676144e+09`,
	)
	if strings.Contains(text, `expires_timestamp_seconds{source="direct"}`) {
		t.Error("an end is told that is not known")
	}
	var none *metric.Set
	none.FetchAttempt("x", "y")
	none.WatchPending(nil, nil)
}
