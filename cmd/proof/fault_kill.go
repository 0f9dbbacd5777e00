package main

import "context"

// killScenarios are kill -9 from outside.
var killScenarios = []scenario{
	{"kill -9 of the gateway under load", gatewayKilled},
}

func gatewayKilled(ctx context.Context, w *world) error {
	if err := w.start(ctx); err != nil {
		return err
	}
	load := w.startLoad(ctx, loadOptions{})
	for range 2 {
		if err := load.accepted(ctx, 50+w.random.IntN(150)); err != nil {
			return err
		}
		w.kill()
		w.struck()
		if err := w.start(ctx); err != nil {
			return err
		}
	}
	return load.stop(ctx)
}
