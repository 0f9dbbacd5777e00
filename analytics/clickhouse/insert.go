package clickhouse

import (
	"context"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"sync"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// insert is one table's part of a batch.
type insert struct {
	table   string
	suffix  string // of the token, where a table has two inserts
	rows    int
	names   []string
	columns []filler
	small   bool // the columns' memory is kept for the next one
}

// filler appends the values of some rows to a column.
type filler func(to driver.BatchColumn, from, until int) error

// newInsert leaves out the columns that are blank in all rows, as most are.
func newInsert[R any](table string, columns []columnOf[R], rows []R) insert {
	in := insert{table: table, rows: len(rows)}
	for _, column := range columns {
		if blank(column, rows) {
			continue
		}
		in.names = append(in.names, column.name)
		in.columns = append(in.columns, func(to driver.BatchColumn, from, until int) error {
			return column.fill(to, rows[from:until])
		})
	}
	return in
}

func blank[R any](column columnOf[R], rows []R) bool {
	for i := range rows {
		if !column.blank(&rows[i]) {
			return false
		}
	}
	return true
}

// insert sends one table's rows, in blocks that the server joins to one, see
// insertSettings. It makes one part of that per partition, with the same rows at
// every try.
func (s *Sink) insert(ctx context.Context, settings clickhouse.Settings, in insert) error {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(settings))
	statement := fmt.Sprintf("INSERT INTO %s (%s)", in.table, strings.Join(in.names, ", "))
	block, err := s.conn.PrepareBatch(ctx, statement)
	if err != nil {
		return err
	}
	defer func() { _ = block.Abort() }() // does nothing once it is sent; without the end, nothing is inserted
	columns := block.Columns()
	s.spares.lend(in.table, columns)
	for from := 0; from < in.rows; from += blockRows {
		if from > 0 {
			if err := block.Flush(); err != nil {
				return err
			}
		}
		for i, fill := range in.columns {
			if err := fill(block.Column(i), from, min(from+blockRows, in.rows)); err != nil {
				return fmt.Errorf("column %s: the table has another type than this program expects: %w", in.names[i], err)
			}
			runtime.Gosched() // new deliveries come first
		}
	}
	if err := block.Send(); err != nil {
		return err
	}
	if in.small {
		s.spares.keep(in.table, columns)
	}
	return nil
}

// blockRows are encoded at a time: what an insert needs of memory does not grow
// with the batch.
const blockRows = 250

// spares are columns of earlier inserts, by table and name, whose memory the next
// ones use: to grow them from nothing each time took half of an insert's time.
type spares struct {
	mu      sync.Mutex
	columns map[[2]string]column.Interface
}

// lend gives new columns the memory of those that were kept.
func (s *spares) lend(table string, columns []column.Interface) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range columns {
		key := [2]string{table, c.Name()}
		if spare := s.columns[key]; spare != nil && spare.Type() == c.Type() {
			reflect.ValueOf(c).Elem().Set(reflect.ValueOf(spare).Elem())
			delete(s.columns, key) // another insert may come meanwhile
		}
	}
}

// keep empties columns that were sent and keeps them.
func (s *spares) keep(table string, columns []column.Interface) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.columns == nil {
		s.columns = make(map[[2]string]column.Interface)
	}
	for _, c := range columns {
		c.Reset()
		s.columns[[2]string{table, c.Name()}] = c
	}
}
