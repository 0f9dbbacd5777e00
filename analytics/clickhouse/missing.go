package clickhouse

import (
	"errors"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// IsMissing reports whether the server said that a database, table, view or
// column is not there.
func IsMissing(err error) bool {
	var exception *clickhouse.Exception
	return errors.As(err, &exception) && slices.Contains([]int32{
		codeNoSuchColumnInTable, codeUnknownIdentifier, codeUnknownTable, codeUnknownDatabase,
	}, exception.Code)
}
