package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// killScenarios are kill -9 from outside.
var killScenarios = []scenario{
	{"kill -9 of the gateway under load", gatewayKilled},
	{"kill -9 of ClickHouse under load", engineKilled},
	{"kill -9 of Redis under load", redisKilled},
	{"kill -9 of ClickHouse and Redis", bothKilled},
	{"a second process on the same directory", secondProcess},
	{"random kills of everything", randomKills},
}

// strike does it at least that often, and as long as a long run goes on, each
// time after some deliveries were accepted under load.
func (w *world) strike(ctx context.Context, least int, do func() error) error {
	load := w.startLoad(ctx, loadOptions{})
	for n := 0; n < least || w.long(); n++ {
		err := load.accepted(ctx, 30+w.random.IntN(100))
		if err == nil {
			w.struck()
			err = do()
		}
		if err != nil {
			return errors.Join(err, load.stop(ctx))
		}
	}
	return load.stop(ctx)
}

func gatewayKilled(ctx context.Context, w *world) error {
	if err := w.start(ctx); err != nil {
		return err
	}
	return w.strike(ctx, 3, func() error {
		w.kill()
		return w.start(ctx)
	})
}

func engineKilled(ctx context.Context, w *world) error {
	if err := w.start(ctx); err != nil {
		return err
	}
	return w.strike(ctx, 4, func() error { return w.engineDies(ctx) })
}

// engineDies kills the engine, and waits until it is there again.
func (w *world) engineDies(ctx context.Context) error {
	var before int
	err := w.until(ctx, "with its engine", func() bool { // the gateway is ready without it
		pid, err := w.enginePID()
		before = pid
		return err == nil
	})
	if err != nil {
		return err
	}
	w.killEngine()
	return w.engineAgain(ctx, before)
}

func redisKilled(ctx context.Context, w *world) error {
	if err := errors.Join(w.useRedis(), w.redis.start(ctx), w.start(ctx)); err != nil {
		return err
	}
	load := func() error { // it is away for a while, and then empty
		w.redis.kill()
		return errors.Join(w.awaitAccepted(ctx, 20), w.redis.start(ctx))
	}
	return w.strike(ctx, 4, load)
}

func bothKilled(ctx context.Context, w *world) error {
	if err := errors.Join(w.useRedis(), w.redis.start(ctx), w.start(ctx)); err != nil {
		return err
	}
	return w.strike(ctx, 3, func() error {
		w.redis.kill()
		return errors.Join(w.engineDies(ctx), w.redis.start(ctx))
	})
}

// awaitAccepted waits until a running load got n more deliveries accepted.
func (w *world) awaitAccepted(ctx context.Context, n int) error {
	n += w.ledger.acceptedNow()
	return await(ctx, fmt.Sprintf("%d deliveries accepted", n), func() (bool, error) {
		return w.ledger.acceptedNow() >= n, nil
	})
}

// secondProcess starts another gateway on the directory of a running one: it
// must refuse, and say why, and disturb nothing.
func secondProcess(ctx context.Context, w *world) error {
	if err := w.start(ctx); err != nil {
		return err
	}
	dir := filepath.Join(w.dir, "second")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	second, err := newGateway(w.binary, w.library, dir)
	if err != nil {
		return err
	}
	return w.strike(ctx, 2, func() error {
		second.configure(fmt.Sprintf("data_dir: %q", w.dataDir()))
		if err := second.launch(); err != nil {
			return err
		}
		if err := await(ctx, "refused", func() (bool, error) { return !second.running(), nil }); err != nil {
			second.kill()
			return fmt.Errorf("the second process runs on the same directory: %w", err)
		}
		if second.err == nil || !strings.Contains(second.said.String(), "in use by another process") {
			return fmt.Errorf("the second process ended with %w and said %q", second.err, second.said)
		}
		return nil
	})
}

// checkEvery is after how many random kills all is held against the ledger.
const checkEvery = 25

// randomKills kills the gateway, its engine, Redis, and combinations of them,
// at random moments: under load, while they start, and while they come back.
func randomKills(ctx context.Context, w *world) error {
	w.configure(smallJournal)
	if err := errors.Join(w.useRedis(), w.redis.start(ctx), w.start(ctx)); err != nil {
		return err
	}
	load := w.startLoad(ctx, loadOptions{rate: 100, padding: 4 << 10})
	for n := 1; n <= 8 || w.long(); n++ {
		if err := w.killSomething(ctx); err != nil {
			return errors.Join(err, load.stop(ctx))
		}
		w.struck()
		if n%checkEvery != 0 {
			continue
		}
		if err := load.stop(ctx); err != nil {
			return err
		}
		if r, err := w.finish(ctx); err != nil || !r.good() {
			return err // what is wrong is found again at the end
		}
		load = w.startLoad(ctx, loadOptions{rate: 100, padding: 4 << 10})
	}
	return errors.Join(load.stop(ctx), w.sound(ctx))
}

// killSomething lets some time go by, kills, and brings back what is not
// brought back by itself. The moments are counted in time, not in deliveries,
// for they may lie where nothing is accepted.
func (w *world) killSomething(ctx context.Context) error {
	pause := func(most int) { _ = w.pause(ctx, time.Duration(w.random.IntN(most))*time.Millisecond) }
	pause(1500)
	switch w.random.IntN(9) {
	case 0:
		w.killEngine()
	case 1: // again while it starts
		w.killEngine()
		pause(400)
		w.killEngine()
	case 2:
		w.redis.kill()
		pause(1000)
	case 3:
		w.redis.kill()
		w.killEngine()
		pause(500)
	case 4:
		w.kill()
	case 5: // again while it starts
		w.kill()
		if err := w.launch(); err != nil {
			return err
		}
		pause(800)
		w.kill()
	case 6:
		w.kill()
		w.redis.kill()
		pause(200)
	default: // by its own hand, at a boundary, if it comes by there
		w.kill()
		if err := w.launch(w.anyCrash()); err != nil {
			return err
		}
		pause(4000)
		w.kill()
	}
	if !w.redis.running() {
		if err := w.redis.start(ctx); err != nil {
			return err
		}
	}
	if !w.running() {
		return w.start(ctx)
	}
	return nil
}

// anyCrash is an environment that crashes the gateway at some point.
func (w *world) anyCrash() string {
	names := []string{
		"journal.write.before", "journal.write.torn", "journal.write.after", "journal.sync.after", "journal.header.after",
		"journal.remove.before", "journal.remove.between", "journal.remove.after", "torn.write.torn", "journal.truncate.before",
		"pointer.write.torn", "pointer.sync.after", "drain.claim.before", "drain.claim.after", "drain.join.appended", "drain.insert.before",
		"drain.inserted", "drain.insert.after", "drain.commit.before", "drain.commit.after",
	}
	return fmt.Sprintf("PROOF_CRASH=%s:%d", names[w.random.IntN(len(names))], 1+w.random.IntN(6))
}

// pause waits.
func (w *world) pause(ctx context.Context, d time.Duration) error {
	wait := time.NewTimer(d)
	defer wait.Stop()
	select {
	case <-wait.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
