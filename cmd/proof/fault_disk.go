package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// diskScenarios are a disk that is full, lies or forgets.
var diskScenarios = []scenario{
	{"disk full, then room again", diskFull},
	{"byte budget spent while ClickHouse is away", budgetSpent},
	{"EIO on write", diskFails("PROOF_FS=write:EIO:after=100")},
	{"EIO on fsync", diskFails("PROOF_FS=sync:EIO:after=100")},
}

// diskFull takes all room on the journal's disk and gives it back.
func diskFull(ctx context.Context, w *world) (err error) {
	w.configure("{journal: {segment_bytes: 1MiB}, drain: {flush_interval: 50ms}}")
	dir, hooked, err := w.smallDisk()
	if err != nil {
		return err
	}
	if hooked != "" {
		err = w.start(ctx, hooked)
	} else {
		err = w.start(ctx)
	}
	if err != nil {
		return err
	}
	load := w.startLoad(ctx, loadOptions{padding: 4 << 10})
	defer func() { err = errors.Join(err, load.stop(ctx)) }()
	for round := 0; round < 2 || w.long(); round++ {
		if err := load.accepted(ctx, 100); err != nil {
			return err
		}
		ballast := filepath.Join(dir, "ballast")
		if hooked == "" {
			if err := fillDisk(ballast); err != nil {
				return err
			}
		}
		w.struck()
		if err := w.wantRefusal(ctx, 503); err != nil {
			return err
		}
		if hooked != "" {
			return load.accepted(ctx, 100)
		}
		if err := w.refusing(ctx); err != nil {
			return err
		}
		if err := os.Remove(ballast); err != nil {
			return err
		}
	}
	if err := load.accepted(ctx, 100); err != nil {
		return err
	}
	return w.ready(ctx)
}

// smallDisk puts the journal on a disk of its own. Who may not mount one gets
// an environment that has writes fail instead.
func (w *world) smallDisk() (dir, env string, err error) {
	dir = w.journalDir()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", "", err
	}
	err = syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=24m,mode=0700")
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
		return dir, "PROOF_FS=write:ENOSPC:after=150:for=60", nil
	}
	if err != nil {
		return "", "", fmt.Errorf("mount a small disk: %w", err)
	}
	w.onEnd(func() error { return syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir, "", nil
}

// fillDisk writes a file until there is no room.
func fillDisk(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	for size := 1 << 20; size > 0 && err == nil; {
		if _, err = file.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size, err = size/2, nil
		}
	}
	return errors.Join(err, file.Close())
}

// budgetSpent has the journal reach its budget while nothing can be drained.
// Senders are told to wait, nothing accepted is lost, and when ClickHouse is
// back the gateway comes back by itself.
func budgetSpent(ctx context.Context, w *world) (err error) {
	s, err := w.far(ctx)
	if err != nil {
		return err
	}
	w.configure("journal: {segment_bytes: 1MiB, max_bytes: 6MiB}")
	if err := w.start(ctx); err != nil {
		return err
	}
	load := w.startLoad(ctx, loadOptions{padding: 32 << 10})
	defer func() { err = errors.Join(err, load.stop(ctx)) }()
	if err := w.works(1)(ctx); err != nil {
		return err
	}
	for round := 0; round < 2 || w.long(); round++ {
		s.link.cut()
		w.struck()
		if err := errors.Join(w.refusing(ctx), w.wantRefusal(ctx, 503)); err != nil {
			return err
		}
		used, err := w.metric(ctx, "leadgate_journal_bytes")
		if budget, more := w.metric(ctx, "leadgate_journal_max_bytes"); errors.Join(err, more) != nil || used > budget {
			return fmt.Errorf("the journal has %g bytes of %g (%w)", used, budget, errors.Join(err, more))
		}
		if err := s.link.mend(); err != nil {
			return err
		}
		if err := errors.Join(w.ready(ctx), load.accepted(ctx, 50)); err != nil {
			return err
		}
	}
	return nil
}

// diskFails has all writes or fsyncs of segments fail from some time on: no
// delivery gets a 2xx from then until a restart.
func diskFails(fault string) func(context.Context, *world) error {
	return func(ctx context.Context, w *world) (err error) {
		w.configure("drain: {flush_interval: 50ms}")
		for round := 0; round < 2 || w.long(); round++ {
			if err := w.start(ctx, fault); err != nil {
				return err
			}
			load := w.startLoad(ctx, loadOptions{})
			err := w.poisoned(ctx)
			w.struck()
			if err := errors.Join(err, load.stop(ctx)); err != nil {
				return err
			}
			// A stop with a broken journal may well be told as a failure.
			if err := w.stop(ctx); err != nil && w.running() {
				return err
			}
		}
		return nil
	}
}

// poisoned waits until the gateway takes nothing any more, and sees that this
// stays so.
func (w *world) poisoned(ctx context.Context) error {
	if err := w.refusing(ctx); err != nil {
		return err
	}
	for range 100 {
		status, _, err := w.probe(ctx, w.plain(0))
		if err != nil || status != 503 {
			return fmt.Errorf("after an error of the disk a delivery is answered %d (%w)", status, err)
		}
	}
	return w.refusing(ctx)
}
