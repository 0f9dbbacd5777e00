package limit_test

import (
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leadgate/leadgate/ingest/limit"
)

// BenchmarkTake counts requests that are all of one key, as a source's are, and
// requests of a key each, as most addresses' are. CPU is this process's: a
// Redis that shares the machine takes its own.
func BenchmarkTake(b *testing.B) {
	one := func(int64) string { return "192.0.2.1" }
	many := func(n int64) string { return "192.0.2." + strconv.FormatInt(n, 10) }
	b.Run("local/one", func(b *testing.B) { benchmarkTake(b, nil, one) })
	b.Run("local/many", func(b *testing.B) { benchmarkTake(b, nil, many) })
	addr := freeAddr(b)
	redisServer(b, addr)
	client := patient(b, addr)
	b.Run("shared/one", func(b *testing.B) { benchmarkTake(b, client, one) })
	b.Run("shared/many", func(b *testing.B) { benchmarkTake(b, client, many) })
}

func benchmarkTake(b *testing.B, client redis.UniversalClient, key func(int64) string) {
	l, err := limit.New(limit.Options{
		Name: b.Name(), Rate: limit.Rate{Count: 1 << 40, Per: time.Second}, Redis: client, Timeout: time.Minute,
	})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	var n atomic.Int64
	b.ReportAllocs()
	spent := cpu(b)
	defer func() { b.ReportMetric(float64(cpu(b)-spent)/float64(b.N), "cpu-ns/op") }()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if r, err := l.Take(b.Context(), key(n.Add(1)), 1); err != nil || !r.Allowed {
				b.Fatal(r, err)
			}
		}
	})
}

func cpu(b *testing.B) int64 {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return used.Utime.Nano() + used.Stime.Nano()
}
