package ingest_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

func TestParseDelivery_Ahead(t *testing.T) {
	t.Parallel()
	for _, replay := range []uint32{0, 1, 300} {
		for _, ahead := range []time.Duration{time.Microsecond, time.Hour, 100 * 365 * 24 * time.Hour} {
			want := delivery()
			want.Replay, want.Ahead = replay, ahead
			record := ingest.AppendDelivery(nil, want)
			got, err := ingest.ParseDelivery(record)
			if rank := ingest.RankOf(record); rank != want.Rank() {
				t.Errorf("replay %d, %v ahead: the record ranks %d, the delivery %d", replay, ahead, rank, want.Rank())
			}
			if err != nil || got.Ahead != ahead || got.Replay != replay || got.ID != want.ID || !got.ReceivedAt.Equal(want.ReceivedAt) || record[0] != 3 {
				t.Errorf("replay %d, %v ahead: %+v, %v", replay, ahead, got, err)
			}
		}
	}
	old := ingest.AppendDelivery(nil, delivery())
	for name, number := range map[string][]byte{"none": {0, 0}, "too large": {0, 255, 255, 255, 255, 255, 255, 255, 255, 127}} {
		record := append(append([]byte{3}, old[1:9]...), number...)
		if d, err := ingest.ParseDelivery(append(record, old[9:]...)); err == nil {
			t.Errorf("%s: read as %v ahead", name, d.Ahead)
		}
	}
}

type records struct{ kept [][]byte }

func (r *records) Append(_ context.Context, record []byte) error {
	r.kept = append(r.kept, bytes.Clone(record))
	return nil
}

// What comes later ranks later, whatever the clock does; the time of receipt
// stays what the clock said.
func TestAccept_ClockSetBack(t *testing.T) {
	t.Parallel()
	journal := &records{}
	a := ingest.NewAcceptor(map[string]*ingest.Intake{"landing": {Source: decoding(nil)}}, journal)
	base, last := delivery().ReceivedAt, uint64(0)
	for n, step := range []struct{ at, ahead time.Duration }{
		{0, 0}, {time.Second, 0}, {time.Second, time.Microsecond},
		{-time.Hour, time.Hour + time.Second + 2*time.Microsecond}, {24 * time.Hour, 0},
		{2 * time.Second, 24*time.Hour - 2*time.Second + time.Microsecond}, {25 * time.Hour, 0},
	} {
		d := delivery()
		d.ReceivedAt = base.Add(step.at)
		if _, err := a.Accept(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		kept, err := ingest.ParseDelivery(journal.kept[n])
		if err != nil || kept.Ahead != step.ahead || !kept.ReceivedAt.Equal(base.Add(step.at)) || kept.Rank() <= last {
			t.Errorf("delivery %d, at %v: %v, received %v, %v ahead, want %v", n, step.at, err, kept.ReceivedAt.Sub(base), kept.Ahead, step.ahead)
		}
		last = kept.Rank()
	}
}

// A process that starts with its clock set back ranks behind the one before.
func TestAccept_ClockSetBackOverRestart(t *testing.T) {
	t.Parallel()
	before, after := &records{}, &records{}
	intakes := map[string]*ingest.Intake{"landing": {Source: decoding(nil)}}
	if _, err := ingest.NewAcceptor(intakes, before).Accept(t.Context(), delivery()); err != nil {
		t.Fatal(err)
	}
	a := ingest.NewAcceptor(intakes, after)
	a.RankAfter(ingest.RankOf(before.kept[0]))
	a.RankAfter(1) // never back
	d := delivery()
	d.ReceivedAt = d.ReceivedAt.Add(-time.Hour)
	if _, err := a.Accept(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if kept, err := ingest.ParseDelivery(after.kept[0]); err != nil || kept.Rank() <= ingest.RankOf(before.kept[0]) || kept.Ahead != time.Hour+time.Microsecond {
		t.Errorf("%+v, %v", kept, err)
	}
	if ingest.RankOf(nil) != 0 || ingest.RankOf([]byte("no delivery")) != 0 {
		t.Error("what is no delivery has a rank")
	}
}
