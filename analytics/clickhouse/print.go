package clickhouse

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/jedib0t/go-pretty/v6/table"
)

// Format is how Print writes a result.
type Format string

// The formats.
const (
	TSV    Format = "TSV"    // no header; escaped as ClickHouse does; NULL is \N
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

// Print runs a statement and writes its result to w, row by row but for
// Pretty. Args are bound to $1, $2 … or, with clickhouse.Named, to @name.
func (c *Conn) Print(ctx context.Context, w io.Writer, statement string, format Format, args ...any) error {
	rows, err := c.Query(ctx, statement, args...)
	if err != nil {
		return c.explain(err)
	}
	defer func() { _ = rows.Close() }()
	out := bufio.NewWriter(w)
	switch format {
	case TSV:
		err = printTSV(out, rows)
	case JSON:
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

// scanner makes a place for one row's values.
func scanner(rows driver.Rows) (places []any, values func() []any) {
	types := rows.ColumnTypes()
	places = make([]any, len(types))
	for i, t := range types {
		places[i] = reflect.New(t.ScanType()).Interface()
	}
	return places, func() []any {
		row := make([]any, len(places))
		for i, place := range places {
			row[i] = plain(reflect.ValueOf(place).Elem(), types[i].DatabaseTypeName())
		}
		return row
	}
}

func each(rows driver.Rows, row func([]any) error) error {
	if len(rows.Columns()) == 0 {
		return nil // a statement without a result
	}
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

// plain turns a scanned value into nil, bool, string, number, json.Number,
// []any or map[string]any.
func plain(v reflect.Value, typeName string) any {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return nil
		}
		if v.Kind() == reflect.Pointer && v.Type().Implements(stringerType) && v.Elem().Kind() == reflect.Struct {
			break
		}
		v = v.Elem()
	}
	switch value := v.Interface().(type) {
	case time.Time:
		return timeText(value, typeName)
	case []byte:
		return string(value)
	case interface{ StringFixed(int32) string }: // decimal.Decimal
		return value.StringFixed(decimalScale(typeName))
	case fmt.Stringer:
		return value.String()
	}
	switch v.Kind() {
	case reflect.Slice, reflect.Array:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = plain(v.Index(i), inner(typeName))
		}
		return list
	case reflect.Map:
		m := make(map[string]any, v.Len())
		for iter := v.MapRange(); iter.Next(); {
			m[fmt.Sprint(plain(iter.Key(), ""))] = plain(iter.Value(), typeName)
		}
		return m
	}
	return v.Interface()
}

var stringerType = reflect.TypeFor[fmt.Stringer]()

// inner is the element's type of Array(…), for what its text tells.
func inner(typeName string) string {
	return strings.TrimSuffix(strings.TrimPrefix(typeName, "Array("), ")")
}

func timeText(t time.Time, typeName string) string {
	switch {
	case !strings.Contains(typeName, "DateTime"):
		return t.Format(time.DateOnly)
	case strings.Contains(typeName, "DateTime64("):
		_, rest, _ := strings.Cut(typeName, "DateTime64(")
		if digits, err := strconv.Atoi(rest[:1]); err == nil && digits > 0 {
			return t.Format(time.DateTime + "." + strings.Repeat("0", digits))
		}
	}
	return t.Format(time.DateTime)
}

func decimalScale(typeName string) int32 {
	_, rest, _ := strings.Cut(typeName, "Decimal(")
	_, rest, _ = strings.Cut(rest, ", ")
	scale, _, _ := strings.Cut(rest, ")")
	n, err := strconv.Atoi(scale)
	if err != nil {
		return 0
	}
	return int32(n)
}

var tsvEscapes = strings.NewReplacer("\\", `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`, "\x00", `\0`, "\b", `\b`, "\f", `\f`)

func printTSV(w *bufio.Writer, rows driver.Rows) error {
	line := func(cells []any) error {
		for i, cell := range cells {
			if i > 0 {
				_ = w.WriteByte('\t') // a bufio.Writer keeps its first error
			}
			if cell == nil {
				_, _ = w.WriteString(`\N`)
			} else {
				_, _ = tsvEscapes.WriteString(w, text(cell, false))
			}
		}
		return w.WriteByte('\n')
	}
	return each(rows, line)
}

// text writes a value the way ClickHouse writes it in TSV; inside lists and
// maps, strings are quoted.
func text(v any, quoted bool) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case string:
		if quoted {
			return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(v) + "'"
		}
		return v
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = text(v[i], true)
		}
		return "[" + strings.Join(parts, ",") + "]"
	case map[string]any:
		var parts []string
		for _, key := range sortedKeys(v) {
			parts = append(parts, text(key, true)+":"+text(v[key], true))
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
	return fmt.Sprint(v)
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

// exact makes text of the numbers that a JSON reader may not keep.
func exact(v any) any {
	const limit = 1 << 53
	switch v := v.(type) {
	case int64:
		if v > limit || v < -limit {
			return strconv.FormatInt(v, 10)
		}
	case uint64:
		if v > limit {
			return strconv.FormatUint(v, 10)
		}
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil
		}
	case float32:
		return exact(float64(v))
	case []any:
		for i := range v {
			v[i] = exact(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = exact(v[key])
		}
	}
	return v
}

func printPretty(w *bufio.Writer, rows driver.Rows) error {
	names := rows.Columns()
	if len(names) == 0 {
		return nil
	}
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = 0 // names as they are
	header := make(table.Row, len(names))
	for i, name := range names {
		header[i] = name
	}
	t.AppendHeader(header)
	n := 0
	err := each(rows, func(cells []any) error {
		row := make(table.Row, len(cells))
		for i, cell := range cells {
			switch cell := cell.(type) {
			case int8, int16, int32, int64, int, uint8, uint16, uint32, uint64, float32, float64:
				row[i] = cell // kept as a number, so that it stands to the right
			default:
				row[i] = text(cell, false)
			}
		}
		t.AppendRow(row)
		n++
		return nil
	})
	if err != nil {
		return err
	}
	unit := "rows"
	if n == 1 {
		unit = "row"
	}
	_, err = fmt.Fprintf(w, "%s\n%d %s\n", t.Render(), n, unit)
	return err
}

func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }
