package pending

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// platform answers what answer says, in memory.
type platform struct {
	mu      sync.Mutex
	answer  func(path string, n int) (status int, body string)
	asked   []time.Time
	paths   []string
	busy    int
	busiest int
	takes   time.Duration
}

func (p *platform) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	p.asked, p.paths = append(p.asked, time.Now()), append(p.paths, r.URL.Path)
	n := len(p.asked)
	p.busy++
	p.busiest = max(p.busiest, p.busy)
	answer := p.answer
	p.mu.Unlock()
	select {
	case <-time.After(p.takes):
	case <-r.Context().Done():
	}
	p.mu.Lock()
	p.busy--
	p.mu.Unlock()
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	status, body := answer(r.URL.Path, n)
	if status == 0 {
		return nil, errors.New("connection refused")
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), Header: http.Header{"Retry-After": {"90"}}}, nil
}

func (p *platform) requests() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.asked)
}

// things is a source that asks for /ID, then for /form once.
type things struct{ plan ingest.FetchPlan }

func (s *things) FetchPlan() ingest.FetchPlan { return s.plan }

func (s *things) Fetch(ref ingest.Reference, answers []ingest.Response) (ingest.Step, error) {
	if n := len(answers); n > 0 {
		switch last := answers[n-1]; last.Status {
		case 200:
		case 401:
			return ingest.Step{}, &ingest.FetchError{Problem: ingest.TokenRefused, Text: string(last.Body)}
		case 404:
			return ingest.Step{}, &ingest.FetchError{Problem: ingest.Missing, Text: string(last.Body)}
		case 429:
			seconds, _ := strconv.Atoi(last.Header.Get("Retry-After"))
			return ingest.Step{}, &ingest.FetchError{Problem: ingest.Throttled, Text: "slower", After: time.Duration(seconds) * time.Second}
		case 666:
			panic("what is this")
		default:
			return ingest.Step{}, &ingest.FetchError{Problem: ingest.Unavailable, Text: fmt.Sprint("status ", last.Status)}
		}
	}
	switch len(answers) {
	case 0:
		return ingest.Step{Request: &ingest.Request{URL: "https://platform.example/" + ref.ID}}, nil
	case 1:
		return ingest.Step{Request: &ingest.Request{URL: "https://platform.example/form", Reuse: time.Hour}}, nil
	}
	return ingest.Step{Document: append(answers[0].Body, answers[1].Body...)}, nil
}

// bench is a worker with all that it needs.
type bench struct {
	t        *testing.T
	store    *Store
	worker   *Worker
	platform *platform
	source   *things
	mu       sync.Mutex
	kept     []*ingest.Delivery
	outcomes map[Outcome]int
	full     bool
	said     output
	stop     func()
}

func newBench(t *testing.T, dir string, answer func(path string, n int) (int, string)) *bench {
	t.Helper()
	b := &bench{t: t, platform: &platform{answer: answer, takes: 10 * time.Millisecond}, outcomes: map[Outcome]int{}}
	b.source = &things{ingest.FetchPlan{
		Origins: []string{"https://platform.example"}, GiveUpAfter: 36 * time.Hour, Parallel: 2, Secrets: []string{"sesame"},
	}}
	var err error
	if b.store, err = Open(StoreOptions{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	b.start()
	return b
}

func (b *bench) start() {
	var ids atomic.Int64
	var err error
	b.worker, err = NewWorker(WorkerOptions{
		Store: b.store, Intakes: map[string]*ingest.Intake{"ads": {Fetcher: b.source}, "forms": {}},
		Keep: func(_ context.Context, d *ingest.Delivery) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			if b.full {
				return ingest.ErrFull
			}
			b.kept = append(b.kept, d)
			return nil
		},
		NewID:     func(time.Time) (string, error) { return fmt.Sprint("F", ids.Add(1)), nil },
		Transport: b.platform, Jitter: func() float64 { return 1 },
		Observe: func(_ string, o Outcome) { b.mu.Lock(); b.outcomes[o]++; b.mu.Unlock() },
		Logger:  logger(&b.said),
	})
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.t.Context())
	ended := make(chan struct{})
	go func() { b.worker.Run(ctx); close(ended) }()
	b.stop = func() { cancel(); <-ended }
}

func (b *bench) save(ids ...string) {
	b.t.Helper()
	save(b.t, b.store, ids...)
}

// close ends the worker and returns what is left in the store.
func (b *bench) close() map[string]Stat {
	b.t.Helper()
	b.stop()
	stats := b.store.Stats()
	if err := b.store.Close(); err != nil {
		b.t.Error(err)
	}
	return stats
}

func TestWorker_TakesInWhatThePlatformAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, t.TempDir(), func(path string, _ int) (int, string) { return 200, path })
		b.save("1", "2", "3", "4", "5")
		time.Sleep(time.Second)
		if left := b.close(); left["ads"].Tasks != 0 || len(b.kept) != 5 || b.outcomes[FetchedOne] != 5 {
			t.Fatalf("left %+v, kept %d, %v", left, len(b.kept), b.outcomes)
		}
		d := b.kept[0]
		ref, err := ingest.FetchedReference(d)
		if err != nil || ref.Kind != "lead" || ref.Args["form_id"] != "7" || string(d.Body) != "/"+ref.ID+"/form" {
			t.Errorf("got %+v, %v: %s", ref, err, d.Body)
		}
		if d.Method != ingest.Fetched || d.Source != "ads" || d.ID == "" || d.ReceivedAt.IsZero() {
			t.Errorf("got %+v", d)
		}
		if b.platform.busiest > 2 {
			t.Errorf("%d requests at once", b.platform.busiest)
		}
		forms := 0
		for _, path := range b.platform.paths {
			if path == "/form" {
				forms++
			}
		}
		if forms > 2 { // the first two may ask at once
			t.Errorf("the form was asked for %d times", forms)
		}
	})
}

// A thing that is not there yet is asked for again, ever rarer.
func TestWorker_AsksAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, t.TempDir(), func(path string, n int) (int, string) {
			if n <= 4 {
				return 404, "Object does not exist"
			}
			return 200, path
		})
		b.save("1")
		time.Sleep(3 * time.Minute)
		if left := b.close(); left["ads"].Tasks != 0 || len(b.kept) != 1 || b.outcomes[Outcome(ingest.Missing)] != 4 {
			t.Fatalf("left %+v, kept %d, %v", left, len(b.kept), b.outcomes)
		}
		for i, want := range []time.Duration{10, 20, 40, 80} {
			if got := b.platform.asked[i+1].Sub(b.platform.asked[i]).Round(time.Second); got != want*time.Second {
				t.Errorf("wait %d: %v, want %v s", i, got, int64(want))
			}
		}
	})
}

func TestWorker_GivesUpIntoTheJournal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, t.TempDir(), func(string, int) (int, string) {
			return 404, "No\n permission for kim.lee@example.com with sesame " + strings.Repeat("x", 500)
		})
		b.save("1")
		time.Sleep(35 * time.Hour)
		if b.mu.Lock(); len(b.kept) > 0 {
			t.Error("given up too early")
		}
		b.mu.Unlock()
		time.Sleep(3 * time.Hour)
		left := b.close()
		if left["ads"].Tasks != 0 || len(b.kept) != 1 || b.outcomes[GivenUp] != 1 {
			t.Fatalf("left %+v, kept %d, %v", left, len(b.kept), b.outcomes)
		}
		h := b.kept[0].Header
		reason := h.Get(ingest.FetchErrorHeader)
		if !strings.HasPrefix(reason, "No permission for … with …") || len(reason) > 310 ||
			h.Get(ingest.EventKindHeader) != "lead" || h.Get(ingest.EventKeyHeader) != "key-1" || len(b.kept[0].Body) > 0 {
			t.Errorf("got %v", h)
		}
		if strings.Contains(b.said.String(), "kim.lee") || strings.Contains(b.said.String(), "sesame") {
			t.Errorf("the log says %s", &b.said)
		}
	})
}

// A refused token holds everything up and gives nothing up, however long it
// takes; a restart with a good one goes on.
func TestWorker_RefusedToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		b := newBench(t, dir, func(string, int) (int, string) { return 401, "Error validating access token" })
		b.save("1", "2", "3", "4", "5", "6")
		time.Sleep(100 * time.Hour)
		if n := b.platform.requests(); n > 100*4+2 {
			t.Errorf("%d requests with a token that is refused", n)
		}
		if n := strings.Count(b.said.String(), "refuses the token"); n != 1 {
			t.Errorf("told %d times", n)
		}
		left := b.close()
		if left["ads"].Tasks != 6 || left["ads"].Refused.IsZero() || len(b.kept) != 0 {
			t.Fatalf("left %+v, kept %d", left, len(b.kept))
		}
		tasks, states, err := Inspect(dir)
		if err != nil || len(tasks) != 6 || len(states) != 1 || states[0].Text != "Error validating access token" {
			t.Fatalf("%v, %+v, %v", tasks, states, err)
		}
		// Mended, but the first answer is that the thing is not there: its age
		// counts from now.
		b = newBench(t, dir, func(path string, n int) (int, string) {
			if n <= 3 {
				return 404, "not there"
			}
			return 200, path
		})
		time.Sleep(2 * time.Hour)
		left = b.close()
		if left["ads"].Tasks != 0 || !left["ads"].Refused.IsZero() || len(b.kept) != 6 || b.outcomes[GivenUp] > 0 {
			t.Errorf("left %+v, kept %d, %v", left, len(b.kept), b.outcomes)
		}
	})
}

func TestWorker_Throttled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, t.TempDir(), func(path string, n int) (int, string) {
			if n <= 2 {
				return 429, ""
			}
			return 200, path
		})
		b.save("1", "2", "3", "4")
		time.Sleep(time.Minute)
		if n := b.platform.requests(); n != 2 { // those under way at once
			t.Errorf("%d requests within Retry-After", n)
		}
		time.Sleep(5 * time.Minute)
		if left := b.close(); left["ads"].Tasks != 0 || len(b.kept) != 4 {
			t.Errorf("left %+v, kept %d", left, len(b.kept))
		}
	})
}

// A store without room holds nobody up: what does not fit can be replayed.
func TestWorker_SaveBeyondTheBound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, t.TempDir(), func(string, int) (int, string) { return 401, "" })
		b.store.opts.MaxTasks = 2
		events := []ingest.Event{announced("1"), announced("2"), announced("3"), announced("4")}
		for range 2 { // it may be repeated
			if err := b.worker.Save(t.Context(), events); err != nil {
				t.Fatal(err)
			}
		}
		b.mu.Lock()
		kept := len(b.kept)
		for _, d := range b.kept {
			if d.Header.Get(ingest.FetchErrorHeader) == "" || d.Source != "ads" || d.Method != ingest.Fetched {
				t.Errorf("kept %+v", d)
			}
		}
		b.mu.Unlock()
		if kept != 4 { // two, twice: they count once, by their key
			t.Errorf("%d are in quarantine", kept)
		}
		if left := b.close(); left["ads"].Tasks != 2 {
			t.Errorf("left: %+v", left)
		}
	})
}

// Whatever goes wrong on the way, the task stays.
func TestWorker_LosesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		b := newBench(t, dir, func(path string, n int) (int, string) {
			switch n % 5 {
			case 1:
				return 0, "" // no connection
			case 2:
				return 666, ""
			case 3:
				return 503, ""
			}
			return 200, path
		})
		b.full = true
		b.save("1", "2", "3", "4")
		time.Sleep(time.Hour)
		if left := b.close(); left["ads"].Tasks != 4 || b.outcomes[NotKept] == 0 || len(b.kept) != 0 {
			t.Fatalf("left %+v, kept %d, %v", left, len(b.kept), b.outcomes)
		}
		b = newBench(t, dir, b.platform.answer)
		time.Sleep(24 * time.Hour)
		if left := b.close(); left["ads"].Tasks != 0 || len(b.kept) != 4 {
			t.Errorf("left %+v, kept %d, %v", left, len(b.kept), b.outcomes)
		}
	})
}

// A platform that hangs is left after a while.
func TestWorker_SlowPlatform(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, t.TempDir(), func(path string, _ int) (int, string) { return 200, path })
		b.platform.takes = time.Hour
		b.save("1")
		time.Sleep(95 * time.Second)
		b.mu.Lock()
		failed := b.outcomes[Outcome(ingest.Unavailable)]
		b.mu.Unlock()
		if left := b.close(); left["ads"].Tasks != 1 || failed != 1 {
			t.Errorf("left %+v, failed %d times", left, failed)
		}
	})
}

// A stop does not wait for a slow platform, and leaves the task.
func TestWorker_Stops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, t.TempDir(), func(path string, _ int) (int, string) { return 200, path })
		b.platform.takes = time.Hour
		b.save("1")
		time.Sleep(time.Second)
		began := time.Now()
		if left := b.close(); left["ads"].Tasks != 1 || time.Since(began) > time.Second {
			t.Errorf("left %+v after %v", left, time.Since(began))
		}
	})
}

// output is a log that is written and read at once.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func logger(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }
