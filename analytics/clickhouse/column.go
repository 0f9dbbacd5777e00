package clickhouse

import (
	"maps"
	"math"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
	"github.com/shopspring/decimal"

	"github.com/leadgate/leadgate/ingest"
)

// columnOf is one column of a table whose rows are made from R: its name and
// how a block's values are taken from the rows.
type columnOf[R any] struct {
	name string
	take func(rows []R) any
}

// of makes a column of any type that the driver takes slices of.
func of[R, V any](name string, get func(*R) V) columnOf[R] {
	return columnOf[R]{name, func(rows []R) any {
		values := make([]V, len(rows))
		for i := range rows {
			values[i] = get(&rows[i])
		}
		return values
	}}
}

// few is the values of a LowCardinality(String) column.
type few []string

// fewOf makes a LowCardinality(String) column.
func fewOf[R any](name string, get func(*R) string) columnOf[R] {
	return columnOf[R]{name, func(rows []R) any {
		values := make(few, len(rows))
		for i := range rows {
			values[i] = get(&rows[i])
		}
		return values
	}}
}

// mapOf makes a Map(String, String) column.
func mapOf[R any](name string, get func(*R) map[string]string) columnOf[R] {
	return of(name, func(row *R) sortedMap { return sortedMap(get(row)) })
}

// sortedMap gives the driver a map's pairs in one order, so that a batch that
// is tried again has the same bytes.
type sortedMap map[string]string

// Iterator makes it a column.IterableOrderedMap, the driver's word for this.
func (m sortedMap) Iterator() column.MapIterator {
	return &mapIterator{pairs: m, keys: slices.Sorted(maps.Keys(m)), at: -1}
}

// Put is part of that interface; the driver calls it only when it reads.
func (m sortedMap) Put(key, value any) { m[key.(string)] = value.(string) }

type mapIterator struct {
	pairs map[string]string
	keys  []string
	at    int
}

func (i *mapIterator) Next() bool { i.at++; return i.at < len(i.keys) }
func (i *mapIterator) Key() any   { return i.keys[i.at] }
func (i *mapIterator) Value() any { return i.pairs[i.keys[i.at]] }

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
