package report

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/leadgate/leadgate/analytics/channel"
)

// store fills the tables of a database of its own.
type store struct {
	t    *testing.T
	conn driver.Conn
}

func newStore(t *testing.T) store { return store{t, openStore(t)} }

// fields are columns and their values; what is not named takes a default.
type fields map[string]any

// insert adds one row to a table.
func (s store) insert(tableName string, defaults, row fields) {
	s.t.Helper()
	all := fields{"workspace": "default", "received_at": at("2026-01-20 00:00:00"), "version": uint64(1)}
	for _, more := range []fields{defaults, row} {
		for name, value := range more {
			all[name] = value
		}
	}
	var names []string
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	values := make([]any, len(names))
	for i, name := range names {
		values[i] = all[name]
	}
	ctx := context.Background()
	batch, err := s.conn.PrepareBatch(ctx, "INSERT INTO "+tableName+" ("+strings.Join(names, ", ")+")")
	if err == nil {
		if err = batch.Append(values...); err == nil {
			err = batch.Send()
		}
	}
	if err != nil {
		s.t.Fatalf("insert into %s: %v", tableName, err)
	}
}

var (
	google   = fields{"channel": channel.PaidSearch, "tag_source": "google", "tag_medium": "cpc"}
	facebook = fields{"channel": channel.PaidSocial, "tag_source": "facebook", "tag_medium": "paid_social"}
	organic  = fields{"channel": channel.OrganicSearch, "tag_source": "google", "tag_medium": "organic"}
	direct   = fields{"channel": channel.Direct, "tag_source": "(direct)", "tag_medium": "(none)"}
	display  = fields{"channel": channel.Display, "tag_source": "taboola", "tag_medium": "display"}
)

func (s store) lead(id, when string, parts ...fields) {
	s.t.Helper()
	s.insert("leads_log", fields{"lead_id": id, "occurred_at": at(when), "verdict": "unique"}, merged(direct, parts))
}

func (s store) touch(id, visitor, when string, parts ...fields) {
	s.t.Helper()
	s.insert("touches_log", fields{"touch_id": id, "visitor_id": visitor, "occurred_at": at(when)}, merged(direct, parts))
}

func (s store) cost(id, day, amount, currency string, clicks any, parts ...fields) {
	s.t.Helper()
	d, err := time.Parse(time.DateOnly, day)
	if err != nil {
		s.t.Fatal(err)
	}
	s.insert("costs_log", fields{"cost_id": id, "day": d, "cost": amount, "currency": currency, "clicks": clicks}, merged(google, parts))
}

func merged(base fields, parts []fields) fields {
	all := fields{}
	for _, part := range append([]fields{base}, parts...) {
		for name, value := range part {
			all[name] = value
		}
	}
	return all
}

func at(text string) time.Time {
	t, err := time.Parse("2006-01-02 15:04:05", text)
	if err != nil {
		panic(err)
	}
	return t
}

// january is the query of most tests.
func january(by ...string) Query {
	return Query{From: at("2026-01-01 00:00:00"), To: at("2026-01-31 00:00:00"), By: by}
}

func (s store) report(q Query) Report {
	s.t.Helper()
	r, err := CPL(context.Background(), s.conn, q)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// want compares the rows of a report, each written as
// "key|key: cost currency, clicks, leads, rate, cpl" with – for NULL.
func (s store) want(q Query, rows ...string) Report {
	s.t.Helper()
	r := s.report(q)
	var got []string
	for _, row := range r.Rows {
		texts := tableCells(row)
		keys, m := texts[:len(row.Keys)], texts[len(row.Keys):]
		got = append(got, fmt.Sprintf("%s: %s %s, %s, %s, %s, %s", strings.Join(keys, "|"), m[0], m[1], m[2], m[3], m[4], m[5]))
	}
	slices.Sort(got)
	slices.Sort(rows)
	if !slices.Equal(got, rows) {
		s.t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(rows, "\n"))
	}
	return r
}

func TestIntegrationCPL_WorkedExamplesFromCosts(t *testing.T) {
	s := newStore(t)
	s.cost("c1", "2026-01-10", "20000.00", "RUB", int64(200), fields{"campaign": "brand"})
	s.cost("c2", "2026-01-10", "22000.00", "RUB", int64(110), facebook, fields{"campaign": "spring"})
	for i := range 10 {
		s.lead(fmt.Sprint("g", i), "2026-01-10 12:00:00", google, fields{"utm_campaign": "brand"})
	}
	for i := range 60 {
		s.lead(fmt.Sprint("f", i), "2026-01-10 12:00:00", facebook, fields{"utm_campaign": "spring"})
	}
	r := s.want(january(ByChannel),
		"Paid Search: 20000.00 RUB, 200, 10, 0.0500, 2000.00",
		"Paid Social: 22000.00 RUB, 110, 60, 0.5455, 366.67")
	if rate := *r.Rows[0].LeadRate; rate != 60.0/110 {
		t.Errorf("lead rate %v, want 0.5454…", rate)
	}
	s.want(january(ByCampaign),
		"brand: 20000.00 RUB, 200, 10, 0.0500, 2000.00",
		"spring: 22000.00 RUB, 110, 60, 0.5455, 366.67")
}

func TestIntegrationCPL_WorkedExamplesFromRules(t *testing.T) {
	s := newStore(t)
	for i := range 200 {
		s.touch(fmt.Sprint("g", i), fmt.Sprint("vg", i), "2026-01-10 11:00:00", google, fields{"utm_campaign": "brand"})
	}
	for i := range 110 {
		s.touch(fmt.Sprint("f", i), fmt.Sprint("vf", i), "2026-01-10 11:00:00", facebook)
	}
	for i := range 10 {
		s.lead(fmt.Sprint("g", i), "2026-01-10 12:00:00", fields{"visitor_id": fmt.Sprint("vg", i)})
	}
	for i := range 60 {
		s.lead(fmt.Sprint("f", i), "2026-01-10 12:00:00", fields{"visitor_id": fmt.Sprint("vf", i)})
	}
	q := january(ByChannel)
	q.Rules = []PriceRule{
		{Name: "search", Workspace: "default", Channel: "paid search", Source: "Google", Per: PerClick, Price: 100e6, Currency: "RUB"},
		{Name: "social", Medium: "Paid_Social", Per: PerClick, Price: 200e6, Currency: "RUB"},
		{Name: "elsewhere", Workspace: "other", Per: PerLead, Price: 1e6, Currency: "RUB"},
	}
	s.want(q,
		"Paid Search: 20000.00 RUB, 200, 10, 0.0500, 2000.00",
		"Paid Social: 22000.00 RUB, 110, 60, 0.5455, 366.67")
}

func TestIntegrationCPL_LastTouch(t *testing.T) {
	s := newStore(t)
	noon := "2026-01-20 12:00:00"
	visitor := func(id string) fields { return fields{"visitor_id": id} }
	// The path of the facts: the last touch wins, be it direct.
	s.touch("a1", "a", "2026-01-16 00:00:00", display)
	s.touch("a2", "a", "2026-01-17 00:00:00", facebook)
	s.touch("a3", "a", "2026-01-18 00:00:00", google)
	s.touch("a4", "a", "2026-01-19 00:00:00", organic)
	s.lead("a", noon, visitor("a"), facebook)
	s.touch("b1", "b", "2026-01-18 00:00:00", google)
	s.touch("b2", "b", "2026-01-19 00:00:00", direct)
	s.lead("b", noon, visitor("b"), google)
	s.want(january(ByChannel), "Organic Search: – –, 1, 1, 1.0000, –", "Direct: – –, 1, 1, 1.0000, –",
		"Paid Search: – –, 2, 0, 0.0000, –", "Display: – –, 1, 0, 0.0000, –", "Paid Social: – –, 1, 0, 0.0000, –")

	f := func(name string, want string, fill func(w fields)) {
		t.Helper()
		w := fields{"workspace": name}
		fill(w)
		q := january(ByChannel)
		q.Workspace, q.Lookback = name, 30*24*time.Hour
		var got []string
		r := s.report(q)
		for _, row := range r.Rows {
			if row.Leads > 0 {
				got = append(got, fmt.Sprint(row.Keys[0], " ", row.Leads))
			}
		}
		if slices.Sort(got); strings.Join(got, ", ") != want {
			t.Errorf("%s: got %s, want %s", name, strings.Join(got, ", "), want)
		}
	}
	f("equal times: the same one touch every time", "Display 1", func(w fields) {
		s.touch("t2", "v", "2026-01-19 00:00:00", w, google)
		s.touch("t3", "v", "2026-01-19 00:00:00", w, display)
		s.touch("t1", "v", "2026-01-19 00:00:00", w, facebook)
		s.lead("l", noon, w, visitor("v"))
	})
	f("a touch after the conversion", "Email 1", func(w fields) {
		s.touch("t1", "v", "2026-01-20 12:00:01", w, google)
		s.lead("l", noon, w, visitor("v"), fields{"channel": channel.Email})
	})
	f("a touch in the conversion's very microsecond", "Paid Search 1", func(w fields) {
		s.touch("t1", "v", noon, w, google)
		s.lead("l", noon, w, visitor("v"))
	})
	f("a touch before the report's start", "Paid Search 1", func(w fields) {
		s.touch("t1", "v", "2025-12-15 00:00:00", w, google)
		s.lead("l", "2026-01-01 00:00:00", w, visitor("v"))
	})
	f("exactly the lookback", "Paid Search 1", func(w fields) {
		s.touch("t1", "v", "2025-12-21 12:00:00", w, google)
		s.lead("l", noon, w, visitor("v"))
	})
	f("a microsecond past the lookback", "Paid Social 1", func(w fields) {
		s.touch("t1", "v", "2025-12-21 11:59:59", w, google, fields{"occurred_at": at("2025-12-21 12:00:00").Add(-time.Microsecond)})
		s.lead("l", noon, w, visitor("v"), facebook)
	})
	f("the lookback runs from the conversion", "Paid Search 1, Paid Social 1", func(w fields) {
		s.touch("t1", "v", "2025-12-10 00:00:00", w, google)
		s.lead("l1", "2026-01-05 00:00:00", w, visitor("v"), facebook)
		s.lead("l2", "2026-01-25 00:00:00", w, visitor("v"), facebook)
	})
	f("a conversion before the report's start", "", func(w fields) {
		s.lead("l", "2025-12-31 23:59:59", w, google)
	})
	f("two conversions in one second", "Paid Search 2", func(w fields) {
		s.touch("t1", "v", "2026-01-19 00:00:00", w, google)
		s.lead("l1", noon, w, visitor("v"), fields{"contact_id": "c"})
		s.lead("l2", noon, w, visitor("v"), fields{"contact_id": "c"})
	})
	f("no touch: the lead's own tags", "Paid Social 1", func(w fields) { s.lead("l", noon, w, facebook) })
	f("no visitor is not everybody's visitor", "Email 1", func(w fields) {
		s.touch("t1", "", "2026-01-19 00:00:00", w, google)
		s.lead("l", noon, w, fields{"channel": channel.Email})
	})
	f("an equal click id, of whatever visitor", "Paid Search 1", func(w fields) {
		s.touch("t1", "x", "2026-01-19 00:00:00", w, google, fields{"gclid": "AbC"})
		s.lead("l", noon, w, visitor("v"), facebook, fields{"gclid": "AbC"})
	})
	for _, kind := range clickColumns() {
		f("nothing in common but "+kind, "Paid Search 1", func(w fields) {
			s.touch("t1", "", "2026-01-19 00:00:00", w, google, fields{kind: "one"})
			s.touch("t2", "x", "2026-01-19 10:00:00", w, display, fields{"gclsrc": "one"})
			s.lead("l", noon, w, visitor("v"), facebook, fields{kind: "one"})
		})
	}
	f("click ids keep their case and their kind", "Paid Social 1", func(w fields) {
		s.touch("t1", "x", "2026-01-19 00:00:00", w, google, fields{"gclid": "abc", "gclsrc": "aw.ds"})
		s.touch("t2", "x", "2026-01-19 00:00:00", w, google, fields{"wbraid": "AbC"})
		s.lead("l", noon, w, facebook, fields{"gclid": "AbC", "gclsrc": "aw.ds"})
	})
	f("visitor and click id name two touches: the later", "Display 1", func(w fields) {
		s.touch("t1", "x", "2026-01-18 00:00:00", w, google, fields{"msclkid": "m"})
		s.touch("t2", "v", "2026-01-19 00:00:00", w, display)
		s.lead("l", noon, w, visitor("v"), fields{"msclkid": "m"})
	})
	f("another workspace's touch", "Email 1", func(w fields) {
		s.touch("t1", "v", "2026-01-19 00:00:00", fields{"workspace": "stranger"}, google)
		s.lead("l", noon, w, visitor("v"), fields{"channel": channel.Email})
	})
}

func TestIntegrationCPL_CountedOnce(t *testing.T) {
	s := newStore(t)
	lead := func(version uint64, received string, more fields) {
		s.lead("l", "2026-01-10 12:00:00", google, fields{"version": version, "received_at": at(received)}, more)
	}
	lead(1, "2026-01-10 12:00:00", nil)
	lead(1, "2026-01-10 12:00:00", nil) // a retry
	lead(3, "2026-02-01 12:00:00", fields{"utm_campaign": "late"})
	lead(2, "2026-01-11 12:00:00", fields{"utm_campaign": "overtaken"})
	s.touch("t", "v", "2026-01-10 11:00:00", google, fields{"utm_campaign": "late"})
	s.touch("t", "v", "2026-01-10 11:00:00", google, fields{"utm_campaign": "late", "version": uint64(2), "received_at": at("2026-02-01 00:00:00")})
	s.cost("c", "2026-01-10", "5", "EUR", nil, fields{"campaign": "late"})
	s.cost("c", "2026-01-10", "7.50", "EUR", nil, fields{"campaign": "late", "version": uint64(2), "received_at": at("2026-02-02 00:00:00")})
	for i, verdict := range []string{"duplicate", "test", "spam", "spam", "interest"} {
		s.lead(fmt.Sprint("x", i), "2026-01-10 12:00:00", google, fields{"verdict": verdict})
	}
	for i, verdict := range []string{"accepted", "quarantined", "quarantined"} {
		row := fields{"delivery_id": fmt.Sprint("d", i), "verdict": "quarantined", "received_at": at("2026-01-31 22:59:59")}
		s.insert("deliveries_log", row, nil)
		s.insert("deliveries_log", row, fields{"verdict": verdict, "version": uint64(2)})
	}
	r := s.want(january(ByCampaign), "late: 7.50 EUR, 1, 1, 1.0000, 7.50")
	want := []string{
		"Not counted as leads: 1 duplicate, 1 test, 2 spam, 1 interest without a way to reach the person.",
		"2 deliveries of this range are in quarantine: see `leadgate quarantine list`.",
	}
	if !slices.Equal(r.Notes, want) {
		t.Errorf("notes %q, want %q", r.Notes, want)
	}
}

func TestIntegrationCPL_DaysInZone(t *testing.T) {
	s := newStore(t)
	for i, when := range []string{
		"2026-01-31 22:59:59", "2026-01-31 23:00:00", // midnight in Berlin, winter time
		"2026-03-28 22:59:59", "2026-03-28 23:00:00", "2026-03-29 21:59:59", "2026-03-29 22:00:00", // a day of 23 hours
		"2026-10-24 21:59:59", "2026-10-24 22:00:00", "2026-10-25 22:59:59", "2026-10-25 23:00:00", // a day of 25
	} {
		s.lead(fmt.Sprint("l", i), when, google)
		s.touch(fmt.Sprint("t", i), "nobody", when, google)
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	f := func(from, to string, zone *time.Location, rows ...string) {
		t.Helper()
		s.want(Query{From: date(t, from), To: date(t, to), By: []string{ByDay}, TZ: zone}, rows...)
	}
	f("2026-01-01", "2026-01-31", berlin, "2026-01-31: – –, 1, 1, 1.0000, –")
	f("2026-02-01", "2026-02-28", berlin, "2026-02-01: – –, 1, 1, 1.0000, –")
	f("2026-03-29", "2026-03-29", berlin, "2026-03-29: – –, 2, 2, 1.0000, –")
	f("2026-10-25", "2026-10-25", berlin, "2026-10-25: – –, 2, 2, 1.0000, –")
	f("2026-10-24", "2026-10-26", berlin,
		"2026-10-24: – –, 1, 1, 1.0000, –", "2026-10-25: – –, 2, 2, 1.0000, –", "2026-10-26: – –, 1, 1, 1.0000, –")
	f("2026-10-24", "2026-10-25", time.UTC, "2026-10-24: – –, 2, 2, 1.0000, –", "2026-10-25: – –, 2, 2, 1.0000, –")
}

func TestIntegrationCPL_FullOuterAndCurrencies(t *testing.T) {
	s := newStore(t)
	s.cost("c1", "2026-01-31", "0.1", "EUR", int64(4), fields{"campaign": "spends", "campaign_id": "12345678901234567890"})
	s.cost("c2", "2026-01-31", "0.2", "EUR", nil, fields{"campaign": "spends", "campaign_id": "12345678901234567890", "ad": "2"})
	s.cost("c3", "2026-02-01", "99", "EUR", nil)
	s.cost("c4", "2025-12-31", "99", "USD", nil)
	s.touch("t1", "v1", "2026-01-30 00:00:00", google, fields{"utm_campaign": "12345678901234567890"})
	s.lead("l1", "2026-01-31 10:00:00", fields{"visitor_id": "v1"})
	s.lead("l2", "2026-01-31 10:00:00", facebook, fields{"channel_inferred": true})
	s.want(january(ByCampaign, ByCampaignID),
		"spends|12345678901234567890: 0.30 EUR, 5, 1, 0.2000, 0.30", "–|–: – –, –, 1, –, –")
	r := s.want(january(ByChannel), "Paid Search: 0.30 EUR, 5, 1, 0.2000, 0.30", "Paid Social: – –, –, 1, –, –")
	if *r.Totals.Cost != 300_000 || r.Totals.Leads != 2 || *r.Totals.CPL != 150_000 {
		t.Errorf("totals %+v", r.Totals)
	}

	s.cost("c5", "2026-01-02", "1.5", "USD", nil, fields{"campaign": "abroad"})
	s.cost("c6", "2026-01-02", "1", "USD", nil, fields{"campaign": "abroad", "ad": "2"})
	_, err := CPL(context.Background(), s.conn, january(ByChannel))
	var several *CurrencyError
	if !errors.As(err, &several) || !slices.Equal(several.Currencies, []string{"EUR", "USD"}) || !strings.Contains(err.Error(), "--currency EUR") {
		t.Fatalf("two currencies: %v", err)
	}
	q := january(ByCampaign)
	q.Currency = "usd"
	r = s.want(q, "abroad: 2.50 USD, –, 0, –, –", "spends: – –, 5, 1, 0.2000, –", "–: – –, –, 1, –, –")
	if !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.HasPrefix(n, "Left out: costs of 0.30 EUR.") }) {
		t.Errorf("no note of what is left out: %q", r.Notes)
	}
}

func TestIntegrationCPL_Sales(t *testing.T) {
	s := newStore(t)
	partner := fields{"channel": channel.Affiliates, "tag_source": "acme", "tag_medium": "affiliate"}
	status := func(id, when, name string, of fields) {
		s.insert("statuses_log", fields{"status_id": id, "occurred_at": at(when), "status": name}, of)
	}
	s.touch("t1", "v1", "2025-11-01 00:00:00", partner)
	s.lead("l1", "2025-11-02 00:00:00", fields{"visitor_id": "v1", "contact_id": "p1"}) // sold long after
	s.lead("l2", "2026-01-10 00:00:00", partner, fields{"external_id": "x2", "contact_id": "p2"})
	s.lead("l3", "2026-01-11 00:00:00", partner, fields{"verdict": "duplicate", "duplicate_of": "l2", "contact_id": "p2"})
	s.lead("l4", "2026-01-12 00:00:00", partner, fields{"verdict": "spam", "contact_id": "p4"})
	status("s1", "2026-01-15 00:00:00", "Won", fields{"contact_id": "p1"})
	status("s2", "2026-01-16 00:00:00", "qualified", fields{"external_id": "x2"})
	status("s3", "2026-01-17 00:00:00", "sold", fields{"external_id": "x2"})
	status("s4", "2026-01-18 00:00:00", "paid", fields{"lead_id": "l3"}) // the same sale
	status("s5", "2026-01-18 00:00:00", "won", fields{"lead_id": "l4"})
	status("s6", "2026-02-01 00:00:00", "won", fields{"lead_id": "nobody"})
	q := january(ByDay)
	q.Rules = []PriceRule{{Name: "affiliates", Source: "ACME", Per: PerSale, Price: 70_500_000, Currency: "EUR"}}
	r := s.want(q, "2026-01-10: – –, –, 1, –, –", "2026-01-15: 70.50 EUR, –, 0, –, –", "2026-01-17: 70.50 EUR, –, 0, –, –")
	if !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.HasPrefix(n, "1 sale names no lead") }) {
		t.Errorf("notes %q", r.Notes)
	}
}

// What a user asks for is bound, not pasted: odd texts find what they name.
func TestIntegrationCPL_ParametersAreBound(t *testing.T) {
	s := newStore(t)
	s.lead("good", "2026-01-10 00:00:00", google)
	for i, name := range []string{
		`' OR 1=1 --`, `x'; DROP TABLE leads_log; --`, `\' OR ''='`, "tab\tnew\nline\\N", `{workspace:String}`, `"`, "ü–\U0001F600", `\`,
	} {
		q := january(ByCampaign)
		q.Workspace = name
		s.want(q)
		s.lead(fmt.Sprint("odd", i), "2026-01-10 00:00:00", google, fields{"workspace": name, "utm_campaign": name})
		s.cost(fmt.Sprint("odd", i), "2026-01-10", "1", "EUR", nil, fields{"workspace": name, "campaign": name})
		r := s.report(q)
		if len(r.Rows) != 1 || r.Rows[0].Keys[0] != name || r.Rows[0].Leads != 1 || *r.Rows[0].CPL != 1_000_000 {
			t.Errorf("workspace and campaign %q: rows %+v", name, r.Rows)
		}
	}
	s.want(january(ByChannel), "Paid Search: – –, –, 1, –, –")
}
