package clickhouse_test

import (
	"testing"

	"github.com/leadgate/leadgate/analytics/clickhouse"
)

// Batches are not written together where that would wait for connections that
// nobody gives back, or be held in memory.
func TestConn_Streams(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]bool{
		"clickhouse://127.0.0.1:1":                   true,
		"clickhouse://127.0.0.1:1?max_open_conns=16": true,
		"clickhouse://127.0.0.1:1?max_open_conns=10": false,
		"http://127.0.0.1:1":                         false,
	} {
		conn, err := clickhouse.Open(clickhouse.Options{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		if got := conn.Streams(); got != want {
			t.Errorf("%s: %v, want %v", url, got, want)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
}
