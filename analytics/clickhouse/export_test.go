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
		block := Block{Table: in.table, Names: in.names, Rows: make([][]any, in.rows)}
		for _, values := range in.columns {
			column := reflect.ValueOf(values)
			for i := range block.Rows {
				block.Rows[i] = append(block.Rows[i], column.Index(i).Interface())
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
