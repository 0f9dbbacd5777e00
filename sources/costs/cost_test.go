package costs_test

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
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
	f("a level that the row does not show", named, strings.NewReplacer("campaign,", "campaign,ad,", ",a,", ",a,,").Replace(named), nil, false)
	f("an option set later", named, named, map[string]any{"medium": "ppc", "account": "x"}, true)
}

// A slice is one day of one account at one level, whatever the rows say.
func TestCost_Slices(t *testing.T) {
	t.Parallel()
	slice := func(header, line string, options map[string]any) string {
		t.Helper()
		events, err := decode(t, options, header+"\n"+line+"\n")
		if err != nil || len(events) != 1 || !events[0].Cost.Whole {
			t.Fatalf("%s: %d events, %v", line, len(events), err)
		}
		return events[0].Cost.Slice
	}
	const header = "date,source,medium,account,campaign_id,campaign,cost,clicks"
	one := slice(header, "2026-01-04,google,cpc,1,7,a,1.00,5", nil)
	f := func(what, header, line string, options map[string]any, same bool) {
		t.Helper()
		if got := slice(header, line, options) == one; got != same {
			t.Errorf("%s: same slice %v, want %v", what, got, same)
		}
	}
	f("another campaign", header, "04.01.2026,Google,display,1,8,b,2.00,6", nil, true)
	f("an option set later", header, "2026-01-04,google,cpc,1,7,a,1.00,5", map[string]any{"account": "9", "medium": "x"}, true)
	f("no name", header, "2026-01-04,google,cpc,1,,,1.00,5", nil, true)
	f("another day", header, "2026-01-05,google,cpc,1,7,a,1.00,5", nil, false)
	f("another account", header, "2026-01-04,google,cpc,2,7,a,1.00,5", nil, false)
	f("another platform", header, "2026-01-04,bing,cpc,1,7,a,1.00,5", nil, false)
	f("a finer level", header+",ad", "2026-01-04,google,cpc,1,7,a,1.00,5,", nil, false)
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
	f(option("format", "excel"), "csv, ga4, google-ads, google-ads-csv, json, linkedin, meta, meta-csv, microsoft-ads, tiktok, yandex-direct, yandex-metrica")
	f(option("money", "cents"), "options.money")
	f(option("replace", "week"), "options.replace")
	f(option("rows", "data"), "options.rows")
	f(option("mapping", map[string]any{"costs": "x"}), "options.mapping")
	f(option("mapping", map[string]any{"cost": " "}), "options.mapping.cost")
	f(option("mapping", map[string]any{"cost": "x", "clicks": "X"}), "another column")
	f(func(c *ingest.SourceConfig) { c.Currency = "EURO" }, "currency")
	f(func(c *ingest.SourceConfig) { c.Secrets = nil }, "secret")
}

// What a body can make us allocate grows with its size and no faster.
func TestCost_HostileJSON(t *testing.T) {
	spent := func(format, body string) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _ = decode(t, map[string]any{"format": format}, body)
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	for name, body := range map[string]func(n int) string{
		"long key above many": func(n int) string {
			return `{"` + strings.Repeat("a", n/2) + `":{` + strings.Repeat(`"b":1,`, n/12) + `"c":1}}`
		},
		"long key in a record": func(n int) string {
			return `{"data":[{"` + strings.Repeat("a", n/2) + `":{` + strings.Repeat(`"b":1,`, n/12) + `"c":1}}]}`
		},
		"many paths":      func(n int) string { return `{"a":[` + strings.Repeat(`{"b":"c"},`, n/10) + `{}]}` },
		"empty records":   func(n int) string { return `{"data":[` + strings.Repeat(`{},`, n/3) + `{}]}` },
		"pivots":          func(n int) string { return `{"elements":[{"pivotValues":[` + strings.Repeat(`"x",`, n/4) + `"x"]}]}` },
		"keys of records": func(n int) string { return `{"data":[{` + strings.Repeat(`"spend":"1",`, n/12) + `"a":1}]}` },
		"deep":            func(n int) string { return strings.Repeat("[", n) },
		"digits": func(n int) string {
			return `{"data":[{"spend":` + strings.Repeat("1", n) + `,"date_start":"2026-01-04","date_stop":"2026-01-04"}]}`
		},
		"error": func(n int) string { return `{"error":{"message":"` + strings.Repeat("a ", n/2) + `"}}` },
	} {
		for _, format := range []string{"meta", "linkedin", "json"} {
			const small, large = 64 << 10, 512 << 10
			few, many := spent(format, body(small)), spent(format, body(large))
			if many > 12*few+(1<<20) || many > 200*large {
				t.Errorf("%s, %s: %d bytes for %d, %d for %d", format, name, few, small, many, large)
			}
		}
	}
}

func BenchmarkCostJSON(b *testing.B) {
	var body bytes.Buffer
	body.WriteString(`{"data":[`)
	for i := range 1000 {
		if i > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `{"account_id":"1","account_currency":"EUR","campaign_id":"%d","campaign_name":"c","spend":"%d.50","clicks":"3","impressions":"9",`+
			`"actions":[{"action_type":"lead","value":"3"}],"date_start":"2026-01-04","date_stop":"2026-01-04"}`, i, i)
	}
	body.WriteString(`]}`)
	c := config()
	c.Options = map[string]any{"format": "meta"}
	source, err := costs.NewCost(c)
	if err != nil {
		b.Fatal(err)
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
