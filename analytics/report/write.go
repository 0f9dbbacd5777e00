package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/redact"
)

// Write writes r to w in one of Formats.
func Write(w io.Writer, format Format, r Report) error {
	switch format {
	case Table:
		return WriteTable(w, r)
	case CSV:
		return WriteCSV(w, r)
	case JSON:
		return WriteJSON(w, r)
	}
	return fmt.Errorf("unknown report format %q; there are table, csv, json", format)
}

// unknownText stands for NULL in tables.
const unknownText = "–"

// WriteTable writes r for people: what was asked, the rows, their sums, notes.
func WriteTable(w io.Writer, r Report) error {
	var out bytes.Buffer
	q := r.Query
	fmt.Fprintf(&out, "Cost per lead from %s to %s (%s), workspace %s\n", q.From, q.To, q.TZ, redact.Line(q.Workspace))
	currency := "no costs"
	if q.Currency != nil {
		currency = "in " + *q.Currency
	}
	fmt.Fprintf(&out, "%s, lookback %s, conversion: %s, %s\n\n", q.Model, q.Lookback, q.Conversion, currency)

	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header, t.Style().Format.Footer = text.FormatDefault, text.FormatDefault
	t.Style().Options.DrawBorder = false
	t.AppendHeader(cells(r.Columns))
	configs := make([]table.ColumnConfig, 0, len(Measures))
	for _, name := range Measures {
		if name != "currency" {
			configs = append(configs, table.ColumnConfig{Name: name, Align: text.AlignRight, AlignHeader: text.AlignRight, AlignFooter: text.AlignRight})
		}
	}
	t.SetColumnConfigs(configs)
	for _, row := range r.Rows {
		t.AppendRow(cells(tableCells(row)))
	}
	total := r.Totals
	total.Keys = make([]string, len(q.By))
	footer := tableCells(total)
	for i := range total.Keys {
		footer[i] = ""
	}
	if len(total.Keys) > 0 {
		footer[0] = "total"
	}
	t.AppendFooter(cells(footer))
	for line := range strings.SplitSeq(t.Render(), "\n") {
		out.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	if len(r.Rows) == 0 {
		out.WriteString("\nNothing cost anything, nobody clicked and no lead came in this range.\n")
	}
	if len(r.Notes) > 0 {
		out.WriteString("\n")
	}
	for _, note := range r.Notes {
		fmt.Fprintf(&out, "* %s\n", redact.Line(note))
	}
	_, err := out.WriteTo(w)
	return err
}

func cells(texts []string) table.Row {
	row := make(table.Row, len(texts))
	for i, t := range texts {
		row[i] = t
	}
	return row
}

func tableCells(r Row) []string {
	out := make([]string, 0, len(r.Keys)+len(Measures))
	for _, key := range r.Keys {
		out = append(out, redact.Line(key))
	}
	out = append(out, r.measures(4)...)
	for i := range out {
		if out[i] == "" {
			out[i] = unknownText
		}
	}
	return out
}

// measures returns the texts of Measures, "" where unknown, the rate with
// so many decimals, or as many as it needs for -1.
func (r Row) measures(rateDecimals int) []string {
	money := func(m *ingest.Micros) string {
		if m == nil {
			return ""
		}
		return m.String()
	}
	clicks, rate := "", ""
	if r.Clicks != nil {
		clicks = strconv.FormatInt(*r.Clicks, 10)
	}
	if r.LeadRate != nil {
		rate = strconv.FormatFloat(*r.LeadRate, 'f', rateDecimals, 64)
	}
	return []string{money(r.Cost), r.Currency, clicks, strconv.FormatInt(r.Leads, 10), rate, money(r.CPL)}
}

// WriteCSV writes a header and the rows as RFC 4180 says; NULL is empty. Sums
// and notes are left out. What nobody sees of a key is replaced, and a key that a
// spreadsheet would run as a formula gets an apostrophe in front.
func WriteCSV(w io.Writer, r Report) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	if err := out.Write(r.Columns); err != nil {
		return err
	}
	for _, row := range r.Rows {
		record := make([]string, 0, len(r.Columns))
		for _, key := range row.Keys {
			record = append(record, noFormula(redact.Line(key)))
		}
		if err := out.Write(append(record, row.measures(-1)...)); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// noFormula follows https://owasp.org/www-community/attacks/CSV_Injection.
func noFormula(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return strings.ContainsRune("=+-@＝＋－＠", r) }) == 0 {
		return "'" + s
	}
	return s
}

// WriteJSON writes r as {"query":{…},"rows":[…],"totals":{…},"notes":[…]}:
// money is decimal text, rates are numbers, NULL is null.
func WriteJSON(w io.Writer, r Report) error {
	rows := make([]json.RawMessage, len(r.Rows))
	for i, row := range r.Rows {
		rows[i] = row.object(r.Query.By)
	}
	notes := slices.Clone(r.Notes)
	if notes == nil {
		notes = []string{}
	}
	enc := json.NewEncoder(redact.NewJSONWriter(w))
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(struct {
		Query  Echo              `json:"query"`
		Rows   []json.RawMessage `json:"rows"`
		Totals json.RawMessage   `json:"totals"`
		Notes  []string          `json:"notes"`
	}{r.Query, rows, r.Totals.object(nil), notes})
}

// object writes the row as a JSON object with its columns in their order.
func (r Row) object(by []string) json.RawMessage {
	out := []byte{'{'}
	field := func(name string, value any) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		text, err := json.Marshal(value)
		if err != nil {
			panic("BUG: " + err.Error())
		}
		out = append(append(strconv.AppendQuote(out, name), ':'), text...)
	}
	orNull := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	for i, name := range by {
		field(name, orNull(r.Keys[i]))
	}
	texts := r.measures(-1)
	field("cost", orNull(texts[0]))
	field("currency", orNull(texts[1]))
	field("clicks", r.Clicks)
	field("leads", r.Leads)
	field("lead_rate", r.LeadRate)
	field("cpl", orNull(texts[5]))
	return append(out, '}')
}
