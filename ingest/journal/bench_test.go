package journal

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/leadgate/leadgate/ingest"
)

// BenchmarkAppend: every operation is one record appended and fsynced.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{256, 1 << 10, 16 << 10} {
		for _, writers := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("size=%d/writers=%d", size, writers), func(b *testing.B) {
				l, err := Open(Options{Dir: b.TempDir(), MaxBytes: 1 << 40})
				if err != nil {
					b.Fatal(err)
				}
				record := make([]byte, size)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				b.ResetTimer()
				var left atomic.Int64
				left.Store(int64(b.N))
				done := make(chan error, writers)
				for range writers {
					go func() {
						for left.Add(-1) >= 0 {
							if err := l.Append(context.Background(), record); err != nil {
								done <- err
								return
							}
						}
						done <- nil
					}()
				}
				for range writers {
					if err := <-done; err != nil {
						b.Error(err)
					}
				}
				b.StopTimer()
				s := l.Stat()
				b.ReportMetric(float64(s.Records)/float64(max(s.Batches, 1)), "records/fsync")
				b.ReportMetric(float64(s.Records)/b.Elapsed().Seconds(), "records/s")
				if err := l.Close(); err != nil {
					b.Error(err)
				}
			})
		}
	}
}

// BenchmarkRead: every operation is one record of 1 KiB read from the page
// cache and checked, 1,000 at most in a call.
func BenchmarkRead(b *testing.B) {
	const size, records = 1 << 10, 20_000
	l, err := Open(Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	appendMany(b, l, records, func(i int) []byte { return make([]byte, size) })
	b.SetBytes(size)
	b.ReportAllocs()
	b.ResetTimer()
	var at ingest.Position
	for left := b.N; left > 0; {
		got, err := l.Read(context.Background(), at, min(left, 1000), 8<<20)
		if err != nil {
			b.Fatal(err)
		}
		left -= len(got)
		if at = got[len(got)-1].Next; at == l.Stat().End {
			at = ingest.Position{}
		}
	}
	b.StopTimer()
	if err := l.Close(); err != nil {
		b.Error(err)
	}
}
