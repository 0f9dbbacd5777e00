package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// clockScenarios are clocks that jump.
var clockScenarios = []scenario{
	{"clock stepped back an hour", clockSteps("-1h")},
	{"clock stepped forward a day", clockSteps("24h")},
	{"clock forward a day and back again", clockSteps("24h", "0s")},
	{"clock set back an hour while the gateway is down", clockBackOverRestart},
}

// clockSteps has the clock jump under load, by each of the offsets in turn.
// Signed webhooks are left out: their senders' clocks are right, and a gateway
// whose clock is not must refuse them.
func clockSteps(offsets ...string) func(context.Context, *world) error {
	return func(ctx context.Context, w *world) (err error) {
		w.configure("drain: {flush_interval: 50ms}")
		w.generator.kinds = []func(*generator, string, int) chain{
			(*generator).form, (*generator).htmlForm, (*generator).google, (*generator).call, (*generator).call,
			(*generator).mail, (*generator).clicks, (*generator).sale, (*generator).costs,
		}
		file := filepath.Join(w.dir, "clock")
		if err := w.start(ctx, "PROOF_CLOCK_FILE="+file); err != nil {
			return err
		}
		load := w.startLoad(ctx, loadOptions{})
		defer func() { err = errors.Join(err, load.stop(ctx)) }()
		for round := 0; round == 0 || w.long(); round++ {
			for _, offset := range append(offsets, "0s") {
				if err := errors.Join(load.accepted(ctx, 100), w.works(2)(ctx)); err != nil {
					return err
				}
				// A call that is told before and after: the later word counts,
				// whatever the clock says.
				before, after := w.twoStates()
				err := errors.Join(w.deliver(ctx, before), os.WriteFile(file, []byte(offset), 0o600), w.deliver(ctx, after))
				if err != nil {
					return err
				}
				w.struck()
			}
			if err := errors.Join(load.accepted(ctx, 200), w.works(2)(ctx)); err != nil {
				return err
			}
		}
		return nil
	}
}

// twoStates are a call when it begins and when it is over.
func (w *world) twoStates() (before, after *delivery) {
	g := w.generator
	g.mu.Lock()
	defer g.mu.Unlock()
	g.n++
	a := g.enquiry(fmt.Sprintf("p%d", g.n), 0)
	a.seconds = 1
	before = call(a, g.today)
	a.seconds = 60
	return before, call(a, g.today)
}

// clockBackOverRestart tells the two states of a call before and after a restart
// with a clock that was set back meanwhile.
func clockBackOverRestart(ctx context.Context, w *world) error {
	w.generator.kinds = []func(*generator, string, int) chain{
		(*generator).form, (*generator).call, (*generator).call, (*generator).clicks, (*generator).sale,
	}
	file := filepath.Join(w.dir, "clock")
	env := "PROOF_CLOCK_FILE=" + file
	if err := w.start(ctx, env); err != nil {
		return err
	}
	for round := 0; round < 3 || w.long(); round++ {
		before, after := w.twoStates()
		err := errors.Join(w.deliver(ctx, w.plain(0)), w.deliver(ctx, before))
		if err != nil {
			return err
		}
		if round%2 == 0 {
			w.kill()
		} else if err := w.stop(ctx); err != nil {
			return err
		}
		back := fmt.Sprintf("-%dh", round+1)
		err = errors.Join(os.WriteFile(file, []byte(back), 0o600), w.start(ctx, env), w.deliver(ctx, after), w.deliver(ctx, w.plain(0)))
		if err != nil {
			return err
		}
		w.struck()
	}
	return nil
}
