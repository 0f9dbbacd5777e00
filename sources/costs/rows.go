package costs

import (
	"cmp"
	"errors"
	"fmt"
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
}

// readRows reads every row and adds up those of the same grain, which
// segmented exports (by device, by network) have.
func (c *Cost) readRows(t *table) ([]costRow, error) {
	if t.column[colSource] < 0 && t.column[colPlatform] < 0 && c.source() == "" {
		return nil, fileError(errors.New("has no source column; add it or set options.source"))
	}
	r := &reading{table: t, problems: t.problems, order: c.options.DateFormat}
	if r.order == "" {
		r.settleOrder()
	}
	if r.decimal = (c.options.Decimal + "\x00")[0]; r.decimal == 0 {
		r.settleDecimal()
	}
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
			r.add(line.line, "cost", "the sum of this day's rows is out of range")
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

// settleOrder finds the order of figures like 1/31/2026 in the whole column.
func (r *reading) settleOrder() {
	from := 0
	for _, line := range r.rows {
		for _, c := range [...]column{colDate, colStart, colEnd} {
			d, err := parseDate(r.cell(line, c))
			order := d.order()
			switch {
			case err != nil || order == "":
			case r.order == "":
				r.order, from = order, line.line
			case r.order != order:
				r.add(line.line, "date", "the day and the month stand the other way round than in line %d", from)
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
			r.add(line.line, "cost", "has another decimal sign than line %d", from)
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
		r.add(line.line, "source", "missing")
	}
	var err error
	if cost.Day, err = r.day(line); err != nil {
		r.add(line.line, "date", "%s", err)
	}
	switch {
	case cost.Currency == "":
		r.add(line.line, "currency", "missing: it stands in no column, in no header and not in the source's configuration")
	case !knownCurrency(cost.Currency):
		r.add(line.line, "currency", "not an ISO 4217 code")
	default:
		if cost.Amount, err = r.amount(line, cost.Currency, c.format.own); err != nil {
			r.add(line.line, "cost", "%s", err)
		}
	}
	if cost.Clicks, err = r.number(line, colClicks); err != nil {
		r.add(line.line, "clicks", "%s", err)
	}
	if cost.Impressions, err = r.number(line, colImpressions); err != nil {
		r.add(line.line, "impressions", "%s", err)
	}
	if r.count+r.dropped > before {
		return costRow{}, false
	}
	return costRow{key: grain(cell, cost.Day, cost.Currency), cost: cost}, true
}

// source is what rows are matched with that do not say it themselves.
func (c *Cost) source() string { return cmp.Or(c.options.Source, c.format.source) }

// grain is the key of a row: what the file itself says it is about. Ids stand
// for names, which may be changed; options stay out, or a changed option would
// count every day a second time.
func grain(cell func(column) string, day, currency string) string {
	named := func(id, name column) string {
		if text := cell(id); text != "" {
			return "id " + text
		}
		return "name " + cell(name)
	}
	return ingest.Digest("cost", day, currency, cell(colPlatform), cell(colAccount), cell(colSource), cell(colMedium),
		named(colCampaignID, colCampaign), named(colAdgroupID, colAdgroup), named(colAdID, colAd), cell(colKeyword))
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
		return "", errors.New("the row is about several days; export the report with a breakdown by day")
	}
	return start, nil
}

func (r *reading) dayOf(line row, c column) (string, error) {
	cell := r.cell(line, c)
	if cell == "" {
		return "", errors.New("missing")
	}
	d, err := parseDate(cell)
	if err != nil {
		return "", err
	}
	return d.day(r.order)
}

// amount reads the cost. Platforms leave it empty where nothing was spent.
func (r *reading) amount(line row, currency string, needed bool) (ingest.Micros, error) {
	text := strings.TrimSpace(line.cells[r.column[colCost]])
	switch {
	case text == "" && needed:
		return 0, errors.New("missing")
	case noValue(text):
		return 0, nil
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
