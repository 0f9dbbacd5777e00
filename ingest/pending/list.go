package pending

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// Listing is a part of what a platform has.
type Listing struct {
	Found []Found
	// State is where to go on; nil at the end.
	State []byte
}

// Found is one thing of a list, whole.
type Found struct {
	Ref      ingest.Reference
	Document []byte
}

// ErrNoList says that the source's platform is not asked for lists.
var ErrNoList = errors.New("its type cannot list what the platform has")

// Held says that a source may not be asked now, and when it may be again.
type Held struct{ Until time.Time }

func (h *Held) Error() string {
	return "the platform must not be asked before " + h.Until.UTC().Format(time.RFC3339)
}

// List asks for one part of what a platform has; state is nil at the beginning,
// then that of the part before. A span without To is until now. Errors: ErrNoList,
// *Held, *ingest.FetchError, and what the configuration lacks.
func (w *Worker) List(ctx context.Context, source string, span ingest.Span, state []byte) (Listing, error) {
	a, ok := w.askers[source]
	if !ok || a.lister == nil {
		return Listing{}, ErrNoList
	}
	// With a token that is refused, whoever asks is told so again.
	if until, _ := a.paused(); until.After(w.opts.Now()) && !a.refused() {
		return Listing{}, &Held{until}
	}
	if span.To.IsZero() {
		span.To = w.opts.Now()
	}
	listing, err := a.list(ctx, span, state)
	var failure *ingest.FetchError
	if errors.As(err, &failure) {
		failure.Text = ingest.PlatformText(failure.Text, a.plan.Secrets...)
		w.opts.Observe(source, Outcome(failure.Problem))
		switch failure.Problem {
		case ingest.TokenRefused:
			a.refuse(failure.Text)
		case ingest.Throttled:
			return listing, &Held{a.hinder(failure.After)}
		}
	} else if err == nil {
		a.good()
	}
	return listing, err
}

func (a *asker) list(ctx context.Context, span ingest.Span, state []byte) (Listing, error) {
	page, err := a.page(span, state, nil)
	if err != nil || page.Next == nil {
		return Listing{}, err
	}
	answer, err := a.client.do(ctx, a.source, &a.plan, page.Next)
	if err != nil {
		return Listing{}, err
	}
	if page, err = a.page(span, state, &answer); err != nil {
		return Listing{}, err
	}
	a.quiet(page.Quiet)
	var listing Listing
	for _, item := range page.Items {
		step, err := a.complete(ctx, item.Ref, item.Answers)
		if err != nil {
			return Listing{}, err
		}
		listing.Found = append(listing.Found, Found{item.Ref, step.Document})
	}
	if page.Next != nil {
		if bytes.Equal(page.State, state) {
			return Listing{}, &ingest.FetchError{Problem: ingest.Unavailable, Text: "the list does not come any further"}
		}
		listing.State = page.State
	}
	return listing, nil
}

func (a *asker) page(span ingest.Span, state []byte, answer *ingest.Response) (page ingest.Page, err error) {
	defer recovered(&err)
	return a.lister.List(span, state, answer)
}

// Deliver puts what was found in the journal.
func (w *Worker) Deliver(ctx context.Context, source string, found Found) error {
	a, ok := w.askers[source]
	if !ok {
		return fmt.Errorf("%w: %s", ingest.ErrUnknownSource, source)
	}
	return a.deliver(ctx, found.Ref, found.Document, nil)
}

const (
	// pullOverlap is how far back a pull looks again: platforms show things late.
	pullOverlap = 2 * time.Hour
	// firstPull is how far back the first one looks.
	firstPull = 7 * 24 * time.Hour
	// maxSeen bounds the keys that are remembered from pull to pull.
	maxSeen = 10_000
)

// pullForever lists what is new, at once and then regularly.
func (a *asker) pullForever(ctx context.Context) {
	for failed := 0; ; {
		wait := a.plan.PullEvery
		if err := a.pull(ctx); err != nil {
			failed++
			wait = min(max(a.backoff(failed), time.Minute), a.plan.PullEvery)
			var held *Held
			switch {
			case errors.As(err, &held):
				wait = max(wait, held.Until.Sub(a.opts.Now()))
			case a.refused(): // was told
				wait = max(wait, a.opts.TokenPause)
			case ctx.Err() == nil:
				a.log.Warn("the platform could not be asked for what is new; it is tried again", "err", err)
			}
		} else {
			failed = 0
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// pull takes in what is new since the last time. What it saw lately it does not
// take in again; if it forgets, counting once sees to that.
func (a *asker) pull(ctx context.Context) error {
	began := a.opts.Now().UTC()
	a.mu.Lock()
	from, before := a.known.Pulled, a.known.Seen
	a.mu.Unlock()
	if from.IsZero() {
		from = began.Add(-firstPull + pullOverlap)
	}
	seen, err := a.takeNews(ctx, ingest.Span{From: from.Add(-pullOverlap)}, before)
	a.mu.Lock()
	if a.known.Seen = seen; err == nil {
		a.known.Pulled = began
	}
	known := a.known
	a.mu.Unlock()
	if err != nil { // the next pull begins at the same time, and knows what this one took in
		return err
	}
	return a.opts.Store.SetState(known)
}

// takeNews takes in all of a span but what was seen before. It returns what it
// saw, and after an error what was seen before as well.
func (a *asker) takeNews(ctx context.Context, span ingest.Span, before []string) ([]string, error) {
	var seen []string
	known := make(map[string]bool, len(before))
	for _, id := range before {
		known[id] = true
	}
	for state := []byte(nil); ; {
		listing, err := a.List(ctx, a.source, span, state)
		for _, found := range listing.Found {
			if !known[found.Ref.ID] {
				if err = a.deliver(ctx, found.Ref, found.Document, nil); err != nil {
					break
				}
				known[found.Ref.ID] = true
				a.opts.Observe(a.source, FetchedOne)
			}
			if len(seen) < maxSeen {
				seen = append(seen, found.Ref.ID)
			}
		}
		if err != nil {
			seen = append(seen, before...)
			return seen[:min(len(seen), maxSeen)], err
		}
		if state = listing.State; state == nil {
			return seen, nil
		}
	}
}
