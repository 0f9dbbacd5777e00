package clickhouse

import (
	"maps"
	"math"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/shopspring/decimal"

	"github.com/leadgate/leadgate/ingest"
)

// columnOf is one column of a table whose rows are made from R.
type columnOf[R any] struct {
	name string
	// value is a row's.
	value func(row *R) any
	// blank tells that a row has the value that the server fills in where an
	// insert does not name the column: the zero value.
	blank func(row *R) bool
	// fill appends the rows' values.
	fill func(to driver.BatchColumn, rows []R) error
}

// of makes a column of any comparable type that the driver takes slices of.
func of[R any, V comparable](name string, get func(*R) V) columnOf[R] {
	fill := func(to driver.BatchColumn, rows []R) error {
		values := make([]V, len(rows))
		for i := range rows {
			values[i] = get(&rows[i])
		}
		return to.Append(values)
	}
	return columnOf[R]{name, boxed(get), func(row *R) bool { var zero V; return get(row) == zero }, fill}
}

func boxed[R, V any](get func(*R) V) func(*R) any { return func(row *R) any { return get(row) } }

// fewOf makes a LowCardinality(String) column. The driver takes its values as
// interfaces; each different text is made one once.
func fewOf[R any](name string, get func(*R) string) columnOf[R] {
	c := of(name, get)
	c.fill = func(to driver.BatchColumn, rows []R) error {
		boxes := make(map[string]any, 16)
		for i := range rows {
			text := get(&rows[i])
			box, ok := boxes[text]
			if !ok {
				box = text
				boxes[text] = box
			}
			if err := to.AppendRow(box); err != nil {
				return err
			}
		}
		return nil
	}
	return c
}

// listOf makes an Array(String) column.
func listOf[R any](name string, get func(*R) []string) columnOf[R] {
	return columnOf[R]{name, boxed(get), func(row *R) bool { return len(get(row)) == 0 }, rowwise(get)}
}

// mapOf makes a Map(String, String) column.
func mapOf[R any](name string, get func(*R) map[string]string) columnOf[R] {
	return columnOf[R]{name, boxed(get), func(row *R) bool { return len(get(row)) == 0 }, func(to driver.BatchColumn, rows []R) error {
		var pairs sortedPairs
		for i := range rows {
			pairs.of = get(&rows[i])
			if err := to.AppendRow(&pairs); err != nil {
				return err
			}
		}
		return nil
	}}
}

func rowwise[R, V any](get func(*R) V) func(driver.BatchColumn, []R) error {
	return func(to driver.BatchColumn, rows []R) error {
		for i := range rows {
			if err := to.AppendRow(get(&rows[i])); err != nil {
				return err
			}
		}
		return nil
	}
}

// rawOf makes a String column of deliveries in the form of the journal.
func rawOf[R any](name string, get func(*R) *ingest.Delivery) columnOf[R] {
	value := func(row *R) any { return string(ingest.AppendDelivery(nil, get(row))) }
	return columnOf[R]{name, value, func(*R) bool { return false }, func(to driver.BatchColumn, rows []R) error {
		var buf []byte // the driver copies
		for i := range rows {
			buf = ingest.AppendDelivery(buf[:0], get(&rows[i]))
			if err := to.AppendRow(&buf); err != nil {
				return err
			}
		}
		return nil
	}}
}

// sortedPairs gives the driver a map's pairs in one order, so that a batch that
// is tried again has the same bytes. It can be used for one map after another.
type sortedPairs struct {
	of    map[string]string
	keys  []string
	value string
	at    int
}

// Iterator makes it a column.IterableOrderedMap, the driver's word for this.
func (p *sortedPairs) Iterator() column.MapIterator {
	p.keys, p.at = slices.AppendSeq(p.keys[:0], maps.Keys(p.of)), -1
	slices.Sort(p.keys)
	return p
}

// Put is part of that interface; the driver calls it only when it reads.
func (p *sortedPairs) Put(key, value any) { p.of[key.(string)] = value.(string) }

func (p *sortedPairs) Next() bool { p.at++; return p.at < len(p.keys) }

// The driver takes pointers to strings, which cost nothing, for strings.
func (p *sortedPairs) Key() any   { return &p.keys[p.at] }
func (p *sortedPairs) Value() any { p.value = p.of[p.keys[p.at]]; return &p.value }

// moneyLimit is one more than Decimal(18, 6) can hold, in millionths.
const moneyLimit = 1_000_000_000_000_000_000

func moneyFits(m ingest.Micros) bool { return m < moneyLimit && m > -moneyLimit }

func money(m ingest.Micros) decimal.Decimal { return decimal.New(int64(m), -6) }

func optionalMoney(m *ingest.Micros) *decimal.Decimal {
	if m == nil {
		return nil
	}
	d := money(*m)
	return &d
}

// What DateTime64 and Date can hold.
var (
	firstTime = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)
	lastTime  = time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC)
	firstDay  = time.Unix(0, 0).UTC()
	lastDay   = firstDay.AddDate(0, 0, math.MaxUint16)
)

func timeFits(t time.Time) bool { return !t.Before(firstTime) && t.Before(lastTime) }
