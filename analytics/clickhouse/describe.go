package clickhouse

import (
	"fmt"
	"reflect"
	"time"

	"github.com/shopspring/decimal"

	"github.com/leadgate/leadgate/ingest"
)

// Describe returns an event as the views show it: values by the names of their
// columns, and its kind. A lead has the columns of contacts besides its own,
// personal data included. What is empty or unknown is left out; times are RFC
// 3339 in UTC, money is decimal text. Errors are those of an event that no table
// can take.
func Describe(event ingest.Event) (map[string]any, error) {
	row := eventRow{Event: &event}
	if err := row.complete(); err != nil {
		return nil, err
	}
	columns := map[ingest.Kind][]columnOf[eventRow]{
		ingest.LeadKind: concat(leadColumns, contactColumns), ingest.TouchKind: touchColumns,
		ingest.CostKind: costColumns, ingest.StatusKind: statusColumns,
	}[event.Kind]
	if columns == nil {
		return nil, fmt.Errorf("an event of the unknown kind %q", event.Kind)
	}
	described := map[string]any{"kind": string(event.Kind)}
	for _, column := range columns {
		if column.blank(&row) {
			continue
		}
		value := reflect.Indirect(reflect.ValueOf(column.value(&row))) // 0 and false are known where there is a pointer to them
		described[column.name] = readable(column.name, value.Interface())
	}
	return described, nil
}

func readable(column string, value any) any {
	switch value := value.(type) {
	case time.Time:
		if column == "day" {
			return value.Format(time.DateOnly)
		}
		return value.UTC().Format(time.RFC3339Nano)
	case decimal.Decimal:
		return value.String()
	}
	return value
}
