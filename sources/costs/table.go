package costs

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/leadgate/leadgate/ingest"
)

// maxPreamble is how many lines may stand above the header: titles, date
// ranges, filters.
const maxPreamble = 50

// table is a file cut into cells, with the line that each row begins in.
type table struct {
	unit   string // what rows are counted in: "line", or "record" of a JSON body
	daily  string // how rows by day are asked for, "" if there are several ways
	header []string
	width  int
	column [columnCount]int // index by column, -1 if the file has none
	// currency is what the header of the cost column says, as in "Cost (EUR)".
	currency string
	rows     []row
	// said is how many rows the file says it has, -1 if it does not; counted is
	// how many there are, totals apart.
	said, counted int
	// problems are the rows that could not be cut into cells.
	problems problems
}

type row struct {
	line  int
	cells []string
}

// cell returns the trimmed cell of a column, "" if the file has no such
// column or the cell says that there is no value.
func (t *table) cell(r row, c column) string {
	if text := t.text(r, c); !noValue(text) {
		return text
	}
	return ""
}

// text is cell with the marks for no value left as they are.
func (t *table) text(r row, c column) string {
	if i := t.column[c]; i >= 0 && i < len(r.cells) {
		return strings.TrimSpace(r.cells[i])
	}
	return ""
}

// noValue tells whether a cell is one of the marks for "nothing to report".
func noValue(text string) bool {
	return text == "" || text == "--" || text == "-" || text == "—" || text == "–"
}

// readTable finds the header row and reads all rows below it, but totals,
// footers and blank lines.
func readTable(text []byte, f *format) (*table, error) {
	t, body, line, comma, err := findHeader(text, f)
	if err != nil {
		return nil, err
	}
	next := rowReader(body, comma, f.unquoted)
	for {
		cells, at, err := next()
		if errors.Is(err, io.EOF) {
			break
		}
		var parse *csv.ParseError
		if errors.As(err, &parse) {
			t.problems.add(t.unit, line+parse.StartLine-1, "row", "%s", quoting(parse.Err))
			continue
		}
		candidate := row{line: line + at - 1, cells: cells}
		if t.skip(candidate, f) {
			continue
		}
		t.counted++
		if cells, ok := fit(cells, t.width); ok {
			candidate.cells = cells
		} else {
			t.problems.add(t.unit, candidate.line, "row", "has %d cells where the header has %d", len(cells), t.width)
			continue
		}
		if t.rows = append(t.rows, candidate); len(t.rows) > maxRows {
			return nil, fmt.Errorf("has more than %d rows; split it by date", maxRows)
		}
	}
	if t.counted < t.said && t.problems.count == 0 {
		return nil, fmt.Errorf("is cut off: it says that it has %d rows, and has %d", t.said, t.counted)
	}
	return t, nil
}

// rowReader returns what reads a row after the other, with the number of its
// line, from 1. In an unquoted file a quote is a sign like any other.
func rowReader(body []byte, comma rune, unquoted bool) func() (cells []string, line int, err error) {
	if !unquoted {
		r := csv.NewReader(bytes.NewReader(body))
		r.Comma, r.FieldsPerRecord = comma, -1
		return func() ([]string, int, error) {
			cells, err := r.Read()
			if err != nil {
				return nil, 0, err
			}
			line, _ := r.FieldPos(0)
			return cells, line, nil
		}
	}
	line := 0
	return func() ([]string, int, error) {
		if len(body) == 0 {
			return nil, 0, io.EOF
		}
		text, rest, _ := bytes.Cut(body, []byte("\n"))
		body = rest
		line++
		return strings.Split(strings.TrimSuffix(string(text), "\r"), string(comma)), line, nil
	}
}

func quoting(err error) string {
	if errors.Is(err, csv.ErrQuote) {
		return "a quoted cell does not end, or goes on behind its closing quote"
	}
	return "a quote stands inside a cell that does not begin with one"
}

// fit makes a row as wide as the header. Spreadsheets pad rows with empty
// cells; a row that lacks some cannot be told from a damaged one.
func fit(cells []string, width int) ([]string, bool) {
	padded := len(cells)
	for len(cells) > width && strings.TrimSpace(cells[len(cells)-1]) == "" {
		cells = cells[:len(cells)-1]
	}
	if len(cells) < padded {
		cells = slices.Clone(cells) // the padding may be much larger than the row
	}
	return cells, len(cells) == width
}

// findHeader returns the table without rows, what stands below its header, the
// number of the line where that begins, and the separator. The preamble need
// not be CSV, so lines are tried one by one.
func findHeader(text []byte, f *format) (t *table, body []byte, line int, comma rune, err error) {
	var near error
	said := -1
	for line = 1; line <= maxPreamble+1 && len(text) > 0; line++ {
		first, rest, _ := bytes.Cut(text, []byte("\n"))
		for _, separator := range separators(f) {
			cells, _, err := rowReader(first, separator, f.unquoted)()
			if err != nil {
				continue
			}
			if f.note != nil && len(cells) == 1 {
				n, err := f.note(strings.TrimSpace(cells[0]))
				if err != nil {
					return nil, nil, 0, 0, fmt.Errorf("line %d: %w", line, err)
				}
				said = max(said, n)
			}
			found, err := newTable(cells, f)
			if err == nil {
				found.said = said
				return found, rest, line + 1, separator, nil
			}
			var refused *headerError
			if errors.As(err, &refused) && near == nil {
				near = fmt.Errorf("line %d: %w", line, err)
			}
		}
		text = rest
	}
	if near != nil {
		return nil, nil, 0, 0, near
	}
	return nil, nil, 0, 0, fmt.Errorf("has no header row with a date and a cost column in its first %d lines", maxPreamble)
}

// separators are tried in turn; a line of one cell is one with any of them.
func separators(f *format) []rune {
	if f.unquoted {
		return []rune{'\t'}
	}
	return []rune{',', ';', '\t'}
}

// headerError is a row that is meant as the header, but cannot be used.
type headerError struct{ reason string }

func (e *headerError) Error() string { return e.reason }

func newTable(header []string, f *format) (*table, error) {
	header, _ = fit(header, 1)
	t := &table{unit: "line", header: header, width: len(header)}
	var rank [columnCount]int
	for c := range t.column {
		t.column[c] = -1
	}
	clash := ""
	for i, cell := range header[:min(len(header), maxColumns)] {
		use, code, ok := f.find(cell)
		if !ok {
			continue
		}
		switch c := use.column; {
		case t.column[c] >= 0 && rank[c] == use.rank:
			clash = fmt.Sprintf("two columns, %d and %d, both say the %s; remove one", t.column[c]+1, i+1, columnNames[c])
		case t.column[c] < 0 || rank[c] < use.rank:
			t.column[c], rank[c] = i, use.rank
			if c == colCost {
				t.currency = code
			}
		}
	}
	if err := t.usable("the header has", ""); err != nil {
		return nil, err
	}
	if clash == "" {
		clash = f.misspelt(header, t)
	}
	if clash == "" {
		clash = lacking(f.columns, t)
	}
	if clash != "" {
		return nil, &headerError{clash}
	}
	return t, nil
}

// usable tells whether there are a cost and a day. daily says how to ask for
// rows by day.
func (t *table) usable(where, daily string) error {
	hasCost := t.column[colCost] >= 0 || t.column[colCostUSD] >= 0
	hasDate := t.column[colDate] >= 0 || t.column[colStart] >= 0 && t.column[colEnd] >= 0
	by := "by day" + with(daily)
	switch {
	case !hasCost && !hasDate && t.unit == "line":
		return ingest.ErrMalformed
	case !hasCost && !hasDate:
		return &headerError{where + " neither a date nor a cost"}
	case !hasCost:
		return &headerError{where + " a date but no cost column"}
	case t.column[colPeriod] >= 0 && t.column[colDate] < 0:
		return &headerError{"the rows are weeks or months; export the report " + by}
	case !hasDate:
		return &headerError{where + " a cost but no date column; export the report " + by}
	}
	return nil
}

func with(what string) string {
	if what == "" {
		return ""
	}
	return ", with " + what
}

// skip tells whether a row is no row of the report: blank, a total, or a
// footer. A campaign may be called "Total": what has a date is a row.
func (t *table) skip(r row, f *format) bool {
	first, filled := "", 0
	for _, cell := range r.cells {
		if cell = strings.TrimSpace(cell); cell != "" {
			if filled++; filled == 1 {
				first = cell
			}
		}
	}
	if filled == 0 {
		return true
	}
	date := t.cell(r, firstColumn(t, colDate, colStart))
	if isTotal(first) && (date == "" || isTotal(date)) {
		if f.note != nil {
			n, _ := f.note(first)
			t.said = max(t.said, n)
		}
		return true
	}
	if filled == 1 && t.width > 1 && (strings.HasPrefix(first, "©") || strings.HasPrefix(first, "@2")) {
		return true
	}
	// Meta's summary row has no name for itself: only its dimensions are empty.
	return f.summaryUnnamed && t.unnamed(r) && (t.cell(r, colDate) == "" && t.column[colDate] >= 0 || t.hasNames())
}

func firstColumn(t *table, c, otherwise column) column {
	if t.column[c] >= 0 {
		return c
	}
	return otherwise
}

var nameColumns = [...]column{colCampaign, colCampaignID, colAdgroup, colAdgroupID, colAd, colAdID, colKeyword}

func (t *table) hasNames() bool {
	return slices.ContainsFunc(nameColumns[:], func(c column) bool { return t.column[c] >= 0 })
}

func (t *table) unnamed(r row) bool {
	return !slices.ContainsFunc(nameColumns[:], func(c column) bool { return t.cell(r, c) != "" })
}

var totals = [...]string{
	"total", "grand total", "totals", "gesamt", "gesamtsumme", "gesamtergebnis", "summe", "totale", "totaal", "suma",
	"итого", "всего", "общий итог", "ergebnisse aus", "results from", "résultats de", "resultados de", "результаты",
}

// isTotal tells whether a cell names a sum: "Total", "Total: Account",
// "Total : compte", "Gesamt: Konto", "Итого по аккаунту", "Total rows: 12".
func isTotal(cell string) bool {
	cell = strings.ToLower(strings.TrimSpace(cell))
	for _, word := range totals {
		rest, ok := strings.CutPrefix(cell, word)
		if ok && (rest == "" || strings.ContainsAny(rest[:1], " :\u00a0-–") || strings.HasPrefix(rest, "\u00a0")) {
			return true
		}
	}
	return false
}
