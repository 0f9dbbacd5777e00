package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/leadgate/leadgate/ingest/dedupe"
)

// redisWatch looks now and then at the Redis that is not ours. It is safe for
// concurrent use.
type redisWatch struct {
	embedded bool
	inspect  func(context.Context) (dedupe.Health, error)
	log      *slog.Logger
	now      func() time.Time

	mu     sync.Mutex
	looked bool
	health dedupe.Health
	err    error
	since  time.Time // of what is wrong
}

// Times of the watch.
const (
	redisEvery   = time.Minute
	redisPatient = 10 * time.Second
)

// run looks until ctx ends.
func (w *redisWatch) run(ctx context.Context) {
	if w.embedded {
		return
	}
	tick := time.NewTicker(redisEvery)
	defer tick.Stop()
	for {
		w.look(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (w *redisWatch) look(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, redisPatient)
	defer cancel()
	health, err := w.inspect(limited)
	if ctx.Err() != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	wrong, was := err != nil || health.Advice() != "", w.err != nil || w.health.Advice() != ""
	if wrong && !was {
		w.since = w.now()
	} else if !wrong {
		w.since = time.Time{}
	}
	// An error is the drain's to tell. What is only a danger nobody else tells.
	if advice := health.Advice(); err == nil && advice != "" && (advice != w.health.Advice() || w.err != nil) {
		w.log.Warn("Redis is not set up as it should", "advice", advice)
	}
	w.looked, w.health, w.err = true, health, err
}

// evicts reports whether Redis may drop our keys, as far as it is known.
func (w *redisWatch) evicts() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.health.Evicts
}

func (w *redisWatch) check() check {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := check{Name: checkRedis, State: stateOK, Detail: "it answers", Since: w.since}
	switch advice := w.health.Advice(); {
	case w.embedded:
		c.Detail = "embedded"
	case !w.looked:
		c.Detail = "not looked at yet"
	case w.err != nil:
		c.State, c.Detail = stateFault, brief(w.err)
	case w.health.Evicts:
		c.State, c.Detail = stateFault, advice
	case advice != "":
		c.State, c.Detail = stateWarning, advice
	default:
		c.Detail = redisSeen(w.health)
	}
	return c
}
