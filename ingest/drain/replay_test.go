package drain_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// stuckSource hangs on some bodies and is fakeSource for the others.
type stuckSource struct {
	fakeSource
	release chan struct{}
}

func (s stuckSource) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	if bytes.HasPrefix(d.Body, []byte("hang")) {
		<-s.release
		return nil, errors.New("late")
	}
	return s.fakeSource.Decode(d)
}

func TestDecode_HangGoesToQuarantine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		var log bytes.Buffer
		r.opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
		source := stuckSource{release: make(chan struct{})}
		r.opts.Intakes["landing"].Source = source
		r.opts.Intakes["other"] = &ingest.Intake{Config: ingest.SourceConfig{Name: "other"}, Source: fakeSource{}}
		r.opts.DecodeTimeout, r.opts.MaxStuck = 3*time.Second, 2
		var hung []string
		for range 5 {
			hung = append(hung, r.send("hang"))
		}
		lead := r.sendTo("other", `[{"Kind":"lead","Key":"b","Email":"b@example.com"}]`)
		d := r.drained()
		for i, id := range hung {
			o := r.sink.outcome(id)
			if o.Verdict != ingest.Quarantined || !strings.Contains(o.Reason, "does not come to an end") {
				t.Errorf("%d: %+v", i, o)
			}
		}
		if o := r.sink.outcome(lead); o.Verdict != ingest.Accepted {
			t.Errorf("another source's: %+v", o)
		}
		if s := d.Stat(); s.Stuck != 2 || s.Abandoned != 2 || s.Quarantined != 5 {
			t.Errorf("%+v", s)
		}
		if text := log.String(); strings.Count(text, "a decoder hangs") != 5 || strings.Count(text, "too many decoders of a source hang") != 1 {
			t.Errorf("log: %s", text)
		}
		close(source.release)
		synctest.Wait()
		if s := d.Stat(); s.Stuck != 0 {
			t.Errorf("after they ended: %+v", s)
		}
	})
}

// fakeReplays knows verdicts from the sink and takes windows back.
type fakeReplays struct {
	r     *rig
	calls int
	fail  error
}

func (f *fakeReplays) Supersede(_ context.Context, deliveries []*ingest.Delivery, _ []ingest.Event) (map[string]ingest.Verdict, error) {
	f.calls++
	if err := f.fail; err != nil {
		f.fail = nil
		return nil, err
	}
	was := make(map[string]ingest.Verdict)
	for _, d := range deliveries {
		was[d.ID] = f.r.sink.outcome(d.ID).Verdict
	}
	return was, nil
}

// again appends a delivery that was sent before as a replay.
func (r *rig) again(id, source, body string, at time.Time, n uint32) {
	r.log.append(ingest.AppendDelivery(nil, &ingest.Delivery{ID: id, Source: source, ReceivedAt: at, Method: "POST", Body: []byte(body), Replay: n}))
}

func TestReplay_KeepsVerdicts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		replays := &fakeReplays{r: r, fail: errors.New("store away")}
		r.opts.Replays = replays
		at := time.Now().UTC()
		const first, second = `[{"Kind":"cost","Key":"k","Note":"a","Mutable":true}]`, `[{"Kind":"cost","Key":"k","Note":"b","Mutable":true}]`
		a, b := r.send(first), r.send(second)
		c := r.send(first) // as at first
		r.lead("x", "ann@example.com")
		twice := r.lead("x", "ann@example.com")
		r.drained()
		if replays.calls != 0 {
			t.Errorf("asked %d times without a replay", replays.calls)
		}
		for n := range uint32(2) {
			r.again(a, "landing", first, at, n+1)
			r.again(b, "landing", second, at, n+1)
			r.again(twice, "landing", `[{"Kind":"lead","Key":"x","Email":"ann@example.com"}]`, at, n+1)
			d := r.drained()
			if s := d.Stat(); s.Deliveries != 3 {
				t.Errorf("replay %d: %+v", n, s)
			}
			for id, want := range map[string]ingest.Verdict{a: ingest.Accepted, b: ingest.Accepted, c: ingest.Accepted, twice: ingest.Duplicate} {
				if o := r.sink.outcome(id); o.Verdict != want || len(o.EventIDs) != 1 {
					t.Errorf("replay %d, %s: %+v, want %s", n, id, o, want)
				}
			}
		}
	})
}

// What says nothing of the delivery itself leaves a replay without effect.
func TestReplay_VoidChangesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.opts.Replays = &fakeReplays{r: r}
		source := stuckSource{release: make(chan struct{})}
		r.opts.Intakes["landing"].Source = source
		r.again("d1", "landing", "hang", time.Now().UTC(), 1)
		r.again("d2", "removed", "[]", time.Now().UTC(), 1)
		r.drained()
		for _, b := range r.sink.tries() {
			if len(b.Outcomes) != 0 || len(b.Events) != 0 {
				t.Errorf("written: %+v", b)
			}
		}
		close(source.release)
		synctest.Wait()
	})
}
