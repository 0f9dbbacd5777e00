package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// decoding is a source whose decoder is a function.
type decoding func(*ingest.Delivery) ([]ingest.Event, error)

func (decoding) Verify(*ingest.Delivery) error                       { return nil }
func (f decoding) Decode(d *ingest.Delivery) ([]ingest.Event, error) { return f(d) }

func TestDecoders_HangIsGivenUpAndBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var tried atomic.Int64
		hanging := &ingest.Intake{Source: decoding(func(*ingest.Delivery) ([]ingest.Event, error) {
			tried.Add(1)
			<-release
			return nil, nil
		})}
		quick := &ingest.Intake{Source: decoding(func(*ingest.Delivery) ([]ingest.Event, error) { return []ingest.Event{{ID: "e"}}, nil })}
		var told []string
		g := &ingest.Decoders{MaxStuck: 2, OnStuck: func(source string, stuck int) { told = append(told, fmt.Sprint(source, stuck)) }}
		began := time.Now()
		for range 4 {
			if events, err := g.Decode(hanging, delivery()); !errors.Is(err, ingest.ErrHung) || events != nil {
				t.Errorf("hanging: %v, %v", events, err)
			}
		}
		if took := time.Since(began); took != 20*time.Second || tried.Load() != 2 {
			t.Errorf("%d were tried, in %v; want the bound of 2, of 10 s each", tried.Load(), took)
		}
		other := delivery()
		other.Source = "clicks"
		if events, err := g.Decode(quick, other); err != nil || len(events) != 1 {
			t.Errorf("another source: %v, %v", events, err)
		}
		if now, total := g.Stuck(); now != 2 || total != 2 || strings.Join(told, " ") != "landing1 landing2" {
			t.Errorf("stuck %d of %d, told %v", now, total, told)
		}
		close(release)
		synctest.Wait()
		if now, total := g.Stuck(); now != 0 || total != 2 {
			t.Errorf("after they ended: stuck %d of %d", now, total)
		}
		if _, err := g.Decode(hanging, delivery()); err != nil || tried.Load() != 3 {
			t.Errorf("after they ended: %v, %d tried", err, tried.Load())
		}
	})
}

func TestDecoders_PanicIsAnErrorWithoutValues(t *testing.T) {
	t.Parallel()
	g := &ingest.Decoders{}
	for want, cause := range map[string]func(){
		"index out of range":            func() { var none []int; _ = none[len(delivery().Body)] },
		"a string at decoders_test.go:": func() { panic("ann@example.com") },
	} {
		_, err := g.Decode(&ingest.Intake{Source: decoding(func(*ingest.Delivery) ([]ingest.Event, error) { cause(); return nil, nil })}, delivery())
		var panicked *ingest.PanicError
		want = strings.TrimPrefix(want, "a ")
		if !errors.As(err, &panicked) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "ann") {
			t.Errorf("%v; want %q", err, want)
		}
	}
}

// A first-party delivery that cannot be decoded is not kept.
func TestAccept_DecoderHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		kept := &memory{}
		a := ingest.NewAcceptor(map[string]*ingest.Intake{"landing": {FirstParty: true, Source: decoding(func(*ingest.Delivery) ([]ingest.Event, error) {
			<-release
			return nil, nil
		})}}, kept)
		if _, err := a.Accept(context.Background(), delivery()); !errors.Is(err, ingest.ErrHung) || len(kept.records) != 0 {
			t.Errorf("%v, %d kept", err, len(kept.records))
		}
		if now, _ := a.Decoders().Stuck(); now != 1 {
			t.Errorf("%d stuck", now)
		}
		close(release)
		synctest.Wait()
	})
}

func TestParseDelivery_Replays(t *testing.T) {
	t.Parallel()
	want := delivery()
	old := ingest.AppendDelivery(nil, want)
	for _, n := range []uint32{1, 127, 128, 1<<32 - 1} {
		want.Replay = n
		record := ingest.AppendDelivery(nil, want)
		if got, err := ingest.ParseDelivery(record); err != nil || got.Replay != n || got.ID != want.ID || string(got.Body) != string(want.Body) {
			t.Errorf("replay %d: %+v, %v", n, got, err)
		}
		if record[0] != 2 || old[0] != 1 {
			t.Errorf("versions %d and %d; want 2 and 1", record[0], old[0])
		}
	}
	none := append([]byte{2}, old[1:9]...)
	none = append(append(none, 0), old[9:]...)
	if d, err := ingest.ParseDelivery(none); err == nil {
		t.Errorf("a replay without a number was read: %+v", d)
	}
	// What version 1 wrote before there were replays.
	if d, err := ingest.ParseDelivery(old); err != nil || d.Replay != 0 {
		t.Errorf("an old record: %+v, %v", d, err)
	}
}

// One run of a timer watches over many decoders: each has its whole time, and no
// more, also when it begins while an earlier one is watched.
func TestDecoders_EachHasItsWholeTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		taking := func(d time.Duration) *ingest.Intake {
			return &ingest.Intake{Source: decoding(func(*ingest.Delivery) ([]ingest.Event, error) { time.Sleep(d); return nil, nil })}
		}
		g := &ingest.Decoders{}
		for _, takes := range []time.Duration{0, 9 * time.Second, 9 * time.Second, 2 * time.Second, 9 * time.Second} {
			if _, err := g.Decode(taking(takes), delivery()); err != nil {
				t.Errorf("%v: %v", takes, err)
			}
		}
		began := time.Now()
		if _, err := g.Decode(taking(time.Minute), delivery()); !errors.Is(err, ingest.ErrHung) || time.Since(began) != 10*time.Second {
			t.Errorf("given up after %v: %v", time.Since(began), err)
		}
		time.Sleep(time.Minute) // it ends at last
	})
}
