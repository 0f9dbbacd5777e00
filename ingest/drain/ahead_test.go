package drain_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// gate is a store that is slow: each write waits to be let in.
type gate struct {
	*fakeSink
	in      chan struct{}
	writing atomic.Bool
}

func (g *gate) Write(ctx context.Context, b ingest.Batch) error {
	g.writing.Store(true)
	defer g.writing.Store(false)
	select {
	case <-g.in:
		return g.fakeSink.Write(ctx, b)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func gated(t *testing.T) (*rig, *gate) {
	r := newRig(t)
	r.opts.MaxRows = 2
	g := &gate{fakeSink: r.sink, in: make(chan struct{})}
	r.opts.Sink = g
	return r, g
}

// While one batch is written the next is claimed if it is full, and no more than
// that; they are written in order.
func TestAhead_NextIsClaimedWhileOneIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, g := gated(t)
		for i := range 8 {
			r.lead(fmt.Sprint(i), fmt.Sprintf("p%d@example.com", i/4))
		}
		d, stop := r.start()
		for n := range 4 {
			synctest.Wait()
			if want := min(n+2, 4); r.deduper.calls != want || len(r.sink.tries()) != n {
				t.Errorf("%d claims, want %d, when %d batches are written", r.deduper.calls, want, len(r.sink.tries()))
			}
			if s := d.Stat(); s.InFlight != 2 {
				t.Errorf("%d deliveries in flight, want those of the batch that is written", s.InFlight)
			}
			g.in <- struct{}{}
		}
		if err := d.WaitIdle(t.Context()); err != nil {
			t.Error(err)
		}
		for n, b := range r.sink.tries() {
			if got := b.Events[0].ID + b.Events[1].ID; got != fmt.Sprintf("%d%d", 2*n, 2*n+1) {
				t.Errorf("batch %d holds %s", n, got)
			}
		}
		if first := r.sink.view()["4"].Lead; first.Verdict != ingest.UniqueLead {
			t.Errorf("another person: %+v", first)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// What comes in while a batch is written, and does not fill one, waits for it: a
// slow store gets few batches.
func TestAhead_SmallBatchesGather(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, g := gated(t)
		r.opts.MaxRows = 100
		r.lead("first", "")
		d, stop := r.start()
		for i := range 20 {
			time.Sleep(time.Second)
			r.lead(fmt.Sprint(i), "")
		}
		synctest.Wait() // the last of them is in, too
		close(g.in)
		if err := d.WaitIdle(t.Context()); err != nil {
			t.Error(err)
		}
		if got := sizes(r.sink.tries()); got != "[1 20]" {
			t.Errorf("batches of %s", got)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// A memory that is lost while a batch is written is not filled before the store
// has that batch: what it would miss would count twice.
func TestAhead_RebuildWaitsForTheBatchInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, g := gated(t)
		rebuild, rebuilds := r.opts.Rebuild, 0
		r.opts.Rebuild = func(ctx context.Context) error {
			if rebuilds++; g.writing.Load() {
				t.Error("filled while a batch is unwritten")
			}
			return rebuild(ctx)
		}
		r.lead("a", "ann@example.com")
		r.lead("b", "bob@example.com")
		d, stop := r.start()
		synctest.Wait()
		r.deduper.forget()
		again := r.lead("a", "ann@example.com")
		r.lead("c", "bob@example.com")
		time.Sleep(time.Hour)
		synctest.Wait()
		if rebuilds != 0 {
			t.Errorf("%d rebuilds before the batch is written", rebuilds)
		}
		close(g.in)
		if err := d.WaitIdle(t.Context()); err != nil {
			t.Error(err)
		}
		if err := stop(); err != nil || rebuilds != 1 {
			t.Errorf("%d rebuilds, %v", rebuilds, err)
		}
		if got := r.sink.outcome(again).Verdict; got != ingest.Duplicate {
			t.Errorf("what was in flight comes again: %s", got)
		}
		if got := r.sink.view()["c"].Lead; got.DuplicateOf != "b" {
			t.Errorf("the person of the lead in flight: %+v", got)
		}
	})
}

// A stop that leaves a batch unwritten leaves the memory empty too.
func TestAhead_StopDoesNotRebuild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := gated(t)
		r.opts.StopTimeout = -1
		r.opts.Rebuild = func(context.Context) error {
			t.Error("filled while a batch is unwritten")
			return nil
		}
		r.lead("a", "ann@example.com")
		r.lead("b", "bob@example.com")
		_, stop := r.start()
		synctest.Wait()
		r.deduper.forget()
		r.lead("c", "bob@example.com")
		time.Sleep(time.Minute)
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// watchedReplays fails the test when it is asked beside a write.
type watchedReplays struct {
	fakeReplays
	t *testing.T
	g *gate
}

func (w *watchedReplays) Supersede(ctx context.Context, d []*ingest.Delivery, e []ingest.Event) (map[string]ingest.Verdict, error) {
	if w.g.writing.Load() {
		w.t.Error("the store is asked about a replay while a batch is unwritten")
	}
	return w.fakeReplays.Supersede(ctx, d, e)
}

// A replay of what is in flight finds in the store what became of it.
func TestAhead_ReplayWaitsForTheBatchInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, g := gated(t)
		replays := &watchedReplays{fakeReplays: fakeReplays{r: r}, t: t, g: g}
		r.opts.Replays = replays
		body := `[{"Kind":"lead","Key":"a","Email":"ann@example.com"}]`
		at := time.Now().UTC()
		r.lead("a", "ann@example.com")
		twice := r.send(body)
		r.again(twice, "landing", body, at, 1)
		d, stop := r.start()
		time.Sleep(time.Minute)
		synctest.Wait()
		if replays.calls != 0 {
			t.Error("asked too early")
		}
		close(g.in)
		if err := d.WaitIdle(t.Context()); err != nil {
			t.Error(err)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
		if got := r.sink.outcome(twice).Verdict; replays.calls != 1 || got != ingest.Duplicate {
			t.Errorf("asked %d times; the replay is %s", replays.calls, got)
		}
	})
}
