package clickhouse_test

import (
	"testing"

	"github.com/leadgate/leadgate/analytics/clickhouse"
)

func TestMustRead(t *testing.T) {
	t.Parallel()
	for statement, reads := range map[string]bool{
		"SELECT 1": true, " \n\tselect\n1": true, "(SELECT 1) UNION ALL (SELECT 2)": true, "select(1)": true, "WITH 1 AS a SELECT a": true,
		"-- x\nSELECT 1": true, "/* x */ SELECT 1": true, "/**//**/SELECT 1": true, "#!x\nSELECT 1": true, "DESC leads": true, "EXPLAIN SELECT 1": true,
		"": false, "--": false, "/*": false, "-- SELECT 1": false, "/* SELECT */ DROP TABLE x": false, "--SELECT\nDROP TABLE x": false,
		"SYSTEM STOP MERGES": false, "SYSTEM\nSTOP MERGES": false, "KILL QUERY WHERE 1": false, "SET readonly = 0": false, "SELECTS": false,
		"INSERT INTO a SELECT 1": false, "ＳＥＬＥＣＴ 1": false, "\x00SELECT 1": false, "USE x": false,
	} {
		if err := clickhouse.MustRead(statement); (err == nil) != reads || err != nil && !clickhouse.RefusedAsReadOnly(err) {
			t.Errorf("%q: %v", statement, err)
		}
	}
}
