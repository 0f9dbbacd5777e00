package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"
)

// scenario is one fault, or one row of the table.
type scenario struct {
	name string
	run  func(ctx context.Context, w *world) error
}

// world is what one run of a scenario has to itself.
type world struct {
	*gateway
	seed      uint64
	random    *rand.Rand // of the scenario's own goroutine
	ledger    *ledger
	generator *generator
	redis     *redisServer // nil if the gateway's is embedded
	deadline  time.Time    // when a long run ends; zero for a short one
	strikes   int
	closers   []func() error

	mu   sync.Mutex
	left []chain
}

func newWorld(p *plan, seed uint64, name string) (*world, error) {
	dir, err := os.MkdirTemp(p.dir, unsafe.ReplaceAllString(name, "-")+"-")
	if err != nil {
		return nil, err
	}
	g, err := newGateway(p.binary, p.library, dir)
	if err != nil {
		return nil, err
	}
	w := &world{
		gateway: g, seed: seed, random: seeded(seed, 2), ledger: newLedger(),
		generator: newGenerator(seed, time.Now().UTC().Truncate(time.Second)),
	}
	switch {
	case goesOn[name]:
		w.deadline = time.Now().Add(p.minutes)
	case p.minutes > 0:
		w.deadline = time.Now().Add(min(p.minutes/30, time.Minute))
	}
	return w, nil
}

var unsafe = regexp.MustCompile(`[^a-zA-Z0-9.-]+`)

// struck counts one injected fault.
func (w *world) struck() { w.strikes++ }

// long tells that this is a long run whose time is not over yet: those in
// goesOn have all of -minutes, others a thirtieth. A scenario that loops asks
// it before each further round.
func (w *world) long() bool { return time.Now().Before(w.deadline) }

// onEnd has f called when the world ends, before its directory is removed:
// proxies and engines of a scenario's own are closed there.
func (w *world) onEnd(f func() error) { w.closers = append(w.closers, f) }

// finish brings the gateway back, sends again what is unanswered, and checks.
func (w *world) finish(ctx context.Context) (*result, error) {
	if !w.running() {
		if err := w.start(ctx); err != nil {
			return nil, fmt.Errorf("start after the fault: %w", err)
		}
	}
	if err := w.settle(ctx); err != nil {
		return nil, err
	}
	return w.check(ctx)
}

// close ends all processes of the world. It removes its directory unless that
// is wanted.
func (w *world) close(keep bool) error {
	w.kill()
	w.redis.kill()
	var err error
	for i := len(w.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, w.closers[i]())
	}
	w.client.CloseIdleConnections()
	if keep {
		return errors.Join(err, os.WriteFile(filepath.Join(w.dir, "gateway.log"), []byte(w.said.String()), 0o600))
	}
	return errors.Join(err, removeAll(w.dir))
}

// removeAll removes a directory whose last user, an orphaned engine, may be
// about to end.
func removeAll(dir string) error {
	var err error
	for range 50 {
		if err = os.RemoveAll(dir); err == nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return err
}

// play runs a scenario in a world of its own.
func play(ctx context.Context, p *plan, s scenario) outcome {
	began := time.Now()
	o := outcome{Fault: s.name, Seed: p.seed}
	w, err := newWorld(p, p.seed, s.name)
	if err != nil {
		o.Err = err.Error()
		return o
	}
	err = s.run(ctx, w)
	r, checkErr := (*result)(nil), error(nil)
	if ctx.Err() == nil {
		r, checkErr = w.finish(ctx)
	}
	if err = errors.Join(err, checkErr); err == nil && w.running() {
		err = w.stop(ctx)
	}
	o.Runs = w.strikes
	if r != nil {
		o.result = *r
	}
	if err != nil {
		o.Err = err.Error()
	}
	keep := p.keep || !o.passed()
	if keep {
		o.Dir = w.dir
	}
	if err := w.close(keep); err != nil && o.Err == "" {
		o.Err = err.Error()
	}
	o.Seconds = time.Since(began).Seconds()
	return o
}
