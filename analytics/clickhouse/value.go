package clickhouse

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/leadgate/leadgate/ingest/redact"
)

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

// decimalText is a decimal, which JSON holds as text and TSV without quotes.
type decimalText string

// plain turns a scanned value into nil, a bool, string, number, decimalText,
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
	case interface{ StringFixed(int32) string }: // decimal.Decimal
		return decimalText(value.StringFixed(decimalScale(typeName)))
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
	n, err := strconv.ParseInt(scale, 10, 32)
	if err != nil {
		return 0
	}
	return int32(n)
}

// What ClickHouse escapes in TSV, and in the quoted strings inside lists; see hexed
// for the rest.
var (
	tsvEscapes   = strings.NewReplacer(escapes...)
	quoteEscapes = strings.NewReplacer(append(escapes, "'", `\'`)...)
	escapes      = []string{"\\", `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`, "\x00", `\0`, "\b", `\b`, "\f", `\f`}
)

// hexed writes the bytes of what nobody sees, and of what is not UTF-8, as \xHH,
// which ClickHouse reads as those bytes: escape sequences do not reach a terminal.
func hexed(s string) string {
	i := strings.IndexFunc(s, unseen)
	if i < 0 {
		return s
	}
	out := append(make([]byte, 0, len(s)+16), s[:i]...)
	for i < len(s) {
		r, size := utf8.DecodeRuneInString(s[i:])
		if !unseen(r) {
			out = append(out, s[i:i+size]...)
		} else {
			for _, b := range []byte(s[i : i+size]) {
				out = fmt.Appendf(out, `\x%02X`, b)
			}
		}
		i += size
	}
	return string(out)
}

// unseen reports whether r is not to be shown; utf8.RuneError may stand for what
// is not UTF-8.
func unseen(r rune) bool {
	return r == utf8.RuneError || !redact.Visible(r) && !unicode.Is(unicode.Zs, r)
}

// text writes a value the way ClickHouse writes it in TSV; inside lists and
// maps, strings are quoted.
func text(v any, quoted bool) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case string:
		if quoted {
			return "'" + hexed(quoteEscapes.Replace(v)) + "'"
		}
		return v
	case float64:
		return floatText(v, 64)
	case float32:
		return floatText(float64(v), 32)
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

func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

// floatText writes a float as ClickHouse does: nan, inf, -inf.
func floatText(f float64, bits int) string {
	return strings.TrimPrefix(strings.ToLower(strconv.FormatFloat(f, 'g', -1, bits)), "+")
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
