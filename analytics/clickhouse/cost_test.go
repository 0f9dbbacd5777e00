package clickhouse_test

import (
	"fmt"
	"net/textproto"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/leadgate/leadgate/analytics/clickhouse"
	"github.com/leadgate/leadgate/analytics/clickhouse/clickhousetest"
	"github.com/leadgate/leadgate/ingest"
)

var filler = strings.Repeat("We would like to have the roof of our house looked at. ", 8)

// forms makes a batch of forms as cmd/bench sends them.
func forms(id string, from, size int) ingest.Batch {
	b := ingest.Batch{ID: id}
	for n := from; n < from+size; n++ {
		e := lead(n, noon)
		e.Lead.Person.Phone, e.Lead.Person.Message = "+15125550142", filler
		e.Lead.Attrs = nil
		e.Lead.Person.Answers = map[string]string{"service": "roof", "budget": "10000-20000"}
		e.Lead.PageURL = fmt.Sprintf("https://www.example.com/offer?utm_source=google&utm_medium=cpc&utm_campaign=winter&gclid=Cj0KCQ%016d", n)
		d := &ingest.Delivery{ID: e.DeliveryID, Source: "landing", ReceivedAt: noon, RemoteAddr: "192.0.2.1", Method: "POST",
			URL:    "http://127.0.0.1:8080/in/landing",
			Header: textproto.MIMEHeader{"Content-Type": {"application/json"}, "User-Agent": {"leadgate-bench"}, "Accept": {"application/json"}},
			Body:   fmt.Appendf(nil, `{"id":"%016d","name":"Bench Person","email":"p%016d@example.com","phone":"+15125550142","message":"%s","page_url":"%s","visitor_id":"v%016d","service":"roof","budget":"10000-20000"}`, n, n, filler, e.Lead.PageURL, n)}
		b.Events = append(b.Events, e)
		b.Outcomes = append(b.Outcomes, ingest.Outcome{Delivery: d, Verdict: ingest.Accepted, Events: 1, EventIDs: []string{e.ID}})
	}
	return b
}

// spentBy is the CPU time of another process.
func spentBy(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	u, _ := strconv.ParseInt(fields[11], 10, 64)
	s, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(u+s) * 10 * time.Millisecond
}

func spentHere() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// What a form costs: CPU time of the gateway (which passes the engine's bytes on)
// and of the engine, its merges included.
func BenchmarkIntegrationSink_Forms(b *testing.B) {
	for _, size := range []int{1_000, 4_000, 16_000, 50_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			conn := clickhousetest.Open(b)
			sink := clickhouse.NewSink(conn, clickhouse.SinkOptions{})
			pid := clickhousetest.Engine(b).PID()
			f := forms("f", 0, size)
			b.ReportAllocs()
			own, engine := spentHere(), spentBy(pid)
			for n := 0; b.Loop(); n++ {
				f.ID = fmt.Sprint("f", n)
				if err := sink.Write(b.Context(), f); err != nil {
					b.Fatal(err)
				}
			}
			leads := float64(b.N * size)
			b.ReportMetric(float64((spentHere()-own).Nanoseconds())/1e3/leads, "own-µs/lead")
			b.ReportMetric(float64((spentBy(pid)-engine).Nanoseconds())/1e3/leads, "engine-µs/lead")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/1e3/leads, "wall-µs/lead")
		})
	}
}
