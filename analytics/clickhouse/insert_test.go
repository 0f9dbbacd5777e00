package clickhouse_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/leadgate/leadgate/analytics/clickhouse"
	"github.com/leadgate/leadgate/analytics/clickhouse/clickhousetest"
	"github.com/leadgate/leadgate/ingest"
)

// leads makes events numbered from first on, in two months.
func leads(first, n int) (events []ingest.Event) {
	for i := range n {
		events = append(events, lead(first+i, noon.AddDate(0, i%2, 0)))
	}
	return events
}

// A batch becomes one part of a partition, however large it is, and the values
// of a row stay together, whatever the memory they were made in held before.
func TestIntegrationSink_OnePartAPartition(t *testing.T) {
	t.Parallel()
	conn := clickhousetest.Open(t)
	sink := clickhouse.NewSink(conn, clickhouse.SinkOptions{})
	first := leads(0, 2500)
	for i := range first[:2000] { // the last block has columns that are blank in it alone
		first[i].Lead.Call = &ingest.Call{Duration: ptr(int64(i)), Answered: ptr(i%2 == 0), Direction: "inbound"}
		first[i].Lead.SpamReasons = []string{fmt.Sprint("r", i)}
	}
	second := leads(2500, 10)
	for i := range second {
		second[i].Lead.Attrs = nil
	}
	for i, events := range [][]ingest.Event{first, second, leads(2510, 1100)} {
		if err := sink.Write(t.Context(), batch(fmt.Sprint("b", i), events...)); err != nil {
			t.Fatal(err)
		}
		want(t, conn, `SELECT countIf(min_block_number = max_block_number), uniqExact(table, name) FROM system.parts
			WHERE database = currentDatabase() AND table LIKE '%\\_log'`, fmt.Sprintf("%[1]d|%[1]d", 8*(i+1)))
	}
	want(t, conn, `SELECT count(), uniqExact(lead_id), countIf(visitor_id = 'v' || n AND toString(toUInt32(substring(delivery_id, 2))) = n AND gclid = 'Cj0-' || n
			AND utm_campaign = 'spring-' || toString(number % 20) AND (number BETWEEN 2500 AND 2509 ? attrs = map() : attrs['city'] = 'Berlin' AND length(attrs) = 2)
			AND (number < 2000 ? call_duration = number AND call_answered = (number % 2 = 0) AND call_direction = 'inbound' AND verdict_reasons = ['r' || n]
				: call_duration IS NULL AND call_answered IS NULL AND call_direction = '' AND verdict_reasons = []))
		FROM (SELECT *, substring(contact_id, 2) AS n, toUInt32(n) AS number FROM leads)`, "3610|3610|3610")
	want(t, conn, "SELECT count(), countIf(email = 'p' || substring(contact_id, 2) || '@example.com' AND name = 'Test Person') FROM submissions", "3610|3610")
	want(t, conn, "SELECT count(), countIf(position(raw, delivery_id) > 0) FROM raw_log", "3610|3610")
}

// Of two states of an event in one batch the newer stands, or else the later,
// before and after the engine merges.
func TestIntegrationSink_TwoStatesInOneBatch(t *testing.T) {
	t.Parallel()
	conn := clickhousetest.Open(t)
	state := func(n int, version uint64, form string) ingest.Event {
		e := lead(n, noon)
		e.Version, e.Lead.FormName, e.Lead.Person.Name = version, form, form
		return e
	}
	write(t, conn, batch("b1", state(1, 2, "newer"), state(1, 1, "older"), state(2, 1, "first"), state(2, 1, "later")))
	for range 2 {
		want(t, conn, "SELECT contact_id, form_name FROM leads ORDER BY contact_id", "c1|newer\nc2|later")
		want(t, conn, "SELECT contact_id, name FROM submissions ORDER BY contact_id", "c1|newer\nc2|later")
		want(t, conn, countAll, "2|2|2|2")
		clickhousetest.Merge(t, conn, "leads_log", "contacts_log", "deliveries_log", "raw_log")
	}
}

// A column that is blank in all rows is left to the server. What that fills in
// must be the same.
func TestIntegrationSink_DefaultsAreZero(t *testing.T) {
	t.Parallel()
	conn := clickhousetest.Open(t)
	want(t, conn, `SELECT table, name, default_expression FROM system.columns
		WHERE database = currentDatabase() AND table LIKE '%\\_log' AND default_kind != '' AND default_expression != 'false'`, "")
	zero := ingest.Event{ID: "z", Kind: ingest.LeadKind, Workspace: "default", ReceivedAt: noon, OccurredAt: noon, Version: 1, Lead: &ingest.Lead{}}
	full := lead(1, noon)
	full.Lead.Call = &ingest.Call{Duration: ptr(int64(0)), Answered: ptr(false), Direction: "inbound"}
	const query = "SELECT * EXCEPT lead_id FROM leads WHERE lead_id IN ('y', 'z')"
	write(t, conn, batch("b1", zero)) // most columns are left out
	alone := ask(t, conn, query)
	zero.ID = "y"
	write(t, conn, batch("b2", zero, full)) // they are not
	want(t, conn, query, alone+"\n"+alone)
}

// An insert whose client is cut off between two blocks brings nothing.
func TestIntegrationSink_CutOff(t *testing.T) {
	t.Parallel()
	conn := clickhousetest.Open(t)
	b := batch("b1", leads(0, 5000)...)
	for _, limit := range []int64{100_000, 400_000, 1_000_000} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		err := farSink(t, conn, clickhouse.Options{}, cutAfter(limit)).Write(ctx, b)
		cancel()
		var rejected *ingest.RejectedError
		if err == nil || errors.As(err, &rejected) {
			t.Fatalf("cut off after %d bytes: %v; want an error that asks for another try", limit, err)
		}
	}
	want(t, conn, "SELECT table, rows FROM system.parts WHERE database = currentDatabase() AND table LIKE '%\\\\_log' AND rows != 2500", "")
	write(t, conn, b)
	want(t, conn, countAll, "5000|5000|5000|5000")
}

// farSink is a sink for the connection's database whose uncompressed bytes are
// passed on as told.
func farSink(t *testing.T, conn *clickhouse.Conn, o clickhouse.Options, pass func(client, server net.Conn)) *clickhouse.Sink {
	t.Helper()
	u, err := url.Parse(clickhousetest.URL(t, clickhousetest.Engine(t), conn.Database()))
	if err != nil {
		t.Fatal(err)
	}
	u.RawQuery = "compress=none"
	u.Host = relayed(t, u.Host, pass).Addr().String()
	o.URL = u.String()
	far, err := clickhouse.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = far.Close() })
	return clickhouse.NewSink(far, clickhouse.SinkOptions{})
}

// cutAfter ends each connection to a server when so many bytes were sent over it.
func cutAfter(limit int64) func(client, server net.Conn) {
	return func(client, server net.Conn) {
		go func() { _, _ = io.Copy(client, server) }()
		go func() {
			_, _ = io.CopyN(server, client, limit)
			_, _ = client.Close(), server.Close()
		}()
	}
}
