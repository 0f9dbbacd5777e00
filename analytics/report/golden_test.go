package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

var update = flag.Bool("update", false, "rewrite the wanted output of golden cases")

// goldenInput is what testdata/golden/<case>/input.json holds: a query and
// what the store counted for it.
type goldenInput struct {
	Query struct {
		From, To, TZ, Currency string
		By                     []string
	}
	Rules []struct {
		Name, Channel, Source, Medium, Campaign, Per, Price, Currency, From, To string
	}
	// day, channel, source, medium, campaign, campaign_id, currency, cost, clicks or null
	Costs [][]any
	// day, channel, source, medium, campaign, campaign_id, count
	Touches, Leads, Sales [][]any
	// source, id, name
	Campaigns      [][]string
	Inferred       int64 // of the leads, the first so many lines
	NotCounted     map[string]int64
	Quarantined    int64
	UnmatchedSales int64
}

// TestBuild_Golden joins the counts of each case and compares all three formats.
func TestBuild_Golden(t *testing.T) {
	t.Parallel()
	inputs, err := filepath.Glob("testdata/golden/*/input.json")
	if err != nil || len(inputs) < 8 {
		t.Fatalf("%d golden cases, %v", len(inputs), err)
	}
	for _, path := range inputs {
		dir := filepath.Dir(path)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			q, f := readGolden(t, path)
			r, err := build(q, f)
			if err != nil {
				t.Fatal(err)
			}
			checkSums(t, r, f)
			for format, name := range map[Format]string{Table: "want.txt", CSV: "want.csv", JSON: "want.json"} {
				var got bytes.Buffer
				if err := Write(&got, format, r); err != nil {
					t.Fatal(err)
				}
				want := filepath.Join(dir, name)
				if *update {
					if err := os.WriteFile(want, got.Bytes(), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				text, err := os.ReadFile(want)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got.Bytes(), text) {
					t.Errorf("%s: got\n%s\nwant\n%s", name, got.Bytes(), text)
				}
			}
		})
	}
}

// checkSums: totals are the sums of the rows, and no lead is lost or made.
func checkSums(t *testing.T, r Report, f facts) {
	t.Helper()
	var leads, clicks, want int64
	var cost ingest.Micros
	for _, row := range r.Rows {
		leads += row.Leads
		if row.Clicks != nil {
			clicks += *row.Clicks
		}
		if row.Cost != nil {
			cost += *row.Cost
		}
	}
	for _, l := range f.leads {
		want += l.n
	}
	if leads != want || r.Totals.Leads != want {
		t.Errorf("%d leads in rows, %d in totals, want %d", leads, r.Totals.Leads, want)
	}
	if r.Totals.Clicks != nil && *r.Totals.Clicks != clicks || r.Totals.Clicks == nil && clicks != 0 {
		t.Errorf("total clicks %v, rows %d", r.Totals.Clicks, clicks)
	}
	if r.Totals.Cost != nil && *r.Totals.Cost != cost || r.Totals.Cost == nil && cost != 0 {
		t.Errorf("total cost %v, rows %v", r.Totals.Cost, cost)
	}
}

func readGolden(t *testing.T, path string) (Query, facts) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var in goldenInput
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		t.Fatal(err)
	}
	q := Query{From: date(t, in.Query.From), To: date(t, in.Query.To), By: in.Query.By, Currency: in.Query.Currency}
	if in.Query.TZ != "" {
		if q.TZ, err = time.LoadLocation(in.Query.TZ); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range in.Rules {
		q.Rules = append(q.Rules, PriceRule{
			Name: r.Name, Channel: r.Channel, Source: r.Source, Medium: r.Medium, Campaign: r.Campaign, Per: r.Per,
			Price: micros(t, r.Price), Currency: r.Currency, From: date(t, r.From), To: date(t, r.To),
		})
	}
	f := facts{notCounted: in.NotCounted, quarantined: in.Quarantined, unmatchedSales: in.UnmatchedSales}
	for _, c := range in.Costs {
		cost := costFact{cell: cellOf(c), currency: c[6].(string), cost: micros(t, c[7].(string))}
		if c[8] != nil {
			n := int64(c[8].(float64))
			cost.clicks = &n
		}
		f.costs = append(f.costs, cost)
	}
	for _, c := range in.Touches {
		f.touches = append(f.touches, countFact{cellOf(c), int64(c[6].(float64))})
	}
	for i, c := range in.Leads {
		f.leads = append(f.leads, leadFact{cellOf(c), int64(i) < in.Inferred, int64(c[6].(float64))})
	}
	for _, c := range in.Sales {
		f.sales = append(f.sales, leadFact{cellOf(c), false, int64(c[6].(float64))})
	}
	for _, c := range in.Campaigns {
		f.campaigns = append(f.campaigns, campaignFact{c[0], c[1], c[2]})
	}
	return q.filled(), f
}

func cellOf(c []any) cell {
	text := func(i int) string { return c[i].(string) }
	return cell{text(0), text(1), text(2), text(3), text(4), text(5)}
}

func date(t *testing.T, text string) time.Time {
	t.Helper()
	if text == "" {
		return time.Time{}
	}
	d, err := time.Parse(time.DateOnly, text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func micros(t *testing.T, text string) ingest.Micros {
	t.Helper()
	m, err := ingest.ParseMicros(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
