package clickhouse

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/leadgate/leadgate/ingest/redact"
)

// Format is how Print writes a result.
type Format string

// The formats.
const (
	TSV    Format = "TSV"    // no header; escaped so that ClickHouse reads it; NULL is \N
	JSON   Format = "JSON"   // ClickHouse's {"meta","data","rows"}; large integers and decimals are text
	Pretty Format = "Pretty" // a table for a person
)

// ParseFormat reads a format's name, in any case. Errors name the choices.
func ParseFormat(text string) (Format, error) {
	for _, f := range []Format{TSV, JSON, Pretty} {
		if strings.EqualFold(text, string(f)) {
			return f, nil
		}
	}
	return "", fmt.Errorf("format: want TSV, JSON or Pretty (got %q)", text)
}

// silent are the first words of statements that have no result.
var silent = []string{
	"ALTER", "ATTACH", "CREATE", "DELETE", "DETACH", "DROP", "EXCHANGE", "GRANT", "INSERT", "OPTIMIZE", "RENAME",
	"REVOKE", "SET", "SYSTEM", "TRUNCATE", "UNDROP", "UPDATE", "USE",
}

// prettyRows is how many rows a table for a person has at most: they are in memory.
const prettyRows = 10_000

// Print runs a statement and writes its result to w, row by row but for Pretty,
// which ends after 10,000 rows. Escape sequences and other characters that nobody
// sees are escaped, and replaced in Pretty: what was sent to us does not steer a
// terminal. Args are bound to $1, $2 … or, with clickhouse.Named, to @name.
func (c *Conn) Print(ctx context.Context, w io.Writer, statement string, format Format, args ...any) error {
	if slices.Contains(silent, firstWord(statement)) {
		if err := c.Exec(ctx, statement, args...); err != nil {
			return c.explain(err)
		}
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	rows, err := c.Query(ctx, statement, args...)
	if err != nil {
		return c.explain(err)
	}
	defer func() {
		cancel() // else Close reads to the end what nobody wants
		_ = rows.Close()
	}()
	out := bufio.NewWriter(w)
	switch format {
	case TSV:
		err = printTSV(out, rows)
	case JSON:
		out = bufio.NewWriter(redact.NewJSONWriter(w))
		err = printJSON(out, rows)
	case Pretty:
		err = printPretty(out, rows)
	default:
		_, err = ParseFormat(string(format))
	}
	if err = errors.Join(err, rows.Err()); err != nil {
		return c.explain(err)
	}
	return out.Flush()
}

func each(rows driver.Rows, row func([]any) error) error {
	places, values := scanner(rows)
	for rows.Next() {
		if err := rows.Scan(places...); err != nil {
			return err
		}
		if err := row(values()); err != nil {
			return err
		}
	}
	return nil
}

func printTSV(w *bufio.Writer, rows driver.Rows) error {
	return each(rows, func(cells []any) error {
		for i, cell := range cells {
			if i > 0 {
				_ = w.WriteByte('\t') // a bufio.Writer keeps its first error
			}
			switch cell := cell.(type) {
			case nil:
				_, _ = w.WriteString(`\N`)
			case string:
				_, _ = w.WriteString(hexed(tsvEscapes.Replace(cell)))
			default:
				_, _ = w.WriteString(text(cell, false))
			}
		}
		return w.WriteByte('\n')
	})
}

func printJSON(w *bufio.Writer, rows driver.Rows) error {
	names, types := rows.Columns(), rows.ColumnTypes()
	keys := make([]json.RawMessage, len(names))
	meta := make([]map[string]string, len(names))
	for i, name := range names {
		var err error
		if keys[i], err = json.Marshal(name); err != nil {
			return err
		}
		meta[i] = map[string]string{"name": name, "type": types[i].DatabaseTypeName()}
	}
	head, err := json.Marshal(meta)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(w, "{\"meta\": %s,\n\"data\": [", head) // a bufio.Writer keeps its first error
	n := 0
	err = each(rows, func(cells []any) error {
		separator := ",\n  {"
		if n++; n == 1 {
			separator = "\n  {"
		}
		_, _ = w.WriteString(separator)
		for i, cell := range cells {
			if i > 0 {
				_, _ = w.WriteString(", ")
			}
			value, err := json.Marshal(exact(cell))
			if err != nil {
				return err
			}
			_, _ = fmt.Fprintf(w, "%s: %s", keys[i], value)
		}
		return w.WriteByte('}')
	})
	_, _ = fmt.Fprintf(w, "],\n\"rows\": %d}\n", n)
	return err
}

// errMoreRows ends a table for a person.
var errMoreRows = errors.New("there are more rows")

func printPretty(w *bufio.Writer, rows driver.Rows) error {
	names := rows.Columns()
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = 0 // names as they are
	header := make(table.Row, len(names))
	for i, name := range names {
		header[i] = redact.Line(name)
	}
	t.AppendHeader(header)
	n := 0
	err := each(rows, func(cells []any) error {
		if n == prettyRows {
			return errMoreRows
		}
		row := make(table.Row, len(cells))
		for i, cell := range cells {
			switch cell := cell.(type) {
			case int8, int16, int32, int64, int, uint8, uint16, uint32, uint64, float32, float64:
				row[i] = cell // kept as a number, so that it stands to the right
			default:
				row[i] = redact.Text(text(cell, false))
			}
		}
		t.AppendRow(row)
		n++
		return nil
	})
	unit := "rows"
	switch {
	case errors.Is(err, errMoreRows):
		unit = "rows, and there are more: --format TSV or JSON writes all"
	case err != nil:
		return err
	case n == 1:
		unit = "row"
	}
	_, err = fmt.Fprintf(w, "%s\n%d %s\n", t.Render(), n, unit)
	return err
}
