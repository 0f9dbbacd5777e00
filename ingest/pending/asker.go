package pending

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// asker asks for one source.
type asker struct {
	*Worker
	source  string
	fetcher ingest.Fetcher
	lister  ingest.Lister
	prover  ingest.Prover // nil if there is no way
	plan    ingest.FetchPlan
	log     *slog.Logger

	mu       sync.Mutex
	known    SourceState
	pause    time.Time // until then nothing is asked
	hindered int       // times in a row that the whole source was held up
}

const (
	defaultGiveUp   = 72 * time.Hour
	defaultParallel = 4
)

func newAsker(w *Worker, source string, intake *ingest.Intake) *asker {
	a := &asker{
		Worker: w, source: source, fetcher: intake.Fetcher, lister: intake.Lister, plan: intake.Fetcher.FetchPlan(),
		log: w.opts.Logger.With("source", source), known: w.opts.Store.State(source),
	}
	a.prover, _ = intake.Fetcher.(ingest.Prover)
	if a.plan.GiveUpAfter <= 0 {
		a.plan.GiveUpAfter = defaultGiveUp
	}
	if a.plan.Parallel <= 0 {
		a.plan.Parallel = defaultParallel
	}
	return a
}

// run asks for what is due, until ctx ends.
func (a *asker) run(ctx context.Context) {
	var group sync.WaitGroup
	defer group.Wait()
	room := make(chan struct{}, a.plan.Parallel)
	wake := a.opts.Store.wake(a.source)
	for {
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			return
		}
		t, single, ok := a.next(ctx, wake)
		if !ok {
			return
		}
		work := func() { defer func() { <-room }(); a.settle(ctx, t) }
		if single { // whether the token is good again is found out by one
			work()
		} else {
			group.Go(work)
		}
	}
}

// next waits for a task that may be asked for. It returns false when ctx ends.
func (a *asker) next(ctx context.Context, wake <-chan struct{}) (t Task, single, ok bool) {
	for {
		now := a.opts.Now()
		until, single := a.paused()
		if !until.After(now) {
			var next time.Time
			if t, ok, next = a.opts.Store.Take(a.source, now); ok {
				return t, single, true
			}
			until = next
		}
		var timer *time.Timer
		var due <-chan time.Time
		if !until.IsZero() {
			timer = time.NewTimer(max(until.Sub(now), time.Millisecond))
			due = timer.C
		}
		select {
		case <-wake:
		case <-due:
		case <-ctx.Done():
		}
		if timer != nil {
			timer.Stop()
		}
		if ctx.Err() != nil {
			return Task{}, false, false
		}
	}
}

// settle asks for one task and sees to what comes of it.
func (a *asker) settle(ctx context.Context, t Task) {
	if a.opts.HasFile != nil && a.opts.HasFile(t) {
		a.done(t)
		return
	}
	step, err := a.complete(ctx, t.Ref, nil)
	var failure *ingest.FetchError
	switch {
	case ctx.Err() != nil:
		a.opts.Store.Return(t)
		return
	case errors.As(err, &failure):
		a.fail(ctx, t, failure)
		return
	case err != nil:
		a.fail(ctx, t, &ingest.FetchError{Problem: ingest.Unavailable, Text: err.Error()})
		return
	}
	a.good()
	switch err := a.keep(ctx, t, step); {
	case errors.Is(err, errDocument):
		a.fail(ctx, t, &ingest.FetchError{Problem: ingest.Missing, Text: err.Error()})
		return
	case err != nil && ctx.Err() != nil: // it may be kept or not: it is asked for again
		a.opts.Store.Return(t)
		return
	case err != nil:
		a.notKept(t, err)
		return
	}
	a.opts.Observe(a.source, FetchedOne)
	a.done(t)
}

// maxSteps bounds how many requests one reference may take.
const maxSteps = 8

var errSteps = errors.New("the source does not come to an end with its questions")

// complete asks until there is a document. Errors: *ingest.FetchError, and ctx's.
func (a *asker) complete(ctx context.Context, ref ingest.Reference, answers []ingest.Response) (ingest.Step, error) {
	for range maxSteps {
		step, err := a.fetch(ref, answers)
		if err != nil {
			return step, err
		}
		a.quiet(step.Quiet)
		if step.Request == nil {
			return step, nil
		}
		answer, err := a.client.do(ctx, a.source, &a.plan, step.Request)
		if err != nil {
			return step, err
		}
		answers = append(answers, answer)
	}
	return ingest.Step{}, errSteps
}

// fetch is the source's Fetch, whose panics are errors: it reads what others
// send.
func (a *asker) fetch(ref ingest.Reference, answers []ingest.Response) (step ingest.Step, err error) {
	defer recovered(&err)
	return a.fetcher.Fetch(ref, answers)
}

func recovered(err *error) {
	if cause := recover(); cause != nil {
		*err = &ingest.FetchError{Problem: ingest.Unavailable, Text: fmt.Sprintf("the source panicked (%T)", cause)}
	}
}

// keep puts a document where it belongs.
func (a *asker) keep(ctx context.Context, t Task, step ingest.Step) error {
	if step.File != "" {
		if a.opts.KeepFile == nil {
			return errors.New("files are not kept here")
		}
		return a.opts.KeepFile(t, step.File, step.Document)
	}
	return a.deliver(ctx, t.Ref, step.Document, nil)
}

var errDocument = errors.New("what the platform answered is larger than the journal takes (http.max_body, max_body of the source)")

// deliver puts a document in the journal as a delivery of the source.
func (a *asker) deliver(ctx context.Context, ref ingest.Reference, document []byte, header map[string]string) error {
	if int64(len(document)) > a.opts.MaxDocument {
		return errDocument
	}
	d, err := ingest.NewFetched(a.source, ref, document, a.opts.Now())
	if err != nil {
		return err
	}
	for key, value := range header {
		d.Header.Set(key, value)
	}
	if d.ID, err = a.opts.NewID(d.ReceivedAt); err != nil {
		return err
	}
	return a.opts.Keep(ctx, d)
}

func (a *asker) done(t Task) {
	if err := a.opts.Store.Done(t); err != nil {
		a.log.Warn("pending work that is done could not be noted: it is asked for again, and counts once", "event", t.ID, "err", err)
	}
}

func (a *asker) retry(t Task) {
	if err := a.opts.Store.Retry(t); err != nil {
		a.log.Warn("the state of pending work could not be noted", "event", t.ID, "err", err)
	}
}

// notKept has a task tried again: what was fetched is not on disk.
func (a *asker) notKept(t Task, err error) {
	a.opts.Observe(a.source, NotKept)
	a.log.Warn("what was fetched could not be kept, and is fetched again", "event", t.ID, "err", err)
	t.Problem, t.Text, t.Due = ingest.Unavailable, "what was fetched could not be kept", a.opts.Now().Add(a.backoff(4))
	a.retry(t)
}
