package costs_test

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/costs"
	"github.com/leadgate/leadgate/sources/sourcetest"
)

func harness(format string) sourcetest.Options {
	return sourcetest.Options{
		New:        costs.NewCost,
		Config:     config(),
		Dir:        "testdata/" + format,
		FirstParty: true,
		Headers:    []string{"Authorization"},
	}
}

func config() ingest.SourceConfig {
	return ingest.SourceConfig{Name: "costs", Secrets: []string{"own-cost-token"}, Currency: "USD"}
}

func TestCost(t *testing.T) {
	t.Parallel()
	for _, format := range costs.Formats() {
		t.Run(format, func(t *testing.T) { sourcetest.Run(t, harness(format)) })
	}
}

func FuzzCost(f *testing.F)          { sourcetest.Fuzz(f, harness("csv")) }
func FuzzCostGoogleAds(f *testing.F) { sourcetest.Fuzz(f, harness("google-ads-csv")) }
func FuzzCostMeta(f *testing.F)      { sourcetest.Fuzz(f, harness("meta-csv")) }

// Every format's bodies through every format.
func FuzzCostFormats(f *testing.F) {
	formats := costs.Formats()
	for i, format := range formats {
		dirs, _ := filepath.Glob("testdata/" + format + "/*/request.http")
		for _, path := range dirs {
			d, err := sourcetest.Read(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(uint8(i), d.Body)
		}
	}
	f.Fuzz(func(t *testing.T, format uint8, body []byte) {
		events, err := decode(t, map[string]any{"format": formats[int(format)%len(formats)], "source": "x"}, string(body))
		if err != nil && len(events) > 0 {
			t.Error("events besides an error")
		}
		seen := make(map[string]bool)
		for _, e := range events {
			if seen[e.Key] || e.Cost == nil || e.Cost.Slice == "" || e.Cost.Level == "" {
				t.Fatalf("%+v %+v", e, e.Cost)
			}
			seen[e.Key] = true
			if _, err := time.Parse(time.DateOnly, e.Cost.Day); err != nil {
				t.Error(err)
			}
		}
	})
}

func decode(t testing.TB, options map[string]any, body string) ([]ingest.Event, error) {
	t.Helper()
	c := config()
	c.Options = options
	source, err := costs.NewCost(c)
	if err != nil {
		t.Fatal(err)
	}
	return source.Decode(&ingest.Delivery{ReceivedAt: time.Unix(1767614400, 0), Body: []byte(body)})
}

// A restated day must land on the row it restates, also when the campaign was
// renamed or an option changed meanwhile.
func TestCost_RestatedRowsKeepTheirKey(t *testing.T) {
	t.Parallel()
	f := func(what, before, after string, options map[string]any, same bool) {
		t.Helper()
		first, err := decode(t, nil, before)
		if err != nil {
			t.Fatal(err)
		}
		second, err := decode(t, options, after)
		if err != nil {
			t.Fatal(err)
		}
		if got := first[0].Key == second[0].Key; got != same {
			t.Errorf("%s: same key %v, want %v", what, got, same)
		}
	}
	const named = "date,source,medium,campaign,cost\n2026-01-04,google,cpc,a,1.00\n"
	const withID = "date,source,medium,campaign_id,campaign,cost\n2026-01-04,google,cpc,7,a,1.00\n"
	f("other cost", named, strings.Replace(named, "1.00", "2.00", 1), nil, true)
	f("other notation of the day", named, strings.Replace(named, "2026-01-04", "04.01.2026", 1), nil, true)
	f("renamed campaign with an id", withID, strings.Replace(withID, ",a,", ",b,", 1), nil, true)
	f("other campaign", named, strings.Replace(named, ",a,", ",b,", 1), nil, false)
	f("other day", named, strings.Replace(named, "01-04", "01-05", 1), nil, false)
	f("an option set later", named, named, map[string]any{"medium": "ppc", "account": "x"}, true)
}

func TestCost_TooManyRows(t *testing.T) {
	t.Parallel()
	f := func(rows int, line func(int) string, want string) {
		t.Helper()
		var body strings.Builder
		body.WriteString("date,source,campaign,cost\n")
		for i := range rows {
			body.WriteString(line(i))
		}
		_, err := decode(t, nil, body.String())
		var invalid *ingest.InvalidError
		if want == "" && err != nil || want != "" && (!errors.As(err, &invalid) || !strings.Contains(invalid.Fields["file"], want)) {
			t.Errorf("%d rows: got %v, want %q", rows, err, want)
		}
	}
	same := func(int) string { return "2026-01-04,google,a,1.00\n" }
	other := func(i int) string { return fmt.Sprintf("2026-01-04,google,%d,1.00\n", i) }
	f(200_000, same, "")
	f(200_001, same, "more than 200000 rows")
	f(100_001, other, "more than 100000 days")
}

func TestCost_SumOutOfRange(t *testing.T) {
	t.Parallel()
	_, err := decode(t, nil, "date,source,cost\n"+strings.Repeat("2026-01-04,google,9000000000000\n", 2))
	var invalid *ingest.InvalidError
	if !errors.As(err, &invalid) || invalid.Fields["line 3: cost"] == "" {
		t.Errorf("got %v, want line 3 refused", err)
	}
}

func TestNewCost_Refuses(t *testing.T) {
	t.Parallel()
	f := func(change func(*ingest.SourceConfig), want string) {
		t.Helper()
		c := config()
		change(&c)
		if _, err := costs.NewCost(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error about %q", err, want)
		}
	}
	option := func(key string, value any) func(*ingest.SourceConfig) {
		return func(c *ingest.SourceConfig) { c.Options = map[string]any{key: value} }
	}
	f(option("format", "xlsx"), "options.format")
	f(option("date_format", "YDM"), "options.date_format")
	f(option("decimal", ";"), "options.decimal")
	f(option("fromat", "csv"), "fromat")
	f(func(c *ingest.SourceConfig) { c.Currency = "EURO" }, "currency")
	f(func(c *ingest.SourceConfig) { c.Secrets = nil }, "secret")
}

func BenchmarkCost(b *testing.B) {
	source, err := costs.NewCost(config())
	if err != nil {
		b.Fatal(err)
	}
	var body bytes.Buffer
	body.WriteString("date,source,medium,campaign,cost,currency,clicks,impressions\n")
	for i := range 1000 {
		fmt.Fprintf(&body, "2026-01-%02d,google,cpc,campaign %d,\"1,%03d.50\",EUR,%d,%d\n", 1+i%28, i, i, i, 10*i)
	}
	d := &ingest.Delivery{ReceivedAt: time.Unix(1767614400, 0), Body: body.Bytes()}
	b.SetBytes(int64(body.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if events, err := source.Decode(d); err != nil || len(events) != 1000 {
			b.Fatal(len(events), err)
		}
	}
}
