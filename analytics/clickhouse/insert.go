package clickhouse

import (
	"context"
	"fmt"
	"reflect"
	"runtime"
	"slices"
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
	columns []tableColumn
	small   bool // the columns' memory is kept for the next one
}

// tableColumn is a column's part of an insert.
type tableColumn struct {
	name  string
	blank bool // in all rows
	fill  filler
}

// filler appends the values of some rows to a column.
type filler func(to driver.BatchColumn, from, until int) error

func newInsert[R any](table string, columns []columnOf[R], rows []R) insert {
	in := insert{table: table, rows: len(rows), columns: make([]tableColumn, len(columns))}
	for i, column := range columns {
		in.columns[i] = tableColumn{column.name, blank(column, rows), func(to driver.BatchColumn, from, until int) error {
			return column.fill(to, rows[from:until])
		}}
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

// names are those of the columns that are not blank, as most are, and of more, by
// table and name.
func (in *insert) names(more map[[2]string]bool) []string {
	var names []string
	for i := range in.columns {
		if c := &in.columns[i]; !c.blank || more[[2]string{in.table, c.name}] {
			names = append(names, c.name)
		}
	}
	return names
}

// opening is an INSERT under way into some columns of a table. The server joins
// the blocks that are sent to one, see insertSettings, and makes one part of that
// per partition. Without the end, nothing is inserted.
type opening struct {
	sink    *Sink
	table   string
	names   []string
	block   driver.Batch
	columns []column.Interface
	waiting int // rows of the block that is not sent yet
	rows    int
	small   bool
}

// open begins an INSERT, which must be sent or aborted.
func (s *Sink) open(ctx context.Context, settings clickhouse.Settings, table string, names []string) (*opening, error) {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(settings))
	block, err := s.conn.PrepareBatch(ctx, fmt.Sprintf("INSERT INTO %s (%s)", table, strings.Join(names, ", ")))
	if err != nil {
		return nil, err
	}
	o := &opening{sink: s, table: table, names: names, block: block, columns: block.Columns(), small: true}
	s.spares.lend(table, o.columns)
	return o, nil
}

// takes tells whether it has all columns that the rows need.
func (o *opening) takes(in *insert) bool {
	for i := range in.columns {
		if c := &in.columns[i]; !c.blank && !slices.Contains(o.names, c.name) {
			return false
		}
	}
	return true
}

// append adds the rows of an insert that it takes.
func (o *opening) append(in *insert) error {
	fills := make([]filler, len(o.names))
	for i := range in.columns {
		if n := slices.Index(o.names, in.columns[i].name); n >= 0 {
			fills[n] = in.columns[i].fill
		}
	}
	o.small = o.small && in.small
	for from := 0; from < in.rows; {
		if o.waiting == blockRows || o.waiting > 0 && !in.small {
			if err := o.block.Flush(); err != nil {
				return err
			}
			o.waiting = 0
		}
		until := min(from+stepRows, from+blockRows-o.waiting, in.rows)
		for i, fill := range fills {
			if err := fill(o.block.Column(i), from, until); err != nil {
				return fmt.Errorf("column %s: the table has another type than this program expects: %w", o.names[i], err)
			}
			runtime.Gosched() // new deliveries come first
		}
		o.waiting += until - from
		o.rows += until - from
		from = until
	}
	return nil
}

// send ends the INSERT: when it returns nil, the rows are in.
func (o *opening) send() error {
	if err := o.block.Send(); err != nil {
		return err
	}
	if o.small {
		o.sink.spares.keep(o.table, o.columns)
	}
	return nil
}

// abort gives up what was not sent.
func (o *opening) abort() { _ = o.block.Abort() }

// insert sends one table's rows.
func (s *Sink) insert(ctx context.Context, settings clickhouse.Settings, in *insert) error {
	o, err := s.open(ctx, settings, in.table, in.names(nil))
	if err != nil {
		return err
	}
	defer o.abort()
	if err := o.append(in); err != nil {
		return err
	}
	return o.send()
}

const (
	// blockRows are sent at a time: what an insert needs of memory does not grow
	// with the batch, nor with those that are written together.
	blockRows = 500
	// stepRows are encoded before others have their turn.
	stepRows = 50
)

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
