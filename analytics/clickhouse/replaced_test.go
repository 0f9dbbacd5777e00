package clickhouse_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/leadgate/leadgate/analytics/clickhouse"
	"github.com/leadgate/leadgate/analytics/clickhouse/clickhousetest"
	"github.com/leadgate/leadgate/ingest"
)

// replayed makes a batch in which the deliveries of the events are replays.
func replayed(id string, n uint32, events ...ingest.Event) ingest.Batch {
	b := batch(id, events...)
	for i, e := range events {
		b.Outcomes[i].Delivery.Replay, b.Outcomes[i].EventIDs = n, []string{e.ID}
	}
	return b
}

// Replay rests on this: of rows with one key and one version the later insert
// stands, before and after the parts are merged, in either direction.
func TestIntegrationReplaced_EqualVersionLaterInsertStands(t *testing.T) {
	t.Parallel()
	conn := clickhousetest.Open(t)
	state := func(name string) ingest.Event {
		e := lead(1, noon)
		e.Lead.FormName, e.Lead.Person.Name = name, name
		return e
	}
	look := func(name string) {
		t.Helper()
		want(t, conn, "SELECT (SELECT groupArray(form_name) FROM leads), (SELECT groupArray(name) FROM submissions)", "['"+name+"']|['"+name+"']")
	}
	for i, name := range []string{"m", "z", "a", "m"} { // neither the larger nor the smaller
		write(t, conn, replayed("b"+string(rune('0'+i)), uint32(i), state(name)))
		look(name)
		if i > 0 {
			clickhousetest.Merge(t, conn, "leads_log", "contacts_log")
			look(name)
		}
	}
	want(t, conn, "SELECT count(), any(raw) != '' FROM raw_log FINAL", "1|1")
}

func TestIntegrationReplaced_LatestReplaysVerdictStands(t *testing.T) {
	t.Parallel()
	conn := clickhousetest.Open(t)
	sink := clickhouse.NewSink(conn, clickhouse.SinkOptions{})
	verdicts := []ingest.Verdict{ingest.Quarantined, ingest.Accepted, ingest.Quarantined, ingest.IgnoredOne, ingest.Accepted}
	for i, v := range verdicts {
		d := delivery("D1", noon)
		d.Replay = uint32(i)
		if err := sink.Write(t.Context(), ingest.Batch{ID: "v" + string(rune('0'+i)), Outcomes: []ingest.Outcome{{Delivery: d, Verdict: v}}}); err != nil {
			t.Fatal(err)
		}
		want(t, conn, "SELECT verdict FROM deliveries", string(v))
	}
	first := delivery("D1", noon) // the first reading, once more
	if err := sink.Write(t.Context(), ingest.Batch{ID: "late", Outcomes: []ingest.Outcome{{Delivery: first, Verdict: ingest.Quarantined}}}); err != nil {
		t.Fatal(err)
	}
	clickhousetest.Merge(t, conn, "deliveries_log")
	want(t, conn, "SELECT verdict FROM deliveries", "accepted")
}

// A batch that was written in part is written again: rows that are gone stay
// gone, and rows of other deliveries are not touched.
func TestIntegrationReplaced_AgainAfterACrash(t *testing.T) {
	t.Parallel()
	conn := clickhousetest.Open(t)
	one, two, three := lead(1, noon), lead(2, noon), lead(3, noon)
	three.DeliveryID = two.DeliveryID // one delivery, two leads
	b := batch("b1", one, two)
	b.Events = append(b.Events, three)
	write(t, conn, b)
	touch := ingest.Event{
		ID: "t", Kind: ingest.TouchKind, Key: "t", Version: 1, Workspace: "default", Source: "landing", DeliveryID: one.DeliveryID,
		ReceivedAt: noon, OccurredAt: noon, Touch: &ingest.Touch{VisitorID: "v"},
	}
	write(t, conn, ingest.Batch{ID: "b2", Events: []ingest.Event{touch}})
	other := lead(4, noon)
	other.DeliveryID = one.DeliveryID
	again := replayed("b3", 1, other)
	// It is cut off after each of its inserts in turn.
	for cut := 1; cut < 8; cut++ {
		ctx, cancel := context.WithCancel(t.Context())
		left := cut
		sink := clickhouse.NewSink(conn, clickhouse.SinkOptions{Inserted: func(string, int, time.Duration) {
			if left--; left == 0 {
				cancel()
			}
		}})
		_ = sink.Write(ctx, again) // cut off or not
		cancel()
	}
	write(t, conn, again)
	for _, merged := range []bool{false, true} {
		if merged {
			clickhousetest.Merge(t, conn, "leads_log", "contacts_log", "touches_log")
		}
		want(t, conn, "SELECT contact_id FROM leads ORDER BY contact_id", "c2\nc3\nc4")
		want(t, conn, "SELECT contact_id FROM submissions ORDER BY contact_id", "c2\nc3\nc4")
		want(t, conn, "SELECT count() FROM touches", "0")
	}
	var meant []string
	verdicts, err := conn.Meant(t.Context(), []*ingest.Delivery{delivery(two.DeliveryID, noon)}, func(k ingest.Known) error {
		meant = append(meant, k.EventID)
		return nil
	})
	slices.Sort(meant)
	ids := []string{two.ID, three.ID}
	slices.Sort(ids)
	if err != nil || verdicts[two.DeliveryID] != ingest.Accepted || !slices.Equal(meant, ids) {
		t.Errorf("meant %v, %v, %v; want %v", meant, verdicts, err, ids)
	}
}
