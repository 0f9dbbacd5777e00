package costs

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/leadgate/leadgate/ingest"
)

// costRow is what one row, or several of the same grain, cost.
type costRow struct {
	key  string
	cost ingest.Cost
}

// reading is what the rows of a file have in common.
type reading struct {
	*table
	problems
	order   string // of dates; "" if it is not known
	decimal byte   // sign of amounts; 0 if it is not known
	money   unit
	hours   bool // rows may be about an hour
	level   string
}

// bad notes a problem of a row.
func (r *reading) bad(line row, what, format string, args ...any) {
	r.add(r.unit, line.line, what, format, args...)
}

// readRows reads every row and adds up those of the same grain, which
// segmented exports (by device, by network) have.
func (c *Cost) readRows(t *table) ([]costRow, error) {
	if t.unit == "record" && len(t.rows) == 0 && t.problems.count == 0 {
		return nil, nil
	}
	if t.column[colSource] < 0 && t.column[colPlatform] < 0 && c.source() == "" {
		return nil, fileError(errors.New("has no source column; add it or set options.source"))
	}
	r := c.newReading(t)
	rows := make([]costRow, 0, len(t.rows))
	index := make(map[string]int, len(t.rows))
	for _, line := range t.rows {
		next, ok := c.readRow(r, line)
		if !ok {
			continue
		}
		at, known := index[next.key]
		if !known {
			index[next.key] = len(rows)
			rows = append(rows, next)
		} else if !join(&rows[at].cost, next.cost) {
			r.bad(line, "cost", "the sum of this day's rows is out of range")
		}
	}
	if len(rows) > maxGrains && r.count == 0 {
		return nil, fileError(fmt.Errorf("has more than %d days of campaigns or ads; split it by date", maxGrains))
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	return rows, nil
}

// newReading finds out what the rows have in common. What is configured comes
// first, then what the format says, then what the file shows.
func (c *Cost) newReading(t *table) *reading {
	r := &reading{table: t, problems: t.problems, hours: c.format.hours, level: t.level()}
	if r.order = cmp.Or(c.options.DateFormat, c.format.order); r.order == "" {
		r.settleOrder()
	}
	// LinkedIn tells two amounts. That in USD is right whatever the account is in.
	if t.column[colCostUSD] >= 0 && (t.column[colCost] < 0 || c.config.Currency == "USD" || c.config.Currency == "") {
		t.column[colCost], t.currency = t.column[colCostUSD], "USD"
	}
	r.money = c.format.money
	if t.unit == "record" {
		r.money = c.format.json.money
	}
	if r.money = cmp.Or(unit(c.options.Money), r.money, inUnits); r.money == inEither {
		r.settleMoney()
	}
	r.decimal = (c.options.Decimal + "\x00")[0]
	switch {
	case r.decimal != 0:
	case t.unit == "record":
		r.decimal = '.'
	case c.format.decimal != 0:
		r.decimal = c.format.decimal
	default:
		r.settleDecimal()
	}
	return r
}

// settleMoney takes amounts for units if any has decimals.
func (r *reading) settleMoney() {
	for _, line := range r.rows {
		if strings.ContainsAny(r.cell(line, colCost), ".,") {
			r.money = inUnits
			return
		}
	}
}

// settleOrder finds the order of figures like 1/31/2026 in the whole column.
func (r *reading) settleOrder() {
	from := 0
	for _, line := range r.rows {
		for _, c := range [...]column{colDate, colStart, colEnd} {
			d, err := r.date(line, c)
			order := d.order()
			switch {
			case err != nil || order == "":
			case r.order == "":
				r.order, from = order, line.line
			case r.order != order:
				r.bad(line, "date", "the day and the month stand the other way round than in line %d", from)
				return
			}
		}
	}
}

// settleDecimal finds the decimal sign of the cost column; where that has no
// doubt about it, of the counts, whose separators can only be thousands.
func (r *reading) settleDecimal() {
	from := 0
	for _, line := range r.rows {
		a, err := splitAmount(r.cell(line, colCost))
		if err != nil {
			continue
		}
		sign, _ := decimalOf(a.digits)
		switch {
		case sign == 0:
		case r.decimal == 0:
			r.decimal, from = sign, line.line
		case r.decimal != sign:
			r.bad(line, "cost", "has another decimal sign than line %d", from)
			return
		}
	}
	for _, line := range r.rows {
		for _, c := range [...]column{colClicks, colImpressions} {
			cell := r.cell(line, c)
			if at := strings.IndexAny(cell, ".,"); r.decimal == 0 && at > 0 {
				if _, err := ungroup(cell); err == nil {
					r.decimal = '.' + ',' - cell[at]
				}
			}
		}
	}
}

// readRow reads one row, and notes what is wrong with it.
func (c *Cost) readRow(r *reading, line row) (costRow, bool) {
	before := r.count + r.dropped
	cell := func(column column) string { return r.cell(line, column) }
	cost := ingest.Cost{
		Account:    cmp.Or(cell(colAccount), c.options.Account),
		Source:     cmp.Or(cell(colSource), c.source()),
		Medium:     cmp.Or(cell(colMedium), c.options.Medium, c.format.medium),
		Campaign:   cell(colCampaign),
		CampaignID: cell(colCampaignID),
		Adgroup:    cell(colAdgroup),
		AdgroupID:  cell(colAdgroupID),
		Ad:         cell(colAd),
		AdID:       cell(colAdID),
		Keyword:    cell(colKeyword),
		Currency:   cmp.Or(strings.ToUpper(cell(colCurrency)), r.currency, c.config.Currency),
	}
	cost.Platform = cmp.Or(cell(colPlatform), c.format.platform, strings.ToLower(cost.Source))
	if cost.Platform == "" {
		r.bad(line, "source", "missing")
	}
	var err error
	if cost.Day, err = r.day(line); err != nil {
		r.bad(line, "date", "%s", err)
	}
	switch {
	case cost.Currency == "":
		r.bad(line, "currency", "missing: it stands in no column, in no header and not in the source's configuration")
	case !knownCurrency(cost.Currency):
		r.bad(line, "currency", "not an ISO 4217 code")
	default:
		if cost.Amount, err = r.amount(line, cost.Currency, c.format.own); err != nil {
			r.bad(line, "cost", "%s", err)
		}
	}
	if cost.Clicks, err = r.number(line, colClicks); err != nil {
		r.bad(line, "clicks", "%s", err)
	}
	if cost.Impressions, err = r.number(line, colImpressions); err != nil {
		r.bad(line, "impressions", "%s", err)
	}
	if r.count+r.dropped > before {
		return costRow{}, false
	}
	cost.Level = r.level
	cost.Slice = ingest.Digest("slice", cost.Day, cost.Level, cell(colAccount), strings.ToLower(cmp.Or(cell(colPlatform), cell(colSource))))
	return costRow{key: r.grain(cell, cost.Day, cost.Currency), cost: cost}, true
}

// levels are what costs can be broken down to, the finest last.
var levels = [...]struct {
	name    string
	columns []column
}{
	{"campaign", []column{colCampaign, colCampaignID}},
	{"adgroup", []column{colAdgroup, colAdgroupID}},
	{"ad", []column{colAd, colAdID}},
	{"keyword", []column{colKeyword}},
}

// levelOf returns the finest level of which there is something, account if
// there is none.
func levelOf(there func(column) bool) string {
	name := "account"
	for _, l := range levels {
		if slices.ContainsFunc(l.columns, there) {
			name = l.name
		}
	}
	return name
}

// level is what the file is broken down to, by the columns that it has: rows in
// which they are empty are a part of the same whole.
func (t *table) level() string {
	return levelOf(func(c column) bool { return t.column[c] >= 0 })
}

// source is what rows are matched with that do not say it themselves.
func (c *Cost) source() string { return cmp.Or(c.options.Source, c.format.source) }

// grain is the key of a row: what the file itself says it is about. Ids stand
// for names, which may be changed; options stay out, or a changed option would
// count every day a second time. Nor is the level in it, unless the row's own
// fields are those of another.
func (r *reading) grain(cell func(column) string, day, currency string) string {
	named := func(id, name column) string {
		if text := cell(id); text != "" {
			return "id " + text
		}
		return "name " + cell(name)
	}
	parts := []string{
		"cost", day, currency, cell(colPlatform), cell(colAccount), cell(colSource), cell(colMedium),
		named(colCampaignID, colCampaign), named(colAdgroupID, colAdgroup), named(colAdID, colAd), cell(colKeyword),
	}
	if levelOf(func(c column) bool { return cell(c) != "" }) != r.level {
		parts = append(parts, r.level)
	}
	return ingest.Digest(parts...)
}

// day reads the one day that a row is about.
func (r *reading) day(line row) (string, error) {
	if r.column[colDate] >= 0 {
		return r.dayOf(line, colDate)
	}
	start, err := r.dayOf(line, colStart)
	if err != nil {
		return "", err
	}
	end, err := r.dayOf(line, colEnd)
	if err != nil {
		return "", err
	}
	if start != end {
		return "", errors.New("the row is about several days; export the report with a breakdown by day" + with(r.daily))
	}
	return start, nil
}

func (r *reading) dayOf(line row, c column) (string, error) {
	if r.cell(line, c) == "" {
		return "", errors.New("missing")
	}
	d, err := r.date(line, c)
	if err != nil {
		return "", err
	}
	return d.day(r.order)
}

func (r *reading) date(line row, c column) (date, error) {
	cell, err := oneDay(r.cell(line, c))
	if err != nil {
		return date{}, err
	}
	if r.hours {
		cell = hourless(cell)
	}
	return parseDate(cell)
}

// amount reads the cost. Platforms leave it empty where nothing was spent.
func (r *reading) amount(line row, currency string, needed bool) (ingest.Micros, error) {
	text := r.text(line, colCost)
	switch {
	case text == "" && needed:
		return 0, errors.New("missing")
	case noValue(text):
		return 0, nil
	}
	if r.unit == "record" {
		text, _ = rounded(text)
	}
	if r.money != inUnits {
		return readMicros(text, r.money == inMicros)
	}
	a, err := splitAmount(text)
	if err != nil {
		return 0, err
	}
	if _, doubtful := decimalOf(a.digits); doubtful && r.decimal == 0 {
		return 0, errAmbiguous
	}
	return a.money(r.decimal, currency)
}

func (r *reading) number(line row, c column) (*int64, error) {
	text := r.cell(line, c)
	if text == "" {
		return nil, nil
	}
	a, err := splitAmount(text)
	if err != nil {
		return nil, errCount
	}
	n, err := a.count(r.decimal)
	if err != nil {
		return nil, err
	}
	return &n, nil
}

// join adds what another row of the same grain cost. It reports whether the
// sums are in range.
func join(to *ingest.Cost, from ingest.Cost) bool {
	sum := to.Amount + from.Amount
	if (from.Amount > 0) != (sum > to.Amount) && from.Amount != 0 {
		return false
	}
	to.Amount = sum
	return joinCount(&to.Clicks, from.Clicks) && joinCount(&to.Impressions, from.Impressions)
}

func joinCount(to **int64, from *int64) bool {
	switch {
	case from == nil:
	case *to == nil:
		*to = from
	default:
		**to += *from
		return **to >= 0
	}
	return true
}
