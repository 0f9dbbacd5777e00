package costs

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// format is one kind of cost file: a table of text, a JSON body, or either.
type format struct {
	platform, source, medium string
	// columns of a table by their header; nil if it is none.
	columns map[string]use
	json    *jsonForm // nil if it is no JSON
	// own is Leadgate's own form: names are checked for slips of the pen, and
	// an empty cost is a fault.
	own bool
	// summaryUnnamed: the row of totals is known by its empty names only.
	summaryUnnamed bool
	// decimal is the sign that its sender always writes, order that of its
	// dates; 0 and "" if they depend on the user's language.
	decimal byte
	order   string
	// hours: a row may be about an hour, and is counted to its day.
	hours bool
	// unquoted: cells are separated by tabs, and quotes in them are their own.
	unquoted bool
	money    unit
	// note reads a line above the header or a cell of totals. It returns how
	// many rows that promises, -1 for nothing, and refuses what is not by day.
	note func(text string) (rows int, err error)
}

// unit is what the amounts of a file are in.
type unit string

const (
	inUnits  unit = "units"  // of the currency, as decimal text
	inMicros unit = "micros" // millionths of it, as whole numbers
	inEither unit = "either" // units if any of them has decimals, else micros
)

var formats = map[string]*format{
	"csv":            {own: true, columns: ownColumns},
	"json":           {own: true, json: ownJSON},
	"ga4":            {own: true, columns: ownColumns},
	"google-ads":     {platform: "google", source: "google", medium: "cpc", columns: googleColumns, json: googleJSON},
	"google-ads-csv": {platform: "google", source: "google", medium: "cpc", columns: googleColumns},
	"meta":           {platform: "facebook", source: "facebook", medium: "paid_social", summaryUnnamed: true, columns: metaColumns, json: metaJSON},
	"meta-csv":       {platform: "facebook", source: "facebook", medium: "paid_social", summaryUnnamed: true, columns: metaColumns},
	"microsoft-ads": {
		platform: "bing", source: "bing", medium: "cpc", columns: microsoftColumns,
		decimal: '.', order: monthFirst, hours: true, note: microsoftNote,
	},
	"tiktok":   {platform: "tiktok", source: "tiktok", medium: "paid_social", json: tiktokJSON, hours: true},
	"linkedin": {platform: "linkedin", source: "linkedin", medium: "paid_social", json: linkedinJSON},
	"yandex-direct": {
		platform: "yandex", source: "yandex", medium: "cpc", columns: yandexDirectColumns, json: yandexDirectJSON,
		decimal: '.', unquoted: true, money: inEither, note: yandexDirectNote,
	},
	"yandex-metrica": {columns: yandexMetricaColumns, decimal: '.'},
}

// Formats lists what options.format may be.
func Formats() []string { return slices.Sorted(maps.Keys(formats)) }

// mapped returns the format with columns under the names that a user gives
// them: for each column its header, or its path in a record.
func (f *format) mapped(mapping map[string]string) (*format, error) {
	if len(mapping) == 0 {
		return f, nil
	}
	changed := *f
	changed.columns = maps.Clone(f.columns)
	if f.json != nil {
		form := *f.json
		form.columns = maps.Clone(form.columns)
		changed.json = &form
	}
	for _, name := range slices.Sorted(maps.Keys(mapping)) {
		c := column(slices.Index(columnNames[:colCostUSD], name))
		if c < 0 || c == colPeriod {
			return nil, fmt.Errorf("options.mapping: there is no column %q; there are %s", name,
				strings.Join(slices.DeleteFunc(slices.Clone(columnNames[:colCostUSD]), func(n string) bool { return n == columnNames[colPeriod] }), ", "))
		}
		header := headerName(mapping[name])
		if header == "" {
			return nil, fmt.Errorf("options.mapping.%s: empty", name)
		}
		give := func(columns map[string]use, header string) error {
			if other, ok := columns[header]; ok && other.mapped {
				return fmt.Errorf("options.mapping.%s: another column has that name too", name)
			}
			maps.DeleteFunc(columns, func(_ string, u use) bool { return u.column == c })
			columns[header] = use{column: c, mapped: true}
			return nil
		}
		var err error
		if changed.columns != nil {
			err = give(changed.columns, header)
		}
		if changed.json != nil {
			err = errors.Join(err, give(changed.json.columns, foldPath(mapping[name])))
		}
		if err != nil {
			return nil, err
		}
	}
	return &changed, nil
}

// lacking returns the first of the columns that were mapped and are not there.
func lacking(columns map[string]use, t *table) string {
	for _, name := range slices.Sorted(maps.Keys(columns)) {
		if u := columns[name]; u.mapped && t.column[u.column] < 0 {
			return fmt.Sprintf("nothing in it is named as options.mapping.%s says", columnNames[u.column])
		}
	}
	return ""
}
