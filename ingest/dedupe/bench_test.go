package dedupe_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leadgate/leadgate/ingest"
)

// BenchmarkIntegrationClaim claims a thousand new events at a time in a real
// Redis, and tells what each costs there: microseconds of its processor, and
// bytes that it keeps.
func BenchmarkIntegrationClaim(b *testing.B) {
	const events = 1000
	at := func(n int) time.Time { return start.Add(time.Duration(n) * time.Microsecond) }
	for name, eventOf := range map[string]func(n int) ingest.Event{
		"leads": func(n int) ingest.Event {
			id := benchID(n)
			return lead(id, fmt.Sprintf("%026d", n), at(n), fmt.Sprintf("p%d@example.com", n), fmt.Sprintf("+1415%07d", n))
		},
		"touches": func(n int) ingest.Event {
			return event(ingest.TouchKind, benchID(n), fmt.Sprintf("%026d", n/10), at(n))
		},
	} {
		b.Run(name, func(b *testing.B) {
			client := realClient(b)
			m := opened(b, client)
			number := func(field string) float64 { return redisNumber(b, client, field) }
			cpu, memory := number("used_cpu_user")+number("used_cpu_sys"), number("used_memory")
			b.ReportAllocs()
			next := 0
			for range b.N {
				b.StopTimer()
				batch := make([]ingest.Event, 0, events)
				for range events {
					batch = append(batch, eventOf(next))
					next++
				}
				b.StartTimer()
				claims, err := m.Claim(b.Context(), batch)
				if err != nil || len(claims) != events {
					b.Fatal(len(claims), err)
				}
			}
			b.ReportMetric((number("used_cpu_user")+number("used_cpu_sys")-cpu)*1e6/float64(next), "redis-us/event")
			b.ReportMetric((number("used_memory")-memory)/float64(next), "redis-B/event")
			b.ReportMetric(b.Elapsed().Seconds()*1e6/float64(next), "us/event")
		})
	}
}

func benchID(n int) string { return fmt.Sprintf("%032x", uint64(n)*0x9e3779b97f4a7c15) }

// redisNumber reads a number of INFO.
func redisNumber(b *testing.B, client redis.UniversalClient, field string) float64 {
	b.Helper()
	text, err := client.Info(b.Context(), "memory", "cpu").Result()
	if err != nil {
		b.Fatal(err)
	}
	_, value, _ := strings.Cut(text, "\n"+field+":")
	value, _, _ = strings.Cut(value, "\r")
	n, err := strconv.ParseFloat(value, 64)
	if err != nil {
		b.Fatal(err)
	}
	return n
}
