package ingest_test

import (
	"testing"

	"github.com/leadgate/leadgate/ingest"
)

// What watching over a decoder costs.
func BenchmarkDecoders(b *testing.B) {
	quick := &ingest.Intake{Source: decoding(func(*ingest.Delivery) ([]ingest.Event, error) { return nil, nil })}
	g, d := &ingest.Decoders{}, delivery()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := g.Decode(quick, d); err != nil {
				b.Fatal(err)
			}
		}
	})
}
