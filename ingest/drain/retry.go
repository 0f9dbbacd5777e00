package drain

import (
	"context"
	"errors"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// retry calls do until it works, with growing waits between. It gives up when
// the work must end, when do fails after the drain was told to stop, and on
// what no repetition mends: a rejected batch, a closed journal.
func (d *Drain) retry(stop, work context.Context, stage Stage, timeout time.Duration, do func(context.Context) error) error {
	for attempt := 1; ; attempt++ {
		err := attemptFor(work, timeout, do)
		var rejected *ingest.RejectedError
		switch {
		case err == nil || errors.As(err, &rejected):
			d.recovered(stage, attempt)
			return err
		case errors.Is(err, ingest.ErrClosed) && stage == JournalStage:
			return err
		case stop.Err() != nil && errors.Is(err, stop.Err()): // not a failure
			return errStopped
		}
		d.failed(stage, attempt, err)
		if work.Err() != nil || stop.Err() != nil {
			return errStopped
		}
		wait := time.NewTimer(d.backoff(attempt))
		select {
		case <-wait.C:
		case <-stop.Done():
			wait.Stop()
			return errStopped
		}
	}
}

func attemptFor(ctx context.Context, timeout time.Duration, do func(context.Context) error) error {
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	return do(ctx)
}

// backoff returns the wait after the given number of failed attempts.
func (d *Drain) backoff(attempts int) time.Duration {
	wait := d.opts.BackoffMin
	for range attempts - 1 {
		if wait *= 2; wait >= d.opts.BackoffMax {
			wait = d.opts.BackoffMax
			break
		}
	}
	return wait/2 + time.Duration(d.opts.Jitter()*float64(wait/2))
}

// failure is what Stat tells of a stage that is being retried.
type failure struct {
	err      string
	since    time.Time
	attempts int
}

func (d *Drain) failed(stage Stage, attempt int, err error) {
	text := redactError(err)
	d.note(func(*Stat) {
		f, ok := d.failing[stage]
		if !ok {
			f.since = d.opts.Now()
		}
		f.err, f.attempts = text, attempt
		d.failing[stage] = f
	})
	if attempt == 1 { // tellHeldUp does so again
		d.logger.Warn("drain is held up; deliveries are persisted in the journal", "stage", stage, "attempt", attempt, "err", text)
	}
	if d.opts.OnRetry != nil {
		d.opts.OnRetry(stage, err)
	}
}

func (d *Drain) recovered(stage Stage, attempt int) {
	if attempt == 1 {
		return
	}
	d.note(func(*Stat) { delete(d.failing, stage) })
	d.logger.Info("drain goes on", "stage", stage, "attempt", attempt)
}
