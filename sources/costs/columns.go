package costs

import (
	"fmt"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// column is what a column of a cost file says.
type column int

const (
	colDate column = iota
	colStart
	colEnd
	colPeriod
	colPlatform
	colSource
	colMedium
	colAccount
	colCampaign
	colCampaignID
	colAdgroup
	colAdgroupID
	colAd
	colAdID
	colKeyword
	colCost
	colCurrency
	colClicks
	colImpressions
	colCostUSD // LinkedIn's second amount
	columnCount
)

// columnNames are the names of Leadgate's own format, which refusals use.
var columnNames = [columnCount]string{
	"date", "start", "end", "period", "platform", "source", "medium", "account", "campaign", "campaign_id",
	"adgroup", "adgroup_id", "ad", "ad_id", "keyword", "cost", "currency", "clicks", "impressions", "cost in USD",
}

// use is a column under one of its names. Where a file has several columns
// for one thing the higher rank wins.
type use struct {
	column column
	rank   int
	mapped bool // by options.mapping
}

// names are the headers of one column, separated by commas, as headerName
// returns them.
type names struct {
	column column
	rank   int
	list   string
}

func columnsFrom(list []names) map[string]use {
	columns := make(map[string]use)
	for _, n := range list {
		for name := range strings.SplitSeq(n.list, ", ") {
			columns[name] = use{column: n.column, rank: n.rank}
		}
	}
	return columns
}

var headerMarks = strings.NewReplacer("_", " ", "’", "'", "\u00a0", " ", "\u202f", " ", "ё", "е", "*", "")

// Bounds of the header cells that can name a column: how many are looked at, and how
// long they are, in bytes.
const (
	maxColumns    = 1000
	maxHeaderName = 512
)

// headerName returns a header cell in the form of the tables above.
func headerName(cell string) string {
	if len(cell) > maxHeaderName {
		return ""
	}
	name := headerMarks.Replace(strings.ToLower(norm.NFC.String(cell)))
	return strings.TrimPrefix(strings.TrimSuffix(strings.Join(strings.Fields(name), " "), "."), "ga:")
}

// find returns what a header cell names, and the currency that stands behind
// the name of a cost column, as in "Amount spent (USD)".
func (f *format) find(cell string) (u use, currency string, ok bool) {
	name := headerName(cell)
	if u, ok = f.columns[name]; ok {
		return u, "", true
	}
	base, code, _ := strings.Cut(strings.TrimSuffix(name, ")"), " (")
	if u, ok = f.columns[base]; ok && u.column == colCost && knownCurrency(strings.ToUpper(code)) {
		return u, strings.ToUpper(code), true
	}
	return use{}, "", false
}

// misspelt returns a remark on a header cell of Leadgate's own format that is
// almost the name of a column which the file lacks: to leave out "curency"
// silently would be to count in another currency.
func (f *format) misspelt(header []string, t *table) string {
	if !f.own {
		return ""
	}
	for i, cell := range header[:min(len(header), maxColumns)] {
		if _, _, known := f.find(cell); known {
			continue
		}
		name := strings.ReplaceAll(headerName(cell), " ", "_")
		for c, right := range columnNames {
			if len(right) >= 5 && column(c) > colPeriod && column(c) < colCostUSD && t.column[c] < 0 &&
				almost(name, right) {
				return fmt.Sprintf("column %d is almost named %s; name it so, or otherwise", i+1, right)
			}
		}
	}
	return ""
}

// almost tells whether a differs from b by one letter added, left out,
// replaced, or swapped with its neighbour.
func almost(a, b string) bool {
	if a == b {
		return false
	}
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	a, b = a[i:], b[i:]
	switch {
	case len(a) == len(b) && len(a) >= 2 && a[0] == b[1] && a[1] == b[0] && a[2:] == b[2:]:
		return true
	case len(a) == len(b):
		return a[1:] == b[1:]
	case len(a) == len(b)+1:
		return a[1:] == b
	case len(a)+1 == len(b):
		return a == b[1:]
	}
	return false
}
