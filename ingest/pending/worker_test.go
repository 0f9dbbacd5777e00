package pending

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
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
	said     bytes.Buffer
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
	ids := 0
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
		NewID:     func(time.Time) (string, error) { ids++; return fmt.Sprint("F", ids), nil },
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
		if len(b.kept) > 0 {
			t.Fatal("given up too early")
		}
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

// Whatever goes wrong on the way, the task stays.
func TestWorker_LosesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		b := newBench(t, dir, func(path string, n int) (int, string) {
			switch {
			case n%5 == 1:
				return 0, "" // no connection
			case n%5 == 2:
				return 666, ""
			case n%5 == 3:
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

// proving is a source whose token can be tried.
type proving struct{ things }

func (proving) Prove() *ingest.Request {
	return &ingest.Request{URL: "https://platform.example/me"}
}

func (proving) Proved(answer ingest.Response) (time.Time, error) {
	if answer.Status == 401 {
		return time.Time{}, &ingest.FetchError{Problem: ingest.TokenRefused, Text: "expired"}
	}
	return noon, nil
}

// That a token is no good is known before anything is announced, and that it is
// again, too.
func TestWorker_ProvesTokens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, t.TempDir(), func(_ string, n int) (int, string) {
			if n < 3 {
				return 401, ""
			}
			return 200, ""
		})
		b.stop()
		source := &proving{*b.source}
		w, err := NewWorker(WorkerOptions{
			Store: b.store, Intakes: map[string]*ingest.Intake{"ads": {Fetcher: source}}, Keep: b.worker.opts.Keep, NewID: b.worker.opts.NewID,
			Transport: b.platform, Logger: logger(&b.said),
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { w.Run(ctx); close(ended) }()
		time.Sleep(time.Minute)
		if b.store.State("ads").Refused.IsZero() || !strings.Contains(b.said.String(), "refuses the token") {
			t.Errorf("not told: %+v", b.store.State("ads"))
		}
		time.Sleep(time.Hour)
		if state := b.store.State("ads"); !state.Refused.IsZero() || !state.Expires.Equal(noon) || b.platform.requests() != 3 {
			t.Errorf("got %+v after %d requests", state, b.platform.requests())
		}
		cancel()
		<-ended
		if err := b.store.Close(); err != nil {
			t.Error(err)
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

func TestClient_AsksAllowedHostsOnly(t *testing.T) {
	t.Parallel()
	p := &platform{answer: func(string, int) (int, string) { return 302, "" }}
	c := newClient(p, time.Second, time.Now)
	plan := &ingest.FetchPlan{Origins: []string{"https://platform.example"}}
	for _, url := range []string{
		"http://platform.example/", "https://platform.example:8443/", "https://platform.example.evil.example/",
		"https://u:p@platform.example/", "https://169.254.169.254/", "file:///etc/passwd", "//platform.example/", "",
	} {
		var failure *ingest.FetchError
		if _, err := c.do(t.Context(), "ads", plan, &ingest.Request{URL: url}); !errors.As(err, &failure) {
			t.Errorf("%s: %v", url, err)
		}
	}
	if n := p.requests(); n != 0 {
		t.Errorf("%d requests went out", n)
	}
	answer, err := c.do(t.Context(), "ads", plan, &ingest.Request{URL: "https://platform.example/x"})
	if err != nil || answer.Status != 302 || p.requests() != 1 {
		t.Errorf("a redirect: %+v, %v, %d requests", answer, err, p.requests())
	}
	p.answer = func(string, int) (int, string) { return 200, "0123456789" }
	if _, err := c.do(t.Context(), "ads", plan, &ingest.Request{URL: "https://platform.example/x", MaxBody: 9}); err == nil {
		t.Error("an answer that is too large is taken")
	}
}

// listing is a source that lists 1 to 5 in pages of two.
type listing struct {
	things
	refuse bool
}

func (l *listing) List(_ ingest.Span, state []byte, answer *ingest.Response) (ingest.Page, error) {
	at := 1
	if state != nil {
		if err := json.Unmarshal(state, &at); err != nil {
			return ingest.Page{}, err
		}
	}
	request := func(at int) *ingest.Request {
		return &ingest.Request{URL: fmt.Sprint("https://platform.example/list/", at)}
	}
	if answer == nil {
		return ingest.Page{Next: request(at)}, nil
	}
	if answer.Status != 200 {
		return ingest.Page{}, &ingest.FetchError{Problem: ingest.Throttled, Text: "slower"}
	}
	var page ingest.Page
	for n := at; n < min(at+2, 6); n++ {
		page.Items = append(page.Items, ingest.Listed{
			Ref:     ingest.Reference{Kind: "lead", ID: strconv.Itoa(n)},
			Answers: []ingest.Response{{Status: 200, Body: fmt.Append(nil, "lead ", n, " of ")}},
		})
	}
	if at+2 < 6 {
		page.Next, page.State = request(at+2), fmt.Append(nil, at+2)
	}
	return page, nil
}

func TestWorker_Pulls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, t.TempDir(), func(path string, n int) (int, string) {
			if n == 2 {
				return 429, ""
			}
			return 200, path
		})
		b.stop()
		l := &listing{things: *b.source}
		l.plan.PullEvery = 15 * time.Minute
		w, err := NewWorker(WorkerOptions{
			Store: b.store, Intakes: map[string]*ingest.Intake{"ads": {Fetcher: l, Lister: l}},
			Keep: b.worker.opts.Keep, NewID: b.worker.opts.NewID, Transport: b.platform, Jitter: b.worker.opts.Jitter,
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Hour)
		defer cancel()
		w.Run(ctx)
		// The first pull was throttled on its way and began again: what counts
		// once may come twice, then no more.
		seen := map[string]int{}
		for _, d := range b.kept {
			seen[string(d.Body)]++
		}
		if len(seen) != 5 || seen["lead 5 of /form"] != 1 || len(b.kept) > 7 {
			t.Errorf("got %v", seen)
		}
		if state := b.store.State("ads"); time.Since(state.Pulled) > 16*time.Minute || len(state.Seen) != 5 {
			t.Errorf("got %+v", state)
		}
		if err := b.store.Close(); err != nil {
			t.Error(err)
		}
	})
}

func logger(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }
