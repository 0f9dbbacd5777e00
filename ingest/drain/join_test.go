package drain_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/drain"
)

// joins are what a store was asked to write together.
type joins struct {
	sink *fakeSink

	mu       sync.Mutex
	begun    int
	parts    [][]int // of each that was committed, the events of its batches
	open     int
	onBegin  func() error               // nil begins
	onAppend func(b ingest.Batch) error // nil appends
	onCommit func(do func()) error      // nil commits
}

// joining has the rig's batches, of some deliveries each, written together.
func joining(r *rig) *joins {
	j := &joins{sink: r.sink}
	r.opts.BatchBytes = 600
	r.opts.Join = func(ctx context.Context, id string) (drain.Joined, error) {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.begun++
		if j.onBegin != nil {
			if err := j.onBegin(); err != nil {
				return nil, err
			}
		}
		j.open++
		return &fakeJoined{joins: j, ctx: ctx, whole: ingest.Batch{ID: "joined " + id}}, nil
	}
	return j
}

type fakeJoined struct {
	joins *joins
	ctx   context.Context
	whole ingest.Batch
	parts []int
	ended bool
}

func (f *fakeJoined) Append(b ingest.Batch) error {
	if f.joins.onAppend != nil {
		if err := f.joins.onAppend(b); err != nil {
			return err
		}
	}
	f.whole.Outcomes, f.whole.Events = append(f.whole.Outcomes, b.Outcomes...), append(f.whole.Events, b.Events...)
	f.parts = append(f.parts, len(b.Events))
	return f.ctx.Err()
}

func (f *fakeJoined) Commit() error {
	do := func() { f.joins.sink.store(f.whole) }
	f.end()
	if f.joins.onCommit != nil {
		if err := f.joins.onCommit(do); err != nil {
			return err
		}
	} else {
		do()
	}
	f.joins.mu.Lock()
	defer f.joins.mu.Unlock()
	f.joins.parts = append(f.joins.parts, f.parts)
	return nil
}

func (f *fakeJoined) Abort() { f.end() }

func (f *fakeJoined) end() {
	f.joins.mu.Lock()
	defer f.joins.mu.Unlock()
	if !f.ended {
		f.joins.open--
	}
	f.ended = true
}

func total(parts []int) (events int) {
	for _, n := range parts {
		events += n
	}
	return events
}

// backlog sends leads before the drain begins.
func (r *rig) backlog(n int) (ids []string) {
	for i := range n {
		ids = append(ids, r.lead(fmt.Sprintf("%04d", i), fmt.Sprintf("p%d@example.com", i/2)))
	}
	return ids
}

// all checks that the leads of a backlog are in the store, once and right.
func (r *rig) all(ids []string) {
	r.t.Helper()
	view := r.sink.view()
	if len(view) != len(ids) {
		r.t.Errorf("%d leads in the store, want %d", len(view), len(ids))
	}
	for i, id := range ids {
		key, want := fmt.Sprintf("%04d", i), []ingest.LeadVerdict{ingest.UniqueLead, ingest.DuplicateLead}[i%2]
		if got := view[key].Lead; got == nil || got.Verdict != want {
			r.t.Errorf("%s: %+v, want %s", key, got, want)
		}
		if got := r.sink.outcome(id).Verdict; got != ingest.Accepted {
			r.t.Errorf("%s: %s", id, got)
		}
	}
	if left := r.files("batch.manifest*"); len(left) > 0 {
		r.t.Errorf("left behind: %q", left)
	}
}

// A backlog is written in few large batches, up to the bounds, and what comes in
// one by one is not held up for others.
func TestJoin_BacklogIsWrittenTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		j := joining(r)
		r.opts.MaxRows = 20
		counted := 0
		r.opts.OnBatch = func(b drain.Tally, _ time.Duration) {
			leads := 0
			for by, n := range b.Leads {
				if leads += n; by.Source != "landing" {
					t.Errorf("leads by %+v", by)
				}
			}
			if leads != b.Events || len(b.Deliveries) != b.Events || b.Deliveries[0].Source != "landing" {
				t.Errorf("told of %+v", b)
			}
			counted += leads
		}
		ids := r.backlog(90)
		d, stop := r.start()
		if err := d.WaitIdle(t.Context()); err != nil {
			t.Fatal(err)
		}
		all := 0
		for _, parts := range j.parts {
			n := total(parts)
			if all += n; len(parts) < 3 || n > 20 || all < 80 && n < 15 {
				t.Errorf("written together: %v", j.parts)
			}
		}
		if s := d.Stat(); s.Deliveries != 90 || s.Events != 90 || s.InFlight != 0 {
			t.Errorf("%+v", s)
		}
		synctest.Wait()
		r.all(ids)
		begun := j.begun
		for n := range 3 {
			time.Sleep(time.Minute)
			before := len(r.sink.tries())
			r.lead(fmt.Sprint("late", n), "")
			time.Sleep(450 * time.Millisecond)
			synctest.Wait()
			if got := len(r.sink.tries()); got != before+1 {
				t.Errorf("%d batches after 450 ms, want %d", got, before+1)
			}
		}
		if err := stop(); err != nil || j.begun != begun || j.open != 0 || counted != 93 {
			t.Errorf("%v, %d begun for single deliveries, %d are open, told of %d leads", err, j.begun-begun, j.open, counted)
		}
	})
}

// Where much comes in, without a backlog, batches are written together for a
// while; where little does, they are not.
func TestJoin_FollowsTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		j := joining(r)
		d, stop := r.start()
		for i := range 300 { // three fill a batch
			r.lead(fmt.Sprint("much", i), "")
			time.Sleep(10 * time.Millisecond)
		}
		if err := d.WaitIdle(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(j.parts); n < 3 || n > 4 || len(r.sink.tries()) > 1 {
			t.Errorf("in three seconds %d were written together, %d alone", n, len(r.sink.tries()))
		}
		begun := j.begun
		for i := range 20 {
			r.lead(fmt.Sprint("little", i), "")
			time.Sleep(150 * time.Millisecond)
		}
		if err := d.WaitIdle(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := stop(); err != nil || j.begun != begun || len(r.sink.view()) != 320 {
			t.Errorf("%v, %d begun, %d leads", err, j.begun-begun, len(r.sink.view()))
		}
	})
}

func TestJoin_MaxBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		j := joining(r)
		r.opts.MaxBytes = 2500
		ids := r.backlog(60)
		r.drained()
		size := len(r.log.records[0].Data)
		for _, parts := range j.parts {
			n := total(parts)
			if n*size > 2500 || n*size < 1200 && n < 5 {
				t.Errorf("%d bytes: %v", n*size, j.parts)
			}
		}
		r.all(ids)
	})
}

// What fails together is tried again one by one, as it was frozen.
func TestJoin_FailsThenOneByOne(t *testing.T) {
	away := func() error { return errAway }
	for name, fail := range map[string]func(j *joins, r *rig){
		"begin":              func(j *joins, _ *rig) { j.onBegin = away },
		"first batch":        func(j *joins, _ *rig) { j.onAppend = func(ingest.Batch) error { return errAway } },
		"commit":             func(j *joins, _ *rig) { j.onCommit = func(func()) error { return errAway } },
		"answer of commit":   func(j *joins, _ *rig) { j.onCommit = func(do func()) error { do(); return errAway } },
		"commit is rejected": func(j *joins, _ *rig) { j.onCommit = func(func()) error { return &ingest.RejectedError{Err: errAway} } },
		"fourth batch": func(j *joins, _ *rig) {
			n := 0
			j.onAppend = func(ingest.Batch) error {
				if n++; n%4 == 0 {
					return errAway
				}
				return nil
			}
		},
		"the store for a while": func(j *joins, r *rig) {
			until := time.Now().Add(time.Minute)
			j.onBegin = func() error {
				if time.Now().Before(until) {
					return errAway
				}
				return nil
			}
			r.sink.onWrite = func(_ ingest.Batch, do func()) error {
				if time.Now().Before(until) {
					return errAway
				}
				do()
				return nil
			}
		},
		"a step takes too long": func(j *joins, r *rig) {
			r.opts.WriteTimeout = time.Minute
			j.onAppend = func(ingest.Batch) error { time.Sleep(2 * time.Minute); return nil }
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				j := joining(r)
				fail(j, r)
				ids := r.backlog(60)
				d := r.drained()
				r.all(ids)
				if s := d.Stat(); j.begun == 0 || j.open != 0 || s.Err != "" || s.Deliveries != 60 {
					t.Errorf("%d begun, %d open, %+v", j.begun, j.open, s)
				}
			})
		})
	}
}

// A row that the store never takes is found among the others.
func TestJoin_PoisonIsQuarantined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		j := joining(r)
		poison := func(b ingest.Batch) error {
			if slices.ContainsFunc(b.Events, func(e ingest.Event) bool { return e.ID == "0031" }) {
				return &ingest.RejectedError{Err: errors.New("too long")}
			}
			return nil
		}
		j.onAppend = poison
		r.sink.onWrite = func(b ingest.Batch, do func()) error {
			if err := poison(b); err != nil {
				return err
			}
			do()
			return nil
		}
		ids := r.backlog(60)
		d := r.drained()
		if got := r.sink.outcome(ids[31]); got.Verdict != ingest.Quarantined || !strings.Contains(got.Reason, "too long") {
			t.Errorf("the row at fault: %+v", got)
		}
		if s := d.Stat(); len(r.sink.view()) != 59 || s.Quarantined != 1 || s.Deliveries != 60 {
			t.Errorf("%d stored, %+v", len(r.sink.view()), s)
		}
	})
}

// A run that dies at any point of it leaves nothing out, and what was frozen comes
// again with the same rows.
func TestJoin_Crash(t *testing.T) {
	for name, hooks := range map[string]func(r *rig, j *joins, die func() error){
		"before any batch": func(_ *rig, j *joins, die func() error) { j.onBegin = die },
		"between batches": func(_ *rig, j *joins, die func() error) {
			n := 0
			j.onAppend = func(ingest.Batch) error {
				if n++; n == 3 {
					return die()
				}
				return nil
			}
		},
		"before it is written": func(_ *rig, j *joins, die func() error) { j.onCommit = func(func()) error { return die() } },
		"after it is written":  func(_ *rig, j *joins, die func() error) { j.onCommit = func(do func()) error { do(); return die() } },
		"after the commit": func(r *rig, _ *joins, die func() error) {
			r.log.onCommit = func(do func()) error { do(); return die() }
		},
		"while they are tried again": func(r *rig, j *joins, die func() error) {
			j.onCommit = func(do func()) error { do(); return errAway }
			n := 0
			r.sink.onWrite = func(_ ingest.Batch, do func()) error {
				if do(); n == 2 {
					return die()
				}
				n++
				return nil
			}
		},
	} {
		for _, forgets := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/forgets=%v", name, forgets), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t)
					j := joining(r)
					ids := r.backlog(40)
					r.crash(func(die func() error) { hooks(r, j, die) })
					j.onBegin, j.onAppend, j.onCommit = nil, nil, nil
					before := r.sink.view()
					if forgets {
						r.deduper.forget()
					}
					r.drained()
					r.all(ids)
					after := r.sink.view()
					for id, e := range before {
						if !reflect.DeepEqual(e, after[id]) {
							t.Errorf("%s was stored as %+v, now %+v", id, e, after[id])
						}
					}
				})
			})
		}
	}
}

// What the next batch must wait for ends the joined ones: a memory that was lost
// is filled when they are in the store, at once.
func TestJoin_RebuildEndsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		j := joining(r)
		rebuild, rebuilds := r.opts.Rebuild, 0
		r.opts.Rebuild = func(ctx context.Context) error {
			if rebuilds++; j.open != 0 {
				t.Error("filled while a batch is unwritten")
			}
			return rebuild(ctx)
		}
		n := 0
		j.onAppend = func(ingest.Batch) error {
			if n++; n == 3 {
				r.deduper.forget()
			}
			return nil
		}
		ids := r.backlog(40)
		began := time.Now()
		r.drained()
		if rebuilds != 1 || time.Since(began) > time.Second/2 {
			t.Errorf("%d rebuilds, took %v", rebuilds, time.Since(began))
		}
		r.all(ids)
	})
}

// A replay among a backlog finds in the store what was before it, and is written
// for itself.
func TestJoin_ReplayIsWrittenAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		j := joining(r)
		r.opts.Replays = &fakeReplays{r: r}
		at := time.Now().UTC()
		ids := r.backlog(20)
		r.again(ids[3], "landing", `[{"Kind":"lead","Key":"0003","Email":"p1@example.com"}]`, at, 1)
		r.again(ids[4], "landing", "[]", at, 1)
		for i := 20; i < 40; i++ {
			ids = append(ids, r.lead(fmt.Sprintf("%04d", i), fmt.Sprintf("p%d@example.com", i/2)))
		}
		j.onAppend = func(b ingest.Batch) error {
			if slices.ContainsFunc(b.Outcomes, func(o ingest.Outcome) bool { return o.Delivery.Replay > 0 }) {
				t.Error("a replay is written with others")
			}
			return nil
		}
		r.drained()
		if got := r.sink.outcome(ids[4]).Verdict; got != ingest.IgnoredOne || len(j.parts) == 0 {
			t.Errorf("the replay is %s, joined %v", got, j.parts)
		}
		if got := r.sink.outcome(ids[3]).Verdict; got != ingest.Accepted {
			t.Errorf("the other replay is %s", got)
		}
		if len(r.sink.view()) != 40 {
			t.Errorf("%d leads", len(r.sink.view()))
		}
	})
}

// A stop ends what is joined and lets it finish.
func TestJoin_StopLetsItFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		j := joining(r)
		calls := 0
		r.deduper.onClaim = func(do func()) error {
			if calls++; calls > 4 {
				return errAway
			}
			do()
			return nil
		}
		r.backlog(40)
		_, stop := r.start()
		time.Sleep(joinPause)
		if err := stop(); err != nil {
			t.Error(err)
		}
		if len(j.parts) != 1 || len(j.parts[0]) != 4 || r.log.Committed() == (ingest.Position{}) {
			t.Errorf("written together: %v", j.parts)
		}
	})
}

// joinPause is less than joined batches wait for the next.
const joinPause = 100 * time.Millisecond
