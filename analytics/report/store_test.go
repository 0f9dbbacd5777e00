package report

import (
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/leadgate/leadgate/analytics/clickhouse/clickhousetest"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

// openStore returns a connection to a database of the test's own.
func openStore(t *testing.T) driver.Conn {
	t.Helper()
	return clickhousetest.Open(t).Conn
}
