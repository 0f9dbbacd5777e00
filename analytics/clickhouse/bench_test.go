package clickhouse_test

import (
	"fmt"
	"strings"
	"testing"

	driver "github.com/ClickHouse/clickhouse-go/v2"

	"github.com/leadgate/leadgate/analytics/clickhouse"
	"github.com/leadgate/leadgate/analytics/clickhouse/clickhousetest"
	"github.com/leadgate/leadgate/ingest"
)

func tenThousand() []ingest.Event {
	events := make([]ingest.Event, 10_000)
	for n := range events {
		events[n] = lead(n, noon)
	}
	return events
}

// Ten thousand leads into leads_log and contacts_log by the sink.
func BenchmarkIntegrationSink_Write10kLeads(b *testing.B) {
	conn := clickhousetest.Open(b)
	sink := clickhouse.NewSink(conn, clickhouse.SinkOptions{})
	events := tenThousand()
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if err := sink.Write(b.Context(), ingest.Batch{ID: fmt.Sprint("b", n), Events: events}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*1e4/b.Elapsed().Seconds(), "leads/s")
}

// The same rows by one Append a row, as the driver's examples do; the rows are
// made beforehand and the channels known, so it has less to do.
func BenchmarkIntegrationRowwise_Write10kLeads(b *testing.B) {
	conn := clickhousetest.Open(b)
	blocks, err := clickhouse.Rowwise(clickhouse.NewSink(conn, clickhouse.SinkOptions{}), ingest.Batch{Events: tenThousand()})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		ctx := driver.Context(b.Context(), driver.WithSettings(driver.Settings{"insert_deduplication_token": fmt.Sprint("b", n)}))
		for _, block := range blocks {
			insert, err := conn.PrepareBatch(ctx, "INSERT INTO "+block.Table+" ("+strings.Join(block.Names, ", ")+")")
			if err != nil {
				b.Fatal(err)
			}
			for _, row := range block.Rows {
				if err := insert.Append(row...); err != nil {
					b.Fatal(err)
				}
			}
			if err := insert.Send(); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.N)*1e4/b.Elapsed().Seconds(), "leads/s")
}
