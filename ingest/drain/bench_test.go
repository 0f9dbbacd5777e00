package drain

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// endlessLog holds the same records over and over, up to a number.
type endlessLog struct {
	records   []ingest.Record
	limit     int64
	committed atomic.Int64
	done      chan struct{}
}

func (l *endlessLog) Read(ctx context.Context, from ingest.Position, maxRecords int, _ int64) ([]ingest.Record, error) {
	if left := l.limit - from.Offset; left > 0 {
		out := make([]ingest.Record, min(left, int64(maxRecords), 10_000))
		for i := range out {
			at := from.Offset + int64(i)
			out[i] = ingest.Record{At: ingest.Position{Offset: at}, Next: ingest.Position{Offset: at + 1}, Data: l.records[at%int64(len(l.records))].Data}
		}
		return out, nil
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

func (l *endlessLog) Commit(_ context.Context, upTo ingest.Position) error {
	if l.committed.Store(upTo.Offset); upTo.Offset == l.limit {
		close(l.done)
	}
	return nil
}

func (l *endlessLog) Committed() ingest.Position { return ingest.Position{Offset: l.committed.Load()} }

type nullDeduper struct{}

func (nullDeduper) Claim(_ context.Context, events []ingest.Event) ([]ingest.Claim, error) {
	claims := make([]ingest.Claim, len(events))
	for i := range claims {
		claims[i] = ingest.Claim{
			Decision: ingest.NewEvent, FirstReceived: events[i].ReceivedAt, ContactID: "0123456789abcdef0123456789abcdef",
		}
	}
	return claims, nil
}

type nullSink struct{ events atomic.Int64 }

func (s *nullSink) Write(_ context.Context, b ingest.Batch) error {
	s.events.Add(int64(len(b.Events)))
	return nil
}

func formRecords() []ingest.Record {
	records := make([]ingest.Record, 1000)
	for i := range records {
		records[i].Data = formRecord(i)
	}
	return records
}

func benchDrain(b *testing.B, log Log, sink Sink) *Drain {
	intake := &ingest.Intake{Source: formSource{}}
	d, err := New(Options{
		Log: log, Deduper: nullDeduper{}, Rebuild: func(context.Context) error { return nil }, Sink: sink,
		Dir: b.TempDir(), Intakes: map[string]*ingest.Intake{"landing": intake}, FlushInterval: time.Millisecond,
	})
	if err != nil {
		b.Fatal(err)
	}
	return d
}

// BenchmarkRun drains JSON forms end to end, all but Redis and the store.
func BenchmarkRun(b *testing.B) {
	log := &endlessLog{records: formRecords(), limit: int64(b.N), done: make(chan struct{})}
	sink := &nullSink{}
	d := benchDrain(b, log, sink)
	b.SetBytes(int64(len(log.records[0].Data)))
	b.ReportAllocs()
	b.ResetTimer()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	<-log.done
	b.StopTimer()
	cancel()
	if err := <-ended; err != nil || sink.events.Load() != int64(b.N) {
		b.Fatalf("%d events of %d, %v", sink.events.Load(), b.N, err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
}

func BenchmarkDecode(b *testing.B) {
	d := benchDrain(b, &endlessLog{}, &nullSink{})
	records := formRecords()
	b.SetBytes(int64(len(records) * len(records[0].Data)))
	b.ReportAllocs()
	for b.Loop() {
		if items := d.decode(records); len(items[0].events) != 1 {
			b.Fatal(items[0].reason)
		}
	}
	b.ReportMetric(float64(len(records)*b.N)/b.Elapsed().Seconds(), "deliveries/s")
}
