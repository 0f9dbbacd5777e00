package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/leadgate/leadgate/analytics/channel"
	"github.com/leadgate/leadgate/ingest"
)

// cell is the finest grain that costs, clicks and leads are counted by.
type cell struct{ day, channel, source, medium, campaign, campaignID string }

// facts is what the store knows for a query.
type facts struct {
	costs     []costFact
	touches   []countFact
	leads     []leadFact
	sales     []leadFact
	campaigns []campaignFact
	// notCounted are the leads of the range by verdict, unique ones apart.
	notCounted  map[string]int64
	quarantined int64
	// unmatchedSales are won statuses of the range that name no known lead.
	unmatchedSales int64
}

type costFact struct {
	cell
	currency string
	cost     ingest.Micros
	clicks   *int64
}

type countFact struct {
	cell
	n int64
}

type leadFact struct {
	cell
	inferred bool
	n        int64
}

// campaignFact is the latest name of a campaign id, over all time.
type campaignFact struct{ source, id, name string }

// builder joins facts into a report.
type builder struct {
	q         Query
	names     *campaigns
	imported  coverage // where any cost row was imported
	clicked   coverage // where imported cost rows tell clicks
	byKey     map[string]*line
	money     map[string]int64 // by currency, costs and charges together
	currency  string
	skipped   map[int]int64 // by index of the rule
	uncounted int64         // touches that imported clicks stand for, under another campaign
}

type line struct {
	keys []string
	sums
}

// build makes the report from what the store counted.
func build(q Query, f facts) (Report, error) {
	b := &builder{
		q: q, names: newCampaigns(f), imported: coverage{}, clicked: coverage{},
		byKey: map[string]*line{}, money: map[string]int64{}, skipped: map[int]int64{},
	}
	b.names.resolve(f)
	for _, c := range f.costs {
		b.imported.add(c.cell)
		if c.clicks != nil {
			b.clicked.add(c.cell)
		}
	}
	charges, err := b.charges(f)
	if err != nil {
		return Report{}, err
	}
	for _, c := range append(slices.Clip(f.costs), charges...) {
		if b.money[c.currency], err = add(b.money[c.currency], int64(c.cost)); err != nil {
			return Report{}, err
		}
	}
	if err := b.chooseCurrency(); err != nil {
		return Report{}, err
	}
	if err := b.addAll(f, charges); err != nil {
		return Report{}, err
	}
	return b.report(f)
}

func (b *builder) chooseCurrency() error {
	b.currency = b.q.Currency
	if b.currency != "" || len(b.money) == 0 {
		return nil
	}
	found := slices.Sorted(maps.Keys(b.money))
	if len(found) > 1 {
		return &CurrencyError{Currencies: found}
	}
	b.currency = found[0]
	return nil
}

// addAll puts every fact into its line.
func (b *builder) addAll(f facts, charges []costFact) error {
	for _, c := range f.costs {
		l := b.line(c.cell)
		if c.clicks != nil {
			l.addClicks(*c.clicks)
		}
		if c.currency == b.currency {
			if err := l.addCost(c.cost); err != nil {
				return err
			}
		}
	}
	for _, c := range charges {
		if c.currency == b.currency {
			if err := b.line(c.cell).addCost(c.cost); err != nil {
				return err
			}
		}
	}
	for _, t := range f.touches {
		switch covered, exact := b.clicked.covers(t.cell); {
		case !covered:
			b.line(t.cell).addClicks(t.n)
		case !exact:
			b.uncounted += t.n
		}
	}
	for _, l := range f.leads {
		b.line(l.cell).leads += l.n
	}
	return nil
}

// line returns the line that a cell belongs to.
func (b *builder) line(c cell) *line {
	keys := make([]string, len(b.q.By))
	for i, key := range b.q.By {
		keys[i] = c.key(key)
	}
	id := strings.Join(keys, "\x00")
	l := b.byKey[id]
	if l == nil {
		l = &line{keys: keys}
		b.byKey[id] = l
	}
	return l
}

func (c cell) key(key string) string {
	switch key {
	case ByChannel:
		return c.channel
	case BySource:
		return c.source
	case ByMedium:
		return c.medium
	case ByCampaign:
		return c.campaign
	case ByCampaignID:
		return c.campaignID
	case ByDay:
		return c.day
	case ByMonth:
		return c.day[:len("2006-01")]
	case ByWeek:
		t, err := time.Parse(time.DateOnly, c.day)
		if err != nil {
			panic("BUG: the store told a day that is none: " + c.day)
		}
		year, week := t.ISOWeek()
		return fmt.Sprintf("%04d-W%02d", year, week)
	}
	panic("BUG: no such key: " + key)
}

func (b *builder) report(f facts) (Report, error) {
	r := Report{
		Query: Echo{
			Report: "cpl", Workspace: b.q.Workspace, From: day(b.q.From), To: day(b.q.To), TZ: b.q.TZ.String(),
			By: b.q.By, Model: b.q.Model, Lookback: durationText(b.q.Lookback), Conversion: "unique lead",
		},
		Columns: slices.Concat(b.q.By, Measures),
		Rows:    make([]Row, 0, len(b.byKey)),
	}
	if b.currency != "" {
		r.Query.Currency = &b.currency
	}
	var total sums
	for _, l := range b.byKey {
		if l.sums == (sums{}) {
			continue // nothing but clicks that stand on another line
		}
		r.Rows = append(r.Rows, l.row(l.keys, b.currency))
		total.leads += l.leads
		if l.hasClicks {
			total.addClicks(l.clicks)
		}
		if l.hasCost {
			if err := total.addCost(ingest.Micros(l.cost)); err != nil {
				return Report{}, err
			}
		}
	}
	r.Totals = total.row(nil, b.currency)
	slices.SortFunc(r.Rows, b.compare)
	r.Notes = b.notes(f, r.Rows)
	return r, nil
}

// compare orders rows: time ascending where it is a key, then cost and leads
// descending, then by key so that the order is always the same.
func (b *builder) compare(x, y Row) int {
	for i, key := range b.q.By {
		if key == ByDay || key == ByWeek || key == ByMonth {
			if c := strings.Compare(x.Keys[i], y.Keys[i]); c != 0 {
				return c
			}
		}
	}
	costOf := func(r Row) ingest.Micros {
		if r.Cost == nil {
			return -1 << 63
		}
		return *r.Cost
	}
	return cmp.Or(cmp.Compare(costOf(y), costOf(x)), cmp.Compare(y.Leads, x.Leads), slices.Compare(x.Keys, y.Keys))
}

// coverage knows where the platform's own figures are. Tags seldom carry the
// medium as the platform's export has it, so the medium does not count; and a
// missing campaign may be any campaign of that day, channel and platform.
type coverage map[ground]map[string]bool

type ground struct{ day, channel, platform string }

func groundOf(c cell) ground { return ground{c.day, c.channel, channel.Platform(c.source)} }

func (v coverage) add(c cell) {
	g := groundOf(c)
	if v[g] == nil {
		v[g] = map[string]bool{}
	}
	v[g][c.campaign] = true
}

// covers tells whether there are figures for the cell, and whether under its
// very campaign.
func (v coverage) covers(c cell) (covered, exact bool) {
	known := v[groundOf(c)]
	exact = known[c.campaign]
	return exact || known[""] || c.campaign == "" && len(known) > 0, exact
}

// charges are what the price rules add where no cost was imported.
func (b *builder) charges(f facts) ([]costFact, error) {
	var out []costFact
	charge := func(per string, c cell, n int64) error {
		i := slices.IndexFunc(b.q.Rules, func(r PriceRule) bool { return r.Per == per && r.matches(b.q.Workspace, c) })
		if i < 0 || n == 0 {
			return nil
		}
		rule := &b.q.Rules[i]
		if covered, _ := b.imported.covers(c); covered {
			b.skipped[i] += n
			return nil
		}
		cost, err := times(rule.Price, n)
		out = append(out, costFact{cell: c, currency: rule.Currency, cost: cost})
		return err
	}
	for _, t := range f.touches {
		if err := charge(PerClick, t.cell, t.n); err != nil {
			return nil, err
		}
	}
	for per, leads := range map[string][]leadFact{PerLead: f.leads, PerSale: f.sales} {
		for _, l := range leads {
			if err := charge(per, l.cell, l.n); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}
