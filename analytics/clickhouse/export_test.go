package clickhouse

import (
	"reflect"

	"github.com/leadgate/leadgate/ingest"
)

// Block is a table's part of a batch, turned into rows.
type Block struct {
	Table string
	Names []string
	Rows  [][]any
}

// Rowwise returns what the sink inserts for a batch, as rows.
func Rowwise(s *Sink, batch ingest.Batch) (blocks []Block, err error) {
	inserts, err := s.inserts(batch)
	for _, in := range inserts {
		block := Block{Table: in.table, Names: in.names(nil), Rows: make([][]any, in.rows)}
		for _, column := range in.columns {
			if column.blank {
				continue
			}
			var values recorder
			if err := column.fill(&values, 0, in.rows); err != nil {
				return nil, err
			}
			for i := range block.Rows {
				block.Rows[i] = append(block.Rows[i], values[i])
			}
		}
		if in.rows > 0 {
			blocks = append(blocks, block)
		}
	}
	return blocks, err
}

// InsertSettings are what the sink sets on every insert.
var InsertSettings = insertSettings

// recorder keeps what is appended to a column.
type recorder []any

func (r *recorder) Append(values any) error {
	for _, value := range reflect.ValueOf(values).Seq2() {
		*r = append(*r, value.Interface())
	}
	return nil
}

func (r *recorder) AppendRow(value any) error {
	*r = append(*r, value)
	return nil
}
