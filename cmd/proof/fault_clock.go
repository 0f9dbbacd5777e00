package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
)

// clockScenarios are clocks that jump.
var clockScenarios = []scenario{
	{"clock stepped back an hour", clockSteps("-1h")},
	{"clock stepped forward a day", clockSteps("24h")},
	{"clock forward a day and back again", clockSteps("24h", "0s")},
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
				if err := os.WriteFile(file, []byte(offset), 0o600); err != nil {
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
