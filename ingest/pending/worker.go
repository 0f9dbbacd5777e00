package pending

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// Outcome is what an attempt came to, besides a FetchProblem.
type Outcome string

// The outcomes.
const (
	FetchedOne Outcome = "fetched"
	GivenUp    Outcome = "given_up"
	NotKept    Outcome = "not_kept" // by the journal
)

// WorkerOptions sets a Worker up. Store, Intakes, Keep and NewID are needed; zero
// values of the rest mean the defaults.
type WorkerOptions struct {
	Store *Store
	// Intakes are all sources; those with a Fetcher are asked.
	Intakes map[string]*ingest.Intake
	// Keep puts a delivery in the journal.
	Keep  func(ctx context.Context, d *ingest.Delivery) error
	NewID func(at time.Time) (string, error)
	// KeepFile keeps what is a file, such as a recording, and HasFile tells whether
	// there is one already; nil where there are none.
	KeepFile func(t Task, extension string, content []byte) error
	HasFile  func(t Task) bool
	// MaxDocument bounds what the journal takes, in bytes: 1 MiB.
	MaxDocument int64
	// Transport carries requests; nil is a transport of its own.
	Transport http.RoundTripper
	// Timeout bounds one request: 90 s.
	Timeout time.Duration
	// BackoffMin (10 s) doubles up to BackoffMax (1 h) between attempts; the wait
	// is between half of that and the whole, by Jitter in [0, 1).
	BackoffMin, BackoffMax time.Duration
	Jitter                 func() float64
	// MinAttempts is how often is tried at least before giving up: 8.
	MinAttempts int
	// TokenPause is how long a token that was refused is left alone: 15 min.
	TokenPause time.Duration
	// Observe is told what each attempt came to.
	Observe func(source string, outcome Outcome)
	Now     func() time.Time
	Logger  *slog.Logger
}

func (o *WorkerOptions) defaults() {
	for _, d := range []struct {
		value   *time.Duration
		without time.Duration
	}{
		{&o.Timeout, 90 * time.Second}, {&o.BackoffMin, 10 * time.Second},
		{&o.BackoffMax, time.Hour}, {&o.TokenPause, 15 * time.Minute},
	} {
		if *d.value <= 0 {
			*d.value = d.without
		}
	}
	if o.MinAttempts <= 0 {
		o.MinAttempts = 8
	}
	if o.MaxDocument <= 0 {
		o.MaxDocument = 1 << 20
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	if o.Observe == nil {
		o.Observe = func(string, Outcome) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// Worker asks platforms for what is pending. Its methods are safe for concurrent
// use, but only one Run may be under way.
type Worker struct {
	opts      WorkerOptions
	client    *client
	transport *http.Transport // its own, nil if it was given one
	askers    map[string]*asker
}

// NewWorker returns a worker. It asks nothing before Run or List.
func NewWorker(opts WorkerOptions) (*Worker, error) {
	if opts.Store == nil || opts.Keep == nil || opts.NewID == nil {
		return nil, errors.New("pending: a store, a place for deliveries and their ids are needed")
	}
	opts.defaults()
	w := &Worker{opts: opts, askers: map[string]*asker{}}
	if opts.Transport == nil {
		w.transport = newTransport()
		w.opts.Transport = w.transport
	}
	w.client = newClient(w.opts.Transport, opts.Timeout, opts.Now)
	for name, intake := range opts.Intakes {
		if intake.Fetcher != nil {
			w.askers[name] = newAsker(w, name, intake)
		}
	}
	return w, nil
}

// Run asks until ctx ends, and returns when nothing is under way any more. What
// is not done by then stays for the next Run.
func (w *Worker) Run(ctx context.Context) {
	var group sync.WaitGroup
	defer group.Wait()
	for _, a := range w.askers {
		group.Go(func() { a.run(ctx) })
		if a.prover != nil {
			group.Go(func() { a.proveForever(ctx) })
		}
		if a.lister != nil && a.plan.PullEvery > 0 {
			group.Go(func() { a.pullForever(ctx) })
		}
	}
}

// Save makes durable what events have yet to be asked for. Where the store has no
// room for more, what is announced goes to quarantine, from where a replay asks
// again: one source whose token stays refused must not hold up what all the others
// count. It may be repeated.
func (w *Worker) Save(ctx context.Context, events []ingest.Event) error {
	err := w.opts.Store.Save(events)
	if !errors.Is(err, ErrFull) {
		return err
	}
	now := w.opts.Now().UTC().Truncate(time.Microsecond)
	for i := range events {
		if events[i].Fetch == nil {
			continue
		}
		// One by one, for some may be known already, and need no room.
		if err := w.opts.Store.Save(events[i : i+1]); err == nil {
			continue
		} else if !errors.Is(err, ErrFull) {
			return err
		}
		a, ok := w.askers[events[i].Source]
		if !ok {
			continue
		}
		t := taskOf(&events[i], now)
		t.Text = "too many leads wait to be fetched; mend what they wait for, and replay this"
		if err := a.quarantine(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// Close drops idle connections.
func (w *Worker) Close() error {
	if w.transport != nil {
		w.transport.CloseIdleConnections()
	}
	return nil
}

// backoff returns the wait after the given number of failed attempts.
func (w *Worker) backoff(attempts int) time.Duration {
	wait := w.opts.BackoffMin
	for range attempts - 1 {
		if wait *= 2; wait >= w.opts.BackoffMax {
			wait = w.opts.BackoffMax
			break
		}
	}
	return wait/2 + time.Duration(w.opts.Jitter()*float64(wait/2))
}
