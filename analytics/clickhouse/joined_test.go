package clickhouse_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/leadgate/leadgate/analytics/clickhouse"
	"github.com/leadgate/leadgate/analytics/clickhouse/clickhousetest"
	"github.com/leadgate/leadgate/ingest"
)

// join writes batches together and fails the test on an error.
func join(t testing.TB, sink *clickhouse.Sink, batches ...ingest.Batch) {
	t.Helper()
	if err := tryJoin(t.Context(), sink, batches...); err != nil {
		t.Fatal(err)
	}
}

func tryJoin(ctx context.Context, sink *clickhouse.Sink, batches ...ingest.Batch) error {
	j, err := sink.Join(ctx, batches[0].ID)
	if err != nil {
		return err
	}
	defer j.Abort()
	for _, b := range batches {
		if err := j.Append(b); err != nil {
			return err
		}
	}
	return j.Commit()
}

// Batches that are written together become one part of a partition, whatever
// columns they need and wherever they are cut.
func TestIntegrationJoined_OnePartAPartition(t *testing.T) {
	t.Parallel()
	conn := clickhousetest.Open(t)
	var told []string
	sink := clickhouse.NewSink(conn, clickhouse.SinkOptions{Inserted: func(table string, rows int, _ time.Duration) {
		told = append(told, fmt.Sprint(table, " ", rows))
	}})
	sizes := []int{1, 700, 1300, 2400, 3}
	first := 0
	for n := range 3 {
		var batches []ingest.Batch
		for i, size := range sizes {
			batches = append(batches, batch(fmt.Sprint("b", n, i), leads(first, size)...))
			first += size
		}
		join(t, sink, batches...)
	}
	want(t, conn, `SELECT countIf(min_block_number = max_block_number), uniqExact(table, name) FROM system.parts
		WHERE database = currentDatabase() AND table LIKE '%\\_log'`, "24|24")
	want(t, conn, countAll, "13212|13212|13212|13212")
	want(t, conn, `SELECT count(), countIf(visitor_id = 'v' || n AND toString(toUInt32(substring(delivery_id, 2))) = n
		AND gclid = 'Cj0-' || n AND attrs['city'] = 'Berlin') FROM (SELECT *, substring(contact_id, 2) AS n FROM leads)`, "13212|13212")
	if len(told) != 12 || told[0] != "contacts_log 4404" && told[0] != "raw_log 4404" || told[3] != "deliveries_log 4404" {
		t.Errorf("told of %q", told)
	}
}

// A batch that needs columns which no batch before it had gets them, and the
// others' rows have them blank.
func TestIntegrationJoined_FurtherColumns(t *testing.T) {
	t.Parallel()
	conn := clickhousetest.Open(t)
	sink := clickhouse.NewSink(conn, clickhouse.SinkOptions{})
	plain, call, spam := lead(1, noon), lead(2, noon), lead(3, noon)
	call.Lead.Call = &ingest.Call{Duration: ptr(int64(7)), Direction: "inbound"}
	spam.Lead.SpamReasons = []string{"honeypot"}
	touch := lead(4, noon)
	touch.Kind, touch.Lead, touch.Touch = ingest.TouchKind, nil, &ingest.Touch{VisitorID: "v", PageURL: "https://shop.example/"}
	join(t, sink, batch("b1", plain), batch("b2", call), batch("b3", touch), batch("b4", spam), batch("b5", lead(5, noon)))
	want(t, conn, "SELECT contact_id, call_duration, call_direction, verdict_reasons FROM leads ORDER BY contact_id",
		"c1|\\N||[]\nc2|7|inbound|[]\nc3|\\N||['honeypot']\nc5|\\N||[]")
	want(t, conn, "SELECT count(), any(page_url) FROM touches", "1|https://shop.example/")
	want(t, conn, "SELECT count() FROM deliveries", "5")
	want(t, conn, "SELECT count() FROM system.parts WHERE database = currentDatabase() AND table = 'leads_log'", "3")
	join(t, sink, batch("c1", lead(6, noon)), batch("c2", call)) // the columns are known by now
	want(t, conn, "SELECT count() FROM system.parts WHERE database = currentDatabase() AND table = 'leads_log'", "4")
	want(t, conn, "SELECT count() FROM leads", "5")
}

// What is not committed is not there: given up, cut off, or with a row among it
// that the server does not take.
func TestIntegrationJoined_AllOrAgain(t *testing.T) {
	t.Parallel()
	conn := clickhousetest.Open(t)
	sink := clickhouse.NewSink(conn, clickhouse.SinkOptions{})
	b, c := batch("b1", leads(0, 3000)...), batch("b2", leads(3000, 3000)...)
	j, err := sink.Join(t.Context(), b.ID)
	if err == nil {
		err = errors.Join(j.Append(b), j.Append(c))
	}
	if err != nil {
		t.Fatal(err)
	}
	j.Abort()
	bad := lead(9000, noon)
	bad.OccurredAt = time.Date(1492, 1, 1, 0, 0, 0, 0, time.UTC)
	var rejected *ingest.RejectedError
	if err := tryJoin(t.Context(), sink, b, batch("bad", bad)); !errors.As(err, &rejected) {
		t.Errorf("a row without a place: %v", err)
	}
	if err := conn.Exec(t.Context(), "ALTER TABLE contacts_log ADD CONSTRAINT no_such CHECK name != 'forbidden'"); err != nil {
		t.Fatal(err)
	}
	bad = lead(9000, noon)
	bad.Lead.Person.Name = "forbidden"
	if err := tryJoin(t.Context(), sink, b, batch("bad", bad)); !errors.As(err, &rejected) {
		t.Errorf("a row against a constraint: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := tryJoin(ended, sink, b); err == nil || errors.As(err, &rejected) {
		t.Errorf("after its context ended: %v", err)
	}
	for _, limit := range []int64{100_000, 700_000} {
		err := tryJoin(t.Context(), farSink(t, conn, clickhouse.Options{}, cutAfter(limit)), b, c)
		if err == nil || errors.As(err, &rejected) {
			t.Fatalf("cut off after %d bytes: %v; want an error that asks for another try", limit, err)
		}
	}
	// raw_log goes beside the events, and may be in by then.
	want(t, conn, "SELECT table FROM system.parts WHERE database = currentDatabase() AND rows > 0 AND table IN ('leads_log', 'contacts_log', 'deliveries_log')", "")
	join(t, sink, b, c)
	want(t, conn, countAll, "6000|6000|6000|6001") // that of the constraint is
}

// After a failure the batches come again one by one, and each is there once.
func TestIntegrationJoined_EngineKilled(t *testing.T) {
	t.Parallel()
	_, conn, kill := mortal(t)
	var killAfter string
	sink := clickhouse.NewSink(conn, clickhouse.SinkOptions{Inserted: func(table string, _ int, _ time.Duration) {
		if table == killAfter {
			killAfter = ""
			kill()
		}
	}})
	failures := 0
	for n, table := range []string{"contacts_log", "leads_log", "raw_log", "deliveries_log", ""} {
		killAfter = table
		batches := []ingest.Batch{batch(fmt.Sprint(n, "a"), leads(n*300, 150)...), batch(fmt.Sprint(n, "b"), leads(n*300+150, 150)...)}
		if table == "" { // between two batches
			until(t, sink, batch("first", lead(0, noon))) // the engine is up again
			j, err := sink.Join(t.Context(), batches[0].ID)
			if err == nil {
				err = j.Append(batches[0])
			}
			if err != nil {
				t.Fatal(err)
			}
			kill()
			if err = j.Append(batches[1]); err == nil {
				err = j.Commit()
			}
			j.Abort()
			if err == nil {
				t.Error("no error from an engine that is gone")
			}
			failures++
		} else if err := tryJoin(t.Context(), sink, batches...); err == nil {
			continue
		} else {
			failures++
		}
		for _, b := range batches {
			until(t, sink, b)
		}
	}
	if failures < 3 {
		t.Errorf("%d failures", failures)
	}
	want(t, conn, countAll, "1500|1500|1500|1500")
}

// A server that takes nothing any more does not hold a writer for ever.
func TestIntegrationJoined_ServerHangs(t *testing.T) {
	t.Parallel()
	conn := clickhousetest.Open(t)
	sink := farSink(t, conn, clickhouse.Options{WriteTimeout: 300 * time.Millisecond}, func(client, server net.Conn) {
		t.Cleanup(func() { _, _ = client.Close(), server.Close() })
		go func() { _, _ = io.CopyN(client, server, 1<<20) }()
		go func() { _, _ = io.CopyN(server, client, 200_000) }() // and reads no more
	})
	var batches []ingest.Batch
	for n := range 40 {
		b := batch(fmt.Sprint("b", n), leads(n*1000, 1000)...)
		for i := range b.Outcomes {
			b.Outcomes[i].Delivery.Body = make([]byte, 1000)
		}
		batches = append(batches, b)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := tryJoin(ctx, sink, batches...)
	var rejected *ingest.RejectedError
	if err == nil || errors.As(err, &rejected) || ctx.Err() != nil {
		t.Errorf("a server that takes nothing: %v", err)
	}
}
