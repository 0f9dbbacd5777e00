package drain_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/drain"
)

func TestRun_Outcomes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		cases := []struct {
			id      string
			verdict ingest.Verdict
			reason  string
			events  int
		}{
			{r.lead("a", "ann@example.com"), ingest.Accepted, "", 1},
			{r.lead("a", "ann@example.com"), ingest.Duplicate, "known already", 1},
			{r.things(thing{Kind: ingest.LeadKind, Key: "a"}, thing{Kind: ingest.TouchKind, Key: "t"}), ingest.Accepted, "", 2},
			{r.send("ignored"), ingest.IgnoredOne, "event ping by …", 0},
			{r.send("nothing"), ingest.IgnoredOne, "no events", 0},
			{r.send("invalid"), ingest.Quarantined, "email: has no @", 0},
			{r.send("ann@example.com +1 415 555 0100"), ingest.Quarantined, "malformed: invalid character", 0},
			{r.send("panic"), ingest.Quarantined, "index out of range", 0},
			{r.send("panic with data"), ingest.Quarantined, "decoder panicked: string at fakes_test.go:", 0},
			{r.send("not whole"), ingest.Quarantined, "not whole", 0},
			{r.sendTo("removed", "x"), ingest.Quarantined, "not configured", 0},
			{r.things(thing{Kind: ingest.CostKind, Key: "c", Note: "1"}, thing{Kind: ingest.CostKind, Key: "c", Note: "2"}), ingest.Accepted, "", 1},
		}
		d := r.drained()
		for _, c := range cases {
			got := r.sink.outcome(c.id)
			if got.Delivery == nil || got.Verdict != c.verdict || !strings.Contains(got.Reason, c.reason) || got.Events != c.events {
				t.Errorf("%s: %s %q, %d events; want %s %q, %d events", c.id, got.Verdict, got.Reason, got.Events, c.verdict, c.reason, c.events)
			}
			if c.reason == "" && got.Reason != "" || strings.Contains(got.Reason, "ann") || strings.Contains(got.Reason, "555") {
				t.Errorf("%s: reason %q", c.id, got.Reason)
			}
		}
		if got := r.sink.view(); len(got) != 3 || got["c"].Cost.Campaign != "1" {
			t.Errorf("stored %v", got)
		}
		s := d.Stat()
		if s.Deliveries != 12 || s.Events != 3 || s.Quarantined != 6 || s.Err != "" || s.InFlight != 0 || s.Batches != 1 {
			t.Errorf("stat %+v", s)
		}
	})
}

func TestRun_Verdicts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		first := time.Now().UTC()
		lead := func(t thing) { t.Kind = ingest.LeadKind; r.things(t) }
		lead(thing{Key: "first", Email: "ann@example.com"})
		lead(thing{Key: "again", Email: "ann@example.com"})
		lead(thing{Key: "test", Email: "ann@example.com", Test: true, Spam: true})
		lead(thing{Key: "spam", Spam: true})
		lead(thing{Key: "interest"})
		lead(thing{Key: "call", Mutable: true, Note: "ringing"})
		time.Sleep(time.Hour)
		lead(thing{Key: "call", Mutable: true, Note: "answered"})
		// The latest of one delivery counts, wherever it stands.
		r.things(thing{Kind: ingest.LeadKind, Key: "deal", Mutable: true, Note: "new", Version: 7},
			thing{Kind: ingest.LeadKind, Key: "deal", Mutable: true, Note: "old", Version: 6})
		r.things(thing{Kind: ingest.StatusKind, Key: "status"})
		r.drained()
		view := r.sink.view()
		want := map[string]ingest.LeadVerdict{
			"first": ingest.UniqueLead, "again": ingest.DuplicateLead, "test": ingest.TestLead,
			"spam": ingest.SpamLead, "interest": ingest.InterestLead, "call": ingest.InterestLead,
		}
		for id, verdict := range want {
			if got := view[id].Lead; got.Verdict != verdict || (got.DuplicateOf != "") != (verdict == ingest.DuplicateLead) {
				t.Errorf("%s: %s of %q, want %s", id, got.Verdict, got.DuplicateOf, verdict)
			}
		}
		if got := view["first"].Lead.ContactID; got != "contact of ann@example.com" {
			t.Errorf("contact %q", got)
		}
		call := view["call"]
		if call.Lead.Person.Name != "answered" || !call.ReceivedAt.Equal(first) || !call.OccurredAt.Equal(first) ||
			call.Version != uint64(first.Add(time.Hour).UnixMicro()) {
			t.Errorf("the update is stored as %+v", call)
		}
		if view["deal"].Lead.Person.Name != "new" {
			t.Errorf("of one delivery the older state was stored")
		}
	})
}

func TestRun_LastEventDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		_, stop := r.start()
		for range 3 {
			time.Sleep(time.Minute)
			before := len(r.sink.tries())
			r.lead(fmt.Sprint(before), "")
			time.Sleep(r.opts.FlushInterval + 250*time.Millisecond)
			synctest.Wait()
			if got := len(r.sink.tries()); got != before+1 {
				t.Errorf("%d batches after 250 ms, want %d", got, before+1)
			}
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestRun_GathersUpToItsBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.opts.MaxRows, r.opts.BatchBytes = 10, 4000
		_, stop := r.start()
		for i := range 8 { // within one interval
			r.lead(fmt.Sprint(i), "")
			time.Sleep(20 * time.Millisecond)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got := r.sink.tries(); len(got) != 1 || len(got[0].Events) != 8 {
			t.Errorf("%d batches, want one of 8", len(got))
		}

		begin := time.Now()
		for i := range 25 { // at once
			r.lead(fmt.Sprint("x", i), "")
		}
		synctest.Wait()
		if got := sizes(r.sink.tries()[1:]); got != "[10 10]" || time.Since(begin) != 0 {
			t.Errorf("full batches at once: %s after %v", got, time.Since(begin))
		}
		time.Sleep(time.Second)
		synctest.Wait()
		r.send(`[{"Kind":"cost","Key":"c1"},{"Kind":"cost","Key":"c2"}` + strings.Repeat(`,{"Kind":"cost","Key":"c3"}`, 10) + strings.Repeat(" ", 5000) + `]`)
		r.lead("after", "")
		time.Sleep(time.Second)
		synctest.Wait()
		if got := sizes(r.sink.tries()[3:]); got != "[5 3 1]" {
			t.Errorf("the rest, a large one alone, what came after: %s", got)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func sizes(batches []ingest.Batch) string {
	var out []int
	for _, b := range batches {
		out = append(out, len(b.Events))
	}
	return fmt.Sprint(out)
}

func TestRun_KeepsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.opts.MaxRows = 64
		for i := range 1000 {
			r.lead(fmt.Sprintf("%04d", i), "")
		}
		r.drained()
		next := 0
		for _, b := range r.sink.tries() {
			for i, e := range b.Events {
				if want := fmt.Sprintf("%04d", next); e.ID != want || b.Outcomes[i].Delivery.ID != e.DeliveryID {
					t.Fatalf("event %s of %s, want %s", e.ID, e.DeliveryID, want)
				}
				next++
			}
		}
		if next != 1000 {
			t.Errorf("%d events", next)
		}
	})
}

func TestRun_StoreAwayThenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		retries, batches := 0, 0
		r.opts.OnRetry = func(stage drain.Stage, err error) {
			if retries++; stage != drain.SinkStage || !errors.Is(err, errAway) {
				t.Errorf("retry of %s: %v", stage, err)
			}
		}
		r.opts.OnBatch = func(b drain.Tally, took time.Duration) {
			if batches++; b.Events != 1 || batches == 1 && took < time.Hour {
				t.Errorf("batch of %d events took %v", b.Events, took)
			}
		}
		away := true
		r.sink.onWrite = func(_ ingest.Batch, do func()) error {
			if away {
				return errAway
			}
			do()
			return nil
		}
		r.lead("a", "ann@example.com")
		d, stop := r.start()
		time.Sleep(time.Hour)
		r.lead("b", "bob@example.com")
		synctest.Wait()
		s := d.Stat()
		if s.Stage != drain.SinkStage || s.Err != "dial …: refused" || time.Since(s.Failing) < 59*time.Minute ||
			s.InFlight != 1 || time.Since(s.Uncommitted) < 59*time.Minute {
			t.Errorf("stat while the store is away: %+v", s)
		}
		r.sink.mu.Lock()
		at, ids := r.sink.at, r.sink.attempts
		r.sink.mu.Unlock()
		for i := range ids {
			if ids[i].ID != ids[0].ID || len(ids[i].Events) != 1 {
				t.Fatalf("attempt %d is another batch", i)
			}
		}
		if first, last := at[1].Sub(at[0]), at[len(at)-1].Sub(at[len(at)-2]); first != 75*time.Millisecond || last != 11250*time.Millisecond {
			t.Errorf("waits from %v to %v", first, last)
		}
		r.sink.mu.Lock()
		away = false
		r.sink.mu.Unlock()
		if err := d.WaitIdle(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
		if s := d.Stat(); s.Err != "" || !s.Failing.IsZero() || len(r.sink.view()) != 2 || retries == 0 || batches != 1 && batches != 2 {
			t.Errorf("afterwards: %+v, %d events", s, len(r.sink.view()))
		}
	})
}

var errAway = errors.New(`dial "ann@example.com": refused`)

func TestRun_RedisAwayThenEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.lead("old", "ann@example.com")
		r.drained()
		r.deduper.forget()
		failures := 3
		r.deduper.onClaim = func(do func()) error {
			if failures--; failures > 0 {
				return errAway
			}
			do()
			return nil
		}
		rebuild, rebuilds := r.opts.Rebuild, 0
		r.opts.Rebuild = func(ctx context.Context) error {
			if rebuilds++; rebuilds < 3 {
				return errAway
			}
			return rebuild(ctx)
		}
		dup := r.lead("old", "ann@example.com")
		r.lead("new", "ann@example.com")
		r.drained()
		if got := r.sink.outcome(dup).Verdict; got != ingest.Duplicate {
			t.Errorf("known event: %s", got)
		}
		if got := r.sink.view()["new"].Lead; got.Verdict != ingest.DuplicateLead || got.DuplicateOf != "old" {
			t.Errorf("the same person: %+v", got)
		}
		if rebuilds != 3 {
			t.Errorf("%d rebuilds, want 3", rebuilds)
		}
	})
}

func TestRun_JournalReadFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		failures := 5
		r.log.onRead = func() error {
			if failures--; failures > 0 {
				return errAway
			}
			return nil
		}
		r.lead("a", "")
		r.drained()
		if len(r.sink.view()) != 1 {
			t.Error("not drained")
		}
		r.log.onRead = func() error { return fmt.Errorf("journal: %w", ingest.ErrClosed) }
		d, stop := r.start()
		synctest.Wait()
		if err := d.Run(t.Context()); err != nil && !errors.Is(err, ingest.ErrClosed) {
			t.Errorf("run of a closed journal: %v", err)
		}
		if err := stop(); !errors.Is(err, ingest.ErrClosed) {
			t.Errorf("run of a closed journal: %v, want ErrClosed", err)
		}
	})
}

func TestRun_StopLetsTheBatchFinish(t *testing.T) {
	for name, c := range map[string]struct {
		takes, timeout time.Duration
		stored         bool
	}{
		"in time":  {takes: 3 * time.Second, timeout: 5 * time.Second, stored: true},
		"too late": {takes: time.Hour, timeout: 5 * time.Second},
		"at once":  {takes: time.Hour, timeout: -1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.opts.StopTimeout = c.timeout
				r.opts.MaxRows = 1
				slow := &slowSink{fakeSink: r.sink, takes: c.takes}
				r.opts.Sink = slow
				r.lead("a", "")
				r.lead("b", "")
				_, stop := r.start()
				time.Sleep(time.Second)
				begin := time.Now()
				if err := stop(); err != nil {
					t.Error(err)
				}
				if took := time.Since(begin); took > 5*time.Second {
					t.Errorf("stopping took %v", took)
				}
				if got := r.sink.view(); (len(got) == 1) != c.stored || len(got) > 1 {
					t.Errorf("stored %d", len(got))
				}
				slow.takes = 0
				r.drained()
				if got := r.sink.inserts; len(got) != 2 || got["a"] != 1 || got["b"] != 1 {
					t.Errorf("after the next start: %v", got)
				}
			})
		})
	}
}

// slowSink takes its time, unless its context ends.
type slowSink struct {
	*fakeSink
	takes time.Duration
}

func (s *slowSink) Write(ctx context.Context, b ingest.Batch) error {
	select {
	case <-time.After(s.takes):
		return s.fakeSink.Write(ctx, b)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestRun_UnreadableRecordIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.log.append([]byte("garbage 1"))
		d := r.drained()
		r.lead("a", "")
		r.log.append([]byte("garbage 2"))
		r.lead("b", "")
		r.drained()
		if len(r.sink.view()) != 2 {
			t.Errorf("stored %d", len(r.sink.view()))
		}
		files, err := filepath.Glob(filepath.Join(r.opts.Dir, "aside-*.record"))
		if err != nil || len(files) != 2 || d.Stat().Aside != 1 {
			t.Fatalf("kept %q, %v", files, err)
		}
		for i, file := range files {
			content, err := os.ReadFile(file)
			if info, statErr := os.Stat(file); err != nil || statErr != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%v, %v, mode %v", err, statErr, info.Mode())
			}
			if string(content) != fmt.Sprint("garbage ", i+1) {
				t.Errorf("kept %q", content)
			}
		}
	})
}

func TestDrained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.sink.onWrite = func(ingest.Batch, func()) error { return errAway }
		r.lead("a", "")
		d, stop := r.start()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := d.Drained(ctx, r.log.records[0].Next); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("not drained: %v", err)
		}
		r.sink.mu.Lock()
		r.sink.onWrite = nil
		r.sink.mu.Unlock()
		if err := d.Drained(t.Context(), r.log.records[0].Next); err != nil {
			t.Error(err)
		}
		if err := d.WaitIdle(t.Context()); err != nil {
			t.Errorf("idle: %v", err)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestNew_Refuses(t *testing.T) {
	t.Parallel()
	if _, err := drain.New(drain.Options{}); err == nil {
		t.Error("a drain without a journal")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := newRig(t)
	r.opts.Dir = filepath.Join(file, "drain")
	if _, err := drain.New(r.opts); err == nil {
		t.Error("a drain in a directory that cannot be")
	}
}

func TestRun_StopIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.opts.OnRetry = func(stage drain.Stage, err error) { t.Errorf("%s: %v", stage, err) }
		r.lead("a", "")
		if s := r.drained().Stat(); s.Err != "" || !s.Failing.IsZero() {
			t.Errorf("after a plain stop: %+v", s)
		}
	})
}
