package pending

import (
	"context"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// fail sees to a task that was asked for in vain.
func (a *asker) fail(ctx context.Context, t Task, failure *ingest.FetchError) {
	a.opts.Observe(a.source, Outcome(failure.Problem))
	text := ingest.PlatformText(failure.Text, a.plan.Secrets...)
	now := a.opts.Now()
	t.Problem, t.Text = failure.Problem, text
	switch failure.Problem {
	case ingest.TokenRefused:
		a.refuse(text)
		a.opts.Store.Return(t)
	case ingest.Throttled:
		t.Due = a.hinder(failure.After)
		a.retry(t)
	default:
		if failure.Problem == ingest.Unavailable {
			a.hinder(failure.After)
		} else {
			a.good()
		}
		t.Attempts++
		t.Due = now.Add(max(a.backoff(t.Attempts), failure.After))
		if a.spent(t, now) {
			a.giveUp(ctx, t)
			return
		}
		a.retry(t)
	}
}

// spent tells whether a task was asked for long enough. Time in which the token
// was refused does not count.
func (a *asker) spent(t Task, now time.Time) bool {
	since := t.Saved
	a.mu.Lock()
	if a.known.Mended.After(since) {
		since = a.known.Mended
	}
	a.mu.Unlock()
	return t.Attempts >= a.opts.MinAttempts && now.Sub(since) >= a.plan.GiveUpAfter
}

// giveUp tells the journal that there is no answer.
func (a *asker) giveUp(ctx context.Context, t Task) {
	if err := a.quarantine(ctx, t); err != nil {
		a.notKept(t, err)
		return
	}
	a.done(t)
}

// quarantine puts a delivery in the journal that says why a task is not asked for
// any more.
func (a *asker) quarantine(ctx context.Context, t Task) error {
	text := t.Text
	if text == "" {
		text = string(t.Problem)
	}
	err := a.deliver(ctx, t.Ref, nil, map[string]string{
		ingest.FetchErrorHeader: text, ingest.EventKindHeader: string(t.Kind), ingest.EventKeyHeader: t.Key,
	})
	if err != nil {
		return err
	}
	a.opts.Observe(a.source, GivenUp)
	a.log.Error("what was announced cannot be fetched and is given up: it is in quarantine, from where a replay asks again",
		"kind", t.Ref.Kind, "event", t.ID, "attempts", t.Attempts, "err", text)
	return nil
}

// paused returns until when nothing may be asked, and whether only one may be.
func (a *asker) paused() (until time.Time, single bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.pause, !a.known.Refused.IsZero() || a.hindered > 0
}

// quiet leaves the platform alone for a while.
func (a *asker) quiet(wait time.Duration) {
	if wait <= 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if until := a.opts.Now().Add(wait); until.After(a.pause) {
		a.pause = until
	}
}

// hinder leaves the platform alone for ever longer, at least for wait, and
// returns until when.
func (a *asker) hinder(wait time.Duration) time.Time {
	a.mu.Lock()
	a.hindered++
	n := a.hindered
	a.mu.Unlock()
	a.quiet(max(wait, a.backoff(n)))
	until, _ := a.paused()
	return until
}

// good notes that the platform answered what it was asked.
func (a *asker) good() {
	a.mu.Lock()
	a.hindered = 0
	a.mu.Unlock()
	a.tokenIsGood()
}

// refuse notes that the token is refused, and tells once.
func (a *asker) refuse(text string) {
	now := a.opts.Now().UTC()
	a.quiet(a.opts.TokenPause)
	a.mu.Lock()
	first := a.known.Refused.IsZero()
	if first {
		a.known.Refused = now
	}
	changed := first || a.known.Text != text
	a.known.Text = text
	known := a.known
	a.mu.Unlock()
	if first {
		a.log.Error("the platform refuses the token: what is pending waits, and nothing is lost; "+
			"mend credentials of the source and restart", "err", text)
	}
	if changed {
		a.note(known)
	}
}

func (a *asker) refused() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return !a.known.Refused.IsZero()
}

// tokenIsGood notes that the platform takes the token, whatever else it said.
func (a *asker) tokenIsGood() {
	a.mu.Lock()
	if a.known.Refused.IsZero() {
		a.mu.Unlock()
		return
	}
	a.known.Refused, a.known.Text, a.known.Mended = time.Time{}, "", a.opts.Now().UTC()
	a.pause = time.Time{}
	known := a.known
	a.mu.Unlock()
	a.log.Info("the platform takes the token again")
	a.note(known)
}

func (a *asker) note(known SourceState) {
	if err := a.opts.Store.SetState(known); err != nil {
		a.log.Warn("the state of the source could not be noted", "err", err)
	}
}
