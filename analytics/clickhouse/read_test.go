package clickhouse_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leadgate/leadgate/analytics/clickhouse"
	"github.com/leadgate/leadgate/analytics/clickhouse/clickhousetest"
	"github.com/leadgate/leadgate/ingest"
)

func TestIntegrationLoader_Known(t *testing.T) {
	t.Parallel()
	conn := clickhousetest.Open(t)
	old, early, late := lead(1, noon.AddDate(0, -3, 0)), lead(2, noon), lead(3, noon.Add(time.Microsecond))
	late.Lead.Verdict, late.Lead.DuplicateOf, late.Lead.Person.Phone = ingest.DuplicateLead, early.ID, "+4930123456"
	updated := lead(2, noon)
	updated.Version++
	updated.Lead.ContactID = "c2b"
	touch, status := lead(4, noon), lead(5, noon)
	touch.Kind, touch.Lead, touch.Touch = ingest.TouchKind, nil, &ingest.Touch{VisitorID: "v"}
	status.Kind, status.Lead, status.Status = ingest.StatusKind, nil, &ingest.Status{ContactID: "c9", Status: "won"}
	write(t, conn, batch("b1", late, early, old, status, touch), batch("b2", updated))

	var got []ingest.Known
	loader := clickhouse.NewLoader(conn)
	yield := func(k ingest.Known) error { got = append(got, k); return nil }
	if err := loader.Known(t.Context(), noon, yield); err != nil {
		t.Fatal(err)
	}
	known := func(e ingest.Event) ingest.Known {
		k := ingest.Known{Workspace: e.Workspace, Kind: e.Kind, EventID: e.ID, DeliveryID: e.DeliveryID, ReceivedAt: e.ReceivedAt, Version: e.Version}
		if e.Lead != nil {
			k.ContactID, k.Verdict, k.DuplicateOf, k.Email, k.Phone = e.Lead.ContactID, e.Lead.Verdict, e.Lead.DuplicateOf, e.Lead.Person.Email, e.Lead.Person.Phone
		}
		return k
	}
	last := known(status)
	last.ContactID = "c9"
	expected := []ingest.Known{known(updated), known(late), known(touch), last}
	if !slices.Equal(got, expected) {
		t.Errorf("known:\n got %+v\nwant %+v", got, expected)
	}
	stop := errors.New("enough")
	if err := loader.Known(t.Context(), noon, func(ingest.Known) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v, want the error of yield", err)
	}
}

func TestIntegrationDeliveries(t *testing.T) {
	t.Parallel()
	conn := clickhousetest.Open(t)
	b := batch("b1", lead(1, noon), lead(2, noon.Add(time.Hour)), lead(3, noon.Add(2*time.Hour)))
	b.Outcomes[1].Verdict, b.Outcomes[1].Reason = ingest.Quarantined, "no such column"
	b.Outcomes[2].Delivery.Source = "calls"
	write(t, conn, b)
	ids := func(f clickhouse.DeliveryFilter) string {
		t.Helper()
		list, err := conn.Deliveries(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, d := range list {
			ids = append(ids, d.ID[len(d.ID)-1:])
		}
		return strings.Join(ids, " ")
	}
	for _, c := range []struct {
		filter clickhouse.DeliveryFilter
		want   string
	}{
		{clickhouse.DeliveryFilter{}, "3 2 1"},
		{clickhouse.DeliveryFilter{Limit: 2}, "3 2"},
		{clickhouse.DeliveryFilter{Limit: 2, Before: "D00000002"}, "1"},
		{clickhouse.DeliveryFilter{Source: "calls"}, "3"},
		{clickhouse.DeliveryFilter{Source: "it's"}, ""},
		{clickhouse.DeliveryFilter{Verdict: ingest.Quarantined}, "2"},
		{clickhouse.DeliveryFilter{From: noon.Add(time.Microsecond), To: noon.Add(2 * time.Hour)}, "2"},
	} {
		if got := ids(c.filter); got != c.want {
			t.Errorf("%+v: got %q, want %q", c.filter, got, c.want)
		}
	}
	stored, d, err := conn.Delivery(t.Context(), "D00000002")
	want := clickhouse.StoredDelivery{ID: "D00000002", Workspace: "default", Source: "landing", ReceivedAt: noon.Add(time.Hour),
		Verdict: ingest.Quarantined, Reason: "no such column", Events: 1, BodyBytes: 7}
	if err != nil || stored != want || d == nil || string(d.Body) != `{"a":1}` {
		t.Errorf("got %+v, %+v, %v", stored, d, err)
	}
	if err := conn.Exec(t.Context(), "TRUNCATE TABLE raw_log"); err != nil {
		t.Fatal(err)
	}
	if _, d, err := conn.Delivery(t.Context(), "D00000002"); err != nil || d != nil {
		t.Errorf("without its raw bytes: %v, %v; want neither", d, err)
	}
	if _, _, err := conn.Delivery(t.Context(), "D9"); !errors.Is(err, clickhouse.ErrNoDelivery) {
		t.Errorf("got %v, want ErrNoDelivery", err)
	}
}

const everyType = `SELECT 1::UInt8 AS u, -5::Int64 AS i, 18446744073709551615::UInt64 AS big, 1.5::Float64 AS f, nan AS nothing, 'a\tb\\c' AS s,
	NULL AS n, 7::Nullable(Int64) AS m, '12.50'::Decimal(18, 6) AS d, '-0.000001'::Nullable(Decimal(18, 6)) AS dn,
	'2026-03-14'::Date AS day, '2026-03-14 12:00:00'::DateTime('UTC') AS t, '2026-03-14 12:00:00.12345'::DateTime64(6, 'UTC') AS t6,
	map('b', 'x', 'a', 'it''s') AS attrs, [1, 2]::Array(UInt8) AS list, ['p', 'q'] AS words, true AS yes,
	'lc'::LowCardinality(String) AS lc, '61f0c404-5cb3-11e7-907b-a6006ad3dba0'::UUID AS id, [toDecimal32('1.10', 2)] AS ds`

func TestIntegrationPrint(t *testing.T) {
	t.Parallel()
	conn := clickhousetest.Open(t)
	f := func(format clickhouse.Format, statement, want string) {
		t.Helper()
		var out strings.Builder
		if err := conn.Print(t.Context(), &out, statement, format); err != nil {
			t.Errorf("%s: %v", statement, err)
		}
		if out.String() != want {
			t.Errorf("%s as %s:\n got %s\nwant %s", statement, format, &out, want)
		}
	}
	f(clickhouse.TSV, everyType, "1\t-5\t18446744073709551615\t1.5\tnan\ta\\tb\\\\c\t\\N\t7\t12.500000\t-0.000001\t2026-03-14\t2026-03-14 12:00:00\t2026-03-14 12:00:00.123450\t"+
		"{'a':'it\\'s','b':'x'}\t[1,2]\t['p','q']\ttrue\tlc\t61f0c404-5cb3-11e7-907b-a6006ad3dba0\t[1.10]\n")
	f(clickhouse.JSON, "SELECT 1 AS a WHERE 0", `{"meta": [{"name":"a","type":"UInt8"}],`+"\n"+`"data": [],`+"\n\"rows\": 0}\n")
	f(clickhouse.JSON, "SELECT 1 AS a, toDecimal64(2, 1) AS b", `{"meta": [{"name":"a","type":"UInt8"},{"name":"b","type":"Decimal(18, 1)"}],`+"\n"+`"data": [`+"\n"+`  {"a": 1, "b": "2.0"}],`+"\n\"rows\": 1}\n")
	f(clickhouse.TSV, "SELECT number AS a FROM numbers(2)", "0\n1\n")
	f(clickhouse.TSV, "SELECT 'it''s\\\\', ['a\\tb'], inf, CAST(NULL AS Nullable(String))", "it's\\\\\t['a\\tb']\tinf\t\\N\n")
	f(clickhouse.Pretty, "SELECT 'x' AS utm_source, 2 AS n", "┌────────────┬───┐\n│ utm_source │ n │\n├────────────┼───┤\n│ x          │ 2 │\n└────────────┴───┘\n1 row\n")
	for _, format := range []clickhouse.Format{clickhouse.TSV, clickhouse.JSON, clickhouse.Pretty} {
		if err := conn.Print(t.Context(), &strings.Builder{}, "CREATE TABLE IF NOT EXISTS x (a UInt8) ENGINE = Memory", format); err != nil {
			t.Errorf("a statement without rows as %s: %v", format, err)
		}
		if err := conn.Print(t.Context(), &strings.Builder{}, "SELECT nonsense", format); err == nil {
			t.Errorf("a bad statement as %s: no error", format)
		}
	}
	var out strings.Builder
	var answer struct{ Data []json.RawMessage }
	row := `{"u": 1, "i": -5, "big": "18446744073709551615", "f": 1.5, "nothing": null, "s": "a\tb\\c", "n": null, "m": 7, "d": "12.500000", "dn": "-0.000001", ` +
		`"day": "2026-03-14", "t": "2026-03-14 12:00:00", "t6": "2026-03-14 12:00:00.123450", "attrs": {"a":"it's","b":"x"}, "list": [1,2], "words": ["p","q"], ` +
		`"yes": true, "lc": "lc", "id": "61f0c404-5cb3-11e7-907b-a6006ad3dba0", "ds": ["1.10"]}`
	if err := conn.Print(t.Context(), &out, everyType, clickhouse.JSON); err != nil {
		t.Error(err)
	}
	if err := json.Unmarshal([]byte(out.String()), &answer); err != nil || len(answer.Data) != 1 || string(answer.Data[0]) != row {
		t.Errorf("every type as JSON: %v, got %s", err, &out)
	}
	out.Reset()
	if err := conn.Print(t.Context(), &out, "SELECT * FROM leads, contacts", clickhouse.JSON); err != nil || !json.Valid([]byte(out.String())) {
		t.Errorf("all columns: %v, %s", err, &out)
	}
}

func TestParseFormat(t *testing.T) {
	t.Parallel()
	if f, err := clickhouse.ParseFormat("json"); f != clickhouse.JSON || err != nil {
		t.Errorf("got %q, %v", f, err)
	}
	if _, err := clickhouse.ParseFormat("xml"); err == nil || !strings.Contains(err.Error(), "Pretty") {
		t.Errorf("got %v, want an error that names the choices", err)
	}
}

func TestOpen_Faults(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "localhost", "redis://u:sesame@h:1", "clickhouse://", "clickhouse://u:ses%zzame@h:9000/x", "clickhouse://u:sesame@h:9000/x?dial_timeout=never", "clickhouse://u:sesame@h:port/x"} {
		_, err := clickhouse.Open(clickhouse.Options{URL: url})
		if err == nil || strings.Contains(err.Error(), "sesame") || !strings.Contains(err.Error(), "clickhouse.url") {
			t.Errorf("%s: %v", url, err)
		}
	}
	conn, err := clickhouse.Open(clickhouse.Options{URL: "clickhouse://u:sesame@127.0.0.1:1", DialTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if conn.Database() != "leadgate" {
		t.Errorf("database %q", conn.Database())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := conn.Ping(ctx); err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") || strings.Contains(err.Error(), "sesame") {
		t.Errorf("nobody listens: %v", err)
	}
	if _, err := conn.Version(ctx); err == nil {
		t.Error("nobody listens, but there is a version")
	}
}

func TestIntegrationOpen(t *testing.T) {
	t.Parallel()
	engine := clickhousetest.Engine(t)
	conn := clickhousetest.OpenEmpty(t)
	if err := conn.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "leadgate migrate") {
		t.Errorf("no database: %v", err)
	}
	if version, err := conn.Version(t.Context()); err != nil || !strings.HasPrefix(version, "26.") {
		t.Errorf("version %q, %v", version, err)
	}
	wrong := strings.Replace(clickhousetest.URL(t, engine, "x"), "leadgate:", "leadgate:sesame", 1)
	stranger, err := clickhouse.Open(clickhouse.Options{URL: wrong})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stranger.Close() }()
	if err := stranger.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "authentication") || strings.Contains(err.Error(), "sesame") {
		t.Errorf("wrong password: %v", err)
	}
}
