package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// trouble begins and ends while deliveries come in and must all be accepted.
type trouble struct {
	begin func(ctx context.Context) error
	// felt waits for a sign that it is there.
	felt func(ctx context.Context) error
	end  func(ctx context.Context) error
}

// through starts the gateway, sends a load, and has the troubles come and go
// while it runs; in a long run again and again.
func (w *world) through(ctx context.Context, opts loadOptions, troubles ...trouble) (err error) {
	if err := w.start(ctx); err != nil {
		return err
	}
	load := w.startLoad(ctx, opts)
	defer func() { err = errors.Join(err, load.stop(ctx)) }()
	if err := w.works(1)(ctx); err != nil {
		return err
	}
	for round := 0; round == 0 || w.long(); round++ {
		for _, t := range troubles {
			if err := load.accepted(ctx, 50); err != nil {
				return err
			}
			if err := t.begin(ctx); err != nil {
				return err
			}
			w.struck()
			err := t.felt(ctx)
			if err == nil {
				err = load.accepted(ctx, 100) // whatever is away, the gateway takes deliveries
			}
			if err := errors.Join(err, t.end(ctx)); err != nil {
				return err
			}
		}
		if err := load.accepted(ctx, 50); err != nil {
			return err
		}
	}
	return nil
}

// fails waits until the drain has failed at a stage n more times.
func (w *world) fails(stage string, n float64) func(context.Context) error {
	return w.rises(fmt.Sprintf("leadgate_drain_errors_total{stage=%q}", stage), n)
}

// works waits until the drain has committed n more batches.
func (w *world) works(n float64) func(context.Context) error {
	return w.rises("leadgate_drain_batch_seconds_count", n)
}

func (w *world) rises(metric string, by float64) func(context.Context) error {
	return func(ctx context.Context) error {
		before, err := w.metric(ctx, metric)
		if err != nil {
			before = 0 // no such label yet
		}
		return w.until(ctx, fmt.Sprintf("at %s + %g", metric, by), func() bool {
			now, err := w.metric(ctx, metric)
			return err == nil && now >= before+by
		})
	}
}

// refusing waits until the gateway says that it takes no deliveries.
func (w *world) refusing(ctx context.Context) error {
	return w.until(ctx, "not ready", func() bool {
		status, _, err := w.get(ctx, "/readyz")
		return err == nil && status == http.StatusServiceUnavailable
	})
}

// probe sends d once and writes the ledger, as send does, and returns the
// answer's status and its Retry-After.
func (w *world) probe(ctx context.Context, d *delivery) (status int, retryAfter string, err error) {
	r := d.build()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url+r.path, bytes.NewReader(r.body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", r.contentType)
	for key, value := range r.header {
		req.Header.Set(key, value)
	}
	w.ledger.sending(d)
	answer, err := w.client.Do(req)
	if err != nil {
		w.ledger.unanswered()
		return 0, "", err
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	if answer.StatusCode < 400 {
		w.ledger.answered(d, "")
	} else {
		w.ledger.refused()
	}
	return answer.StatusCode, answer.Header.Get("Retry-After"), nil
}

// wantRefusal probes until a delivery is refused with the status, and a time
// to come back.
func (w *world) wantRefusal(ctx context.Context, status int) error {
	return await(ctx, fmt.Sprintf("refused with %d", status), func() (bool, error) {
		got, after, err := w.probe(ctx, w.plain(0))
		if err != nil || got < 400 {
			return false, err
		}
		if seconds, err := strconv.Atoi(after); got != status || err != nil || seconds < 1 {
			return false, fmt.Errorf("a delivery is refused with %d and Retry-After %q, not with %d and when to come back", got, after, status)
		}
		return true, nil
	})
}

// plain is a lead of a new person, whole in one delivery.
func (w *world) plain(padding int) *delivery {
	g := w.generator
	g.mu.Lock()
	defer g.mu.Unlock()
	g.n++
	return g.form(fmt.Sprintf("p%d", g.n), padding)[0]
}

// refusedNow is how many requests were refused so far.
func (l *ledger) refusedNow() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.attempts.Refused
}
