package clickhouse_test

import (
	"errors"
	"fmt"
	"maps"
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leadgate/leadgate/analytics/clickhouse"
	"github.com/leadgate/leadgate/analytics/clickhouse/clickhousetest"
	"github.com/leadgate/leadgate/ingest"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

var noon = time.Date(2026, 3, 14, 12, 0, 0, 123456000, time.UTC)

func ptr[V any](v V) *V { return &v }

func delivery(id string, at time.Time) *ingest.Delivery {
	return &ingest.Delivery{ID: id, Source: "landing", ReceivedAt: at, RemoteAddr: "192.0.2.1", Method: "POST",
		URL: "https://gate.example/in/landing", Header: textproto.MIMEHeader{"Content-Type": {"application/json"}}, Body: []byte(`{"a":1}`)}
}

// lead makes the nth lead, received at the given time.
func lead(n int, at time.Time) ingest.Event {
	key := fmt.Sprint(n)
	return ingest.Event{
		ID: ingest.EventID("default", "landing", ingest.LeadKind, key), Kind: ingest.LeadKind, Key: key,
		Version: uint64(at.UnixMicro()), Workspace: "default", Source: "landing", DeliveryID: fmt.Sprintf("D%08d", n),
		ReceivedAt: at, OccurredAt: at,
		Lead: &ingest.Lead{
			Verdict: ingest.UniqueLead, ContactID: fmt.Sprintf("c%d", n), VisitorID: fmt.Sprintf("v%d", n),
			Person:  ingest.Person{Email: fmt.Sprintf("p%d@example.com", n), Name: "Test Person"},
			Tagging: ingest.Tagging{Source: "google", Medium: "cpc", Campaign: fmt.Sprintf("spring-%d", n%20), ClickIDs: map[string]string{"gclid": fmt.Sprintf("Cj0-%d", n)}},
			PageURL: "https://shop.example/landing?utm_source=google", Attrs: map[string]string{"plan": "pro", "city": "Berlin"},
		},
	}
}

func batch(id string, events ...ingest.Event) ingest.Batch {
	b := ingest.Batch{ID: id, Events: events}
	for _, e := range events {
		b.Outcomes = append(b.Outcomes, ingest.Outcome{Delivery: delivery(e.DeliveryID, e.ReceivedAt), Verdict: ingest.Accepted, Events: 1})
	}
	return b
}

// write writes and fails the test on an error.
func write(t testing.TB, conn *clickhouse.Conn, batches ...ingest.Batch) {
	t.Helper()
	sink := clickhouse.NewSink(conn, clickhouse.SinkOptions{})
	for _, b := range batches {
		if err := sink.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
}

// ask returns a query's rows, one line each, values separated by a bar.
func ask(t testing.TB, conn *clickhouse.Conn, query string, args ...any) string {
	t.Helper()
	var out strings.Builder
	if err := conn.Print(t.Context(), &out, query, clickhouse.TSV, args...); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(strings.TrimRight(out.String(), "\n"), "\t", "|")
}

func want(t testing.TB, conn *clickhouse.Conn, query, rows string) {
	t.Helper()
	if got := ask(t, conn, query); got != rows {
		t.Errorf("%s\n got %s\nwant %s", query, got, rows)
	}
}

// countAll counts what is there, once: below the views a row may stand twice
// until parts are merged.
var countAll = `SELECT (SELECT count() FROM leads), (SELECT count() FROM submissions), (SELECT count() FROM deliveries), (SELECT count() FROM raw_log FINAL)`

func TestIntegrationSink_SameBatchTwice(t *testing.T) {
	t.Parallel()
	conn := clickhousetest.Open(t)
	b := batch("b1", lead(1, noon), lead(2, noon), lead(3, noon.AddDate(0, 1, 0))) // two partitions
	sink := clickhouse.NewSink(conn, clickhouse.SinkOptions{})
	for range 2 {
		if err := sink.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	want(t, conn, "SELECT count() FROM leads_log", "3") // the token is trusted
	write(t, conn, b)                                   // another process
	want(t, conn, "SELECT count() FROM leads_log", "6") // it is not
	want(t, conn, countAll, "3|3|3|3")
	write(t, conn, batch("b2", lead(4, noon)), b)
	want(t, conn, countAll, "4|4|4|4")
}

// A token stands for the content: other rows under it are not looked at. The
// id of a batch must therefore be derived from what is in it.
func TestIntegrationSink_SameTokenOtherRows(t *testing.T) {
	t.Parallel()
	conn := clickhousetest.Open(t)
	write(t, conn, batch("b1", lead(1, noon)), batch("b1", lead(2, noon)))
	want(t, conn, "SELECT contact_id FROM leads", "c1")
	write(t, conn, batch("b1", lead(3, noon.AddDate(0, 1, 0)))) // in another partition the token is unknown
	want(t, conn, "SELECT contact_id FROM leads ORDER BY contact_id", "c1\nc3")
}

func TestIntegrationSink_UpdateInLaterMonth(t *testing.T) {
	t.Parallel()
	conn := clickhousetest.Open(t)
	first, later := lead(1, noon), lead(1, noon.AddDate(0, 2, 0))
	later.Lead.Person.Email, later.Lead.Verdict = "new@example.com", ingest.SpamLead
	write(t, conn, batch("b1", later), batch("b2", first)) // the newer state first
	for _, merged := range []bool{false, true} {
		if merged {
			clickhousetest.Merge(t, conn, "leads_log", "contacts_log")
		}
		want(t, conn, "SELECT count(), any(verdict) FROM leads", "1|spam")
		want(t, conn, "SELECT email, submissions FROM contacts", "new@example.com|1")
		want(t, conn, "SELECT count() FROM leads_log", "2")
		want(t, conn, "SELECT count() FROM leads SETTINGS do_not_merge_across_partitions_select_final = 1", "1")
	}
}

func TestIntegrationSink_StatesInOneBatch(t *testing.T) {
	t.Parallel()
	conn := clickhousetest.Open(t)
	first, second := lead(1, noon), lead(1, noon.Add(time.Second))
	second.Lead.Verdict = ingest.TestLead
	write(t, conn, batch("b1", second, first))
	want(t, conn, "SELECT verdict FROM leads", "test")
}

func TestIntegrationSink_ManyMonths(t *testing.T) {
	t.Parallel()
	conn := clickhousetest.Open(t)
	var b ingest.Batch
	b.ID = "b1"
	for n := range 101 { // the server's own limit is 100
		e := lead(n, noon.AddDate(0, -n, 0))
		e.Kind, e.Lead, e.Touch = ingest.TouchKind, nil, &ingest.Touch{VisitorID: "v"}
		b.Events = append(b.Events, e)
	}
	write(t, conn, b, b)
	want(t, conn, "SELECT count() FROM touches_log", "101")
}

func TestIntegrationSink_DeliveryVerdicts(t *testing.T) {
	t.Parallel()
	conn := clickhousetest.Open(t)
	outcome := func(id string, v ingest.Verdict, reason string) ingest.Batch {
		return ingest.Batch{ID: id, Outcomes: []ingest.Outcome{{Delivery: delivery("D1", noon), Verdict: v, Reason: reason}}}
	}
	sink := clickhouse.NewSink(conn, clickhouse.SinkOptions{Workspaces: map[string]string{"landing": "acme"}})
	for _, step := range []struct {
		batch ingest.Batch
		rows  string
	}{
		{outcome("b1", ingest.Quarantined, "no e-mail"), "D1|landing|quarantined|no e-mail|7|acme"},
		{outcome("b2", ingest.Accepted, ""), "D1|landing|accepted||7|acme"},
		{outcome("b3", ingest.Duplicate, "seen"), "D1|landing|accepted||7|acme"},
	} {
		if err := sink.Write(t.Context(), step.batch); err != nil {
			t.Fatal(err)
		}
		want(t, conn, "SELECT delivery_id, source, verdict, reason, body_bytes, workspace FROM deliveries", step.rows)
	}
	var raw string
	if err := conn.QueryRow(t.Context(), "SELECT raw FROM raw_log FINAL").Scan(&raw); err != nil {
		t.Fatal(err)
	}
	if d, err := ingest.ParseDelivery([]byte(raw)); err != nil || string(d.Body) != `{"a":1}` || !d.ReceivedAt.Equal(noon) {
		t.Errorf("raw delivery reads as %v, %v", d, err)
	}
}

func TestIntegrationSink_Rejected(t *testing.T) {
	t.Parallel()
	conn := clickhousetest.Open(t)
	if err := conn.Exec(t.Context(), "ALTER TABLE leads_log ADD CONSTRAINT no_secret CHECK form_name != 'very secret'"); err != nil {
		t.Fatal(err)
	}
	sink := clickhouse.NewSink(conn, clickhouse.SinkOptions{})
	spoil := func(change func(*ingest.Event)) ingest.Batch {
		e := lead(7, noon)
		change(&e)
		return ingest.Batch{ID: "b1", Events: []ingest.Event{lead(1, noon), e}}
	}
	cost := func(day string, amount ingest.Micros) ingest.Batch {
		return spoil(func(e *ingest.Event) {
			e.Kind, e.Lead, e.Cost = ingest.CostKind, nil, &ingest.Cost{Day: day, Amount: amount, Platform: "google"}
		})
	}
	for name, b := range map[string]ingest.Batch{
		"constraint":  spoil(func(e *ingest.Event) { e.Lead.FormName = "very secret" }),
		"time":        spoil(func(e *ingest.Event) { e.OccurredAt = time.Date(1492, 1, 1, 0, 0, 0, 0, time.UTC) }),
		"kind":        spoil(func(e *ingest.Event) { e.Kind = "very secret" }),
		"part":        spoil(func(e *ingest.Event) { e.Lead = nil }),
		"day":         cost("very secret", 1),
		"day too old": cost("1969-12-31", 1),
		"money":       cost("2026-01-01", 1_000_000_000_000_000_000),
	} {
		err := sink.Write(t.Context(), b)
		var rejected *ingest.RejectedError
		if !errors.As(err, &rejected) {
			t.Errorf("%s: got %v, want a RejectedError", name, err)
		} else if name != "kind" && strings.Contains(err.Error(), "secret'") || strings.Contains(err.Error(), "1492") {
			t.Errorf("%s: the error shows a value: %v", name, err)
		}
	}
	want(t, conn, "SELECT count() FROM leads", "0")
	write(t, conn, batch("b1", lead(1, noon)))
	want(t, conn, "SELECT count() FROM leads", "1")
}

func TestIntegrationSink_Retryable(t *testing.T) {
	t.Parallel()
	conn := clickhousetest.Open(t)
	sink := clickhouse.NewSink(conn, clickhouse.SinkOptions{})
	b := batch("b1", lead(1, noon))
	if err := conn.Exec(t.Context(), "RENAME TABLE leads_log TO leads_away"); err != nil {
		t.Fatal(err)
	}
	var rejected *ingest.RejectedError
	err := sink.Write(t.Context(), b)
	if err == nil || errors.As(err, &rejected) || !strings.Contains(err.Error(), "leadgate migrate") {
		t.Errorf("missing table: %v", err)
	}
	if err := conn.Exec(t.Context(), "RENAME TABLE leads_away TO leads_log"); err != nil {
		t.Fatal(err)
	}
	if err := sink.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	want(t, conn, countAll, "1|1|1|1")
}

// What a batch brings is sent side by side, but a delivery is there last, and a
// batch is not given up for a row while another part of it may yet come in.
func TestIntegrationSink_DeliveriesLast(t *testing.T) {
	t.Parallel()
	conn := clickhousetest.Open(t)
	do := func(statement string) {
		t.Helper()
		if err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	sink := clickhouse.NewSink(conn, clickhouse.SinkOptions{})
	b := batch("b1", lead(1, noon))
	for _, table := range []string{"raw_log", "leads_log"} {
		do("RENAME TABLE " + table + " TO away")
		if err := sink.Write(t.Context(), b); err == nil {
			t.Fatalf("no error without %s", table)
		}
		do("RENAME TABLE away TO " + table)
		want(t, conn, "SELECT count() FROM deliveries", "0")
	}
	do("RENAME TABLE raw_log TO away")
	do("ALTER TABLE leads_log ADD CONSTRAINT c CHECK zone != 'bad'")
	b.Events[0].Zone = "bad"
	var rejected *ingest.RejectedError
	if err := sink.Write(t.Context(), b); err == nil || errors.As(err, &rejected) {
		t.Errorf("a bad row, and a table that is away: %v; want an error that asks for another try", err)
	}
	do("RENAME TABLE away TO raw_log")
	if err := sink.Write(t.Context(), b); !errors.As(err, &rejected) {
		t.Errorf("a bad row: %v; want it rejected", err)
	}
	b.Events[0].Zone = "UTC"
	if err := sink.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	want(t, conn, countAll, "1|1|1|1")
}

func TestIntegrationSink_RoundTrip(t *testing.T) {
	t.Parallel()
	conn := clickhousetest.Open(t)
	e := lead(1, noon)
	ids := make(map[string]string)
	for i, id := range ingest.ClickIDParams {
		ids[id] = fmt.Sprintf("%s-AbC_%d", id, i)
	}
	e.Zone = "Europe/Berlin"
	e.Lead.Tagging = ingest.Tagging{Source: "Google", Medium: "CPC", Campaign: "Früh\tling\n", Term: "t", Content: "日本", ClickIDs: ids}
	e.Lead.Call = &ingest.Call{Duration: ptr(int64(0)), Answered: ptr(false), Direction: "inbound", TrackingNumber: "+4930123456"}
	e.Lead.Attrs = map[string]string{"ключ": "zn'ak", "": "empty", "b\x00": "\\"}
	e.Lead.SpamReasons = []string{"honeypot", "links"}
	e.Lead.Person = ingest.Person{Email: "jö@example.com", Phone: "+4930123456", Name: "O'Neil \\ 😀", Answers: map[string]string{"q": `["a","b"]`}}
	write(t, conn, batch("b1", e))
	want(t, conn, `SELECT workspace, source, lead_id, delivery_id, occurred_at, received_at, zone, contact_id, visitor_id, verdict, verdict_reasons,
		channel, channel_inferred, tag_source, tag_medium, utm_source, utm_campaign = 'Früh\tling\n', utm_content, version,
		call_duration, call_talk_time, call_answered, call_voicemail, tracking_number, attrs['ключ'], attrs[''], length(attrs['b\0']) FROM leads`,
		"default|landing|"+e.ID+"|D00000001|2026-03-14 12:00:00.123456|2026-03-14 12:00:00.123456|Europe/Berlin|c1|v1|unique|['honeypot','links']|"+
			"Paid Search|false|google|cpc|Google|1|日本|"+fmt.Sprint(noon.UnixMicro())+`|0|\N|false|\N|+4930123456|zn'ak|empty|1`)
	want(t, conn, "SELECT email, phone, name = 'O\\'Neil \\\\ 😀', answers['q'] FROM submissions", `jö@example.com|+4930123456|1|["a","b"]`)
	columns := slices.Collect(maps.Keys(ids))
	slices.Sort(columns)
	var values []string
	for _, column := range columns {
		values = append(values, ids[column])
	}
	want(t, conn, "SELECT "+strings.Join(columns, ", ")+" FROM leads", strings.Join(values, "|"))
}

func TestIntegrationSink_RoundTripOfTheOtherKinds(t *testing.T) {
	t.Parallel()
	conn := clickhousetest.Open(t)
	event := func(kind ingest.Kind) ingest.Event {
		e := lead(1, noon)
		e.Kind, e.Lead = kind, nil
		return e
	}
	touch, cost, free, status, won := event(ingest.TouchKind), event(ingest.CostKind), event(ingest.CostKind), event(ingest.StatusKind), event(ingest.StatusKind)
	touch.Touch = &ingest.Touch{VisitorID: "v9", PageURL: "https://a.example/", Referrer: "https://www.google.com/"}
	cost.Cost = &ingest.Cost{Platform: "google", Account: "123-456", Day: "2026-03-01", Campaign: "Brand", CampaignID: "120000000000000001",
		Amount: 999_999_999_999_999_999, Currency: "EUR", Clicks: ptr(int64(0))}
	free.ID, free.Cost = "free", &ingest.Cost{Platform: "facebook", Source: "fb", Medium: "paid_social", Day: "2149-06-06", Amount: -1, Currency: "USD", Impressions: ptr(int64(1 << 60))}
	status.Status = &ingest.Status{ExternalID: "x1", Status: "qualified", ContactID: "c1"}
	won.ID, won.Status = "won", &ingest.Status{LeadID: "l1", Status: "won", Value: ptr(ingest.Micros(1234567)), Currency: "EUR"}
	write(t, conn, ingest.Batch{ID: "b1", Events: []ingest.Event{touch, cost, free, status, won}})
	want(t, conn, "SELECT touch_id, visitor_id, occurred_at, channel, tag_source, referrer FROM touches",
		touch.ID+"|v9|2026-03-14 12:00:00.123456|Organic Search|google|https://www.google.com/")
	want(t, conn, "SELECT platform, account, day, tag_source, tag_medium, channel, campaign_id, cost, currency, clicks, impressions FROM costs ORDER BY platform",
		"facebook||2149-06-06|fb|paid_social|Paid Social||-0.000001|USD|\\N|1152921504606846976\n"+
			"google|123-456|2026-03-01|google|cpc|Paid Search|120000000000000001|999999999999.999999|EUR|0|\\N")
	want(t, conn, "SELECT lead_id, external_id, contact_id, status, value, currency FROM statuses ORDER BY status", "|x1|c1|qualified|\\N|\nl1|||won|1.234567|EUR")
}
