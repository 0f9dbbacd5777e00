package report

import (
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

func TestParseQuery(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 23, 30, 0, 0, time.UTC) // already the 2nd in Berlin
	defaults := Defaults{Now: func() time.Time { return now }, Workspace: "acme"}
	f := func(params string, check func(Query) bool) {
		t.Helper()
		values, err := url.ParseQuery(params)
		if err != nil {
			t.Fatal(err)
		}
		q, err := ParseQuery(values, defaults)
		if err != nil || !check(q) {
			t.Errorf("%q: %+v, %v", params, q, err)
		}
	}
	f("", func(q Query) bool {
		return day(q.From) == "2026-01-31" && day(q.To) == "2026-03-01" && slices.Equal(q.By, []string{"channel"}) &&
			q.Model == "last-touch" && q.Lookback == 30*24*time.Hour && q.TZ == time.UTC && q.Workspace == "acme" && q.Currency == ""
	})
	f("tz=Europe/Berlin", func(q Query) bool { return day(q.To) == "2026-03-02" && q.TZ.String() == "Europe/Berlin" })
	f("from=2026-01-01&to=2026-01-01", func(q Query) bool { return day(q.From) == "2026-01-01" && day(q.To) == "2026-01-01" })
	f("from=2026-02-28", func(q Query) bool { return day(q.From) == "2026-02-28" && day(q.To) == "2026-03-01" })
	f("to=2026-01-30", func(q Query) bool { return day(q.From) == "2026-01-01" })
	f("by=channel,%20campaign&by=day", func(q Query) bool { return slices.Equal(q.By, []string{"channel", "campaign", "day"}) })
	f("lookback=12h", func(q Query) bool { return q.Lookback == 12*time.Hour })
	f("lookback=7d&currency=eur&workspace=other&format=csv&model=last-touch", func(q Query) bool {
		return q.Lookback == 7*24*time.Hour && q.Currency == "EUR" && q.Workspace == "other"
	})
}

// All that is wrong is told at once, by parameter, without repeating values.
func TestParseQuery_Problems(t *testing.T) {
	t.Parallel()
	f := func(params string, want ...string) {
		t.Helper()
		values, err := url.ParseQuery(params)
		if err != nil {
			t.Fatal(err)
		}
		_, err = ParseQuery(values, Defaults{Now: func() time.Time { return time.Unix(1e9, 0) }})
		var invalid *ingest.InvalidError
		if !errors.As(err, &invalid) {
			t.Errorf("%q: %v", params, err)
			return
		}
		if got := slices.Sorted(maps.Keys(invalid.Fields)); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", params, invalid.Fields, want)
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error repeats a value: %v", params, err)
		}
	}
	f("from=secret&to=secret&by=secret&model=secret&lookback=secret&tz=secret&currency=secret&format=secret&shoe=1&workspace=a&workspace=b",
		"by", "currency", "format", "from", "lookback", "model", "shoe", "to", "tz", "workspace")
	f("from=2026-02-01&to=2026-01-01", "to")
	f("from=2026-02-30&to=2026-03-01", "from")
	f("from=2038-01-01", "from", "to")
	f("to=31.01.2026", "to")
	f("by=day,day", "by")
	f("tz=Local", "tz")
	for _, lookback := range []string{"0d", "-1d", "30", "99999d", "1e3d", "0s", "d"} {
		f("lookback="+url.QueryEscape(lookback), "lookback")
	}
}

func TestCPL_RefusesQuery(t *testing.T) {
	t.Parallel()
	f := func(q Query, want ...string) {
		t.Helper()
		_, err := CPL(t.Context(), nil, q)
		var invalid *ingest.InvalidError
		if !errors.As(err, &invalid) || !slices.Equal(slices.Sorted(maps.Keys(invalid.Fields)), want) {
			t.Errorf("%+v: %v, want %v", q, err, want)
		}
	}
	f(Query{}, "from")
	f(Query{From: time.Unix(0, 0), To: time.Unix(0, 0), Model: "markov", TZ: time.FixedZone("+0300", 3*3600)}, "model", "tz")
	f(Query{From: time.Unix(0, 0), To: time.Unix(0, 0), Rules: []PriceRule{{Per: "month", Price: -1, Currency: "€"}}}, "rules")
}

func TestPerLead(t *testing.T) {
	t.Parallel()
	f := func(cost string, leads int64, want string) {
		t.Helper()
		if got := perLead(micros(t, cost), leads).String(); got != want {
			t.Errorf("%s / %d = %s, want %s", cost, leads, got, want)
		}
	}
	f("22000.00", 60, "366.67")
	f("20000.00", 10, "2000.00")
	f("1", 3, "0.33")
	f("0.005", 1, "0.01")
	f("0.004999", 1, "0.00")
	f("0.01", 2, "0.01")
	f("-0.01", 2, "0.00")
	f("-1", 3, "-0.33")
	f("9223372036854.774999", 1, "9223372036854.77")
}

func TestBuild_OutOfRange(t *testing.T) {
	t.Parallel()
	q := Query{From: time.Unix(0, 0), To: time.Unix(0, 0)}.filled()
	most := costFact{cell: cell{day: "1970-01-01"}, currency: "EUR", cost: 1<<63 - 1}
	if _, err := build(q, facts{costs: []costFact{most, most}}); err == nil || !strings.Contains(err.Error(), "out of range") {
		t.Errorf("costs: %v", err)
	}
	q.Rules = []PriceRule{{Per: PerClick, Price: 1 << 62, Currency: "EUR"}}
	if _, err := build(q, facts{touches: []countFact{{cell{day: "1970-01-01"}, 4}}}); err == nil {
		t.Error("charges: no error")
	}
}
