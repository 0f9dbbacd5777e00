package clickhouse

import (
	"errors"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/leadgate/leadgate/ingest"
)

// rejections are the server's errors that a row's own values cause, so that no
// repetition helps. Their texts quote values. What is wrong with a table as a
// whole (missing, of other types, full of parts) is not among them: that can
// be mended, and the rows are not at fault.
var rejections = map[int32]string{
	6:   "CANNOT_PARSE_TEXT",
	25:  "CANNOT_PARSE_ESCAPE_SEQUENCE",
	26:  "CANNOT_PARSE_QUOTED_STRING",
	27:  "CANNOT_PARSE_INPUT_ASSERTION_FAILED",
	38:  "CANNOT_PARSE_DATE",
	41:  "CANNOT_PARSE_DATETIME",
	69:  "ARGUMENT_OUT_OF_BOUND",
	70:  "CANNOT_CONVERT_TYPE",
	72:  "CANNOT_PARSE_NUMBER",
	117: "INCORRECT_DATA",
	128: "TOO_LARGE_ARRAY_SIZE",
	131: "TOO_LARGE_STRING_SIZE",
	153: "ILLEGAL_DIVISION",
	321: "VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE",
	349: "CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN",
	395: "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO",
	407: "DECIMAL_OVERFLOW",
	469: "VIOLATED_CONSTRAINT",
	691: "UNKNOWN_ELEMENT_OF_ENUM",
}

// judge turns an insert's error into what Write promises.
func (s *Sink) judge(batch, table string, err error) error {
	var exception *clickhouse.Exception
	if errors.As(err, &exception) {
		if name, ok := rejections[exception.Code]; ok {
			return &ingest.RejectedError{Err: fmt.Errorf("batch %s: %s: clickhouse code %d (%s)", batch, table, exception.Code, name)}
		}
	}
	s.mu.Lock()
	s.settings = nil // the server may be another by now
	s.doubtful[batch] = true
	s.mu.Unlock()
	return fmt.Errorf("batch %s: insert into %s: %w", batch, table, s.conn.explain(err))
}
