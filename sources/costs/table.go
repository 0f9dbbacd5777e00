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
	header []string
	width  int
	column [columnCount]int // index by column, -1 if the file has none
	// currency is what the header of the cost column says, as in "Cost (EUR)".
	currency string
	rows     []row
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
	if i := t.column[c]; i >= 0 && i < len(r.cells) {
		if text := strings.TrimSpace(r.cells[i]); !noValue(text) {
			return text
		}
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
	r := csv.NewReader(bytes.NewReader(body))
	r.Comma, r.FieldsPerRecord = comma, -1
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		var parse *csv.ParseError
		if errors.As(err, &parse) {
			t.problems.add(line+parse.StartLine-1, "row", "%s", quoting(parse.Err))
			continue
		}
		at, _ := r.FieldPos(0)
		candidate := row{line: line + at - 1, cells: cells}
		if t.skip(candidate, f) {
			continue
		}
		if cells, ok := fit(cells, t.width); ok {
			candidate.cells = cells
		} else {
			t.problems.add(candidate.line, "row", "has %d cells where the header has %d", len(cells), t.width)
			continue
		}
		if t.rows = append(t.rows, candidate); len(t.rows) > maxRows {
			return nil, fmt.Errorf("has more than %d rows; split it by date", maxRows)
		}
	}
	return t, nil
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
	for line = 1; line <= maxPreamble+1 && len(text) > 0; line++ {
		first, rest, _ := bytes.Cut(text, []byte("\n"))
		for _, separator := range [...]rune{',', ';', '\t'} {
			r := csv.NewReader(bytes.NewReader(first))
			r.Comma = separator
			cells, err := r.Read()
			if err != nil {
				continue
			}
			found, err := newTable(cells, f)
			if err == nil {
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

// headerError is a row that is meant as the header, but cannot be used.
type headerError struct{ reason string }

func (e *headerError) Error() string { return e.reason }

func newTable(header []string, f *format) (*table, error) {
	header, _ = fit(header, 1)
	t := &table{header: header, width: len(header)}
	var rank [columnCount]int
	for c := range t.column {
		t.column[c] = -1
	}
	clash := ""
	for i, cell := range header {
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
	hasCost := t.column[colCost] >= 0
	hasDate := t.column[colDate] >= 0 || t.column[colStart] >= 0 && t.column[colEnd] >= 0
	switch {
	case !hasCost && !hasDate:
		return nil, ingest.ErrMalformed
	case !hasCost:
		return nil, &headerError{"the header has a date but no cost column"}
	case t.column[colPeriod] >= 0 && t.column[colDate] < 0:
		return nil, &headerError{"the rows are weeks or months; export the report by day"}
	case !hasDate:
		return nil, &headerError{"the header has a cost but no date column; export the report by day"}
	case clash != "":
		return nil, &headerError{clash}
	}
	if misspelt := f.misspelt(header, t); misspelt != "" {
		return nil, &headerError{misspelt}
	}
	return t, nil
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
		return true
	}
	if filled == 1 && t.width > 2 && (strings.HasPrefix(first, "©") || strings.HasPrefix(first, "@2")) {
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
