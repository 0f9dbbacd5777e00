package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// crashScenarios are kill -9 of the gateway by itself, at each boundary of what
// it has on disk. The points, as cmd/leadgate/hooks_proof.go has them:
//
//	journal.write.before .torn .after   records into a segment; torn is half of them
//	journal.sync.after                  any fsync of a segment
//	journal.header.before .after        the making of a new segment
//	journal.remove.before .between .after   deletion of a segment
//	journal.truncate.before .after      cutting a torn tail off
//	torn.write.before .torn .after, torn.sync.after   putting it aside
//	pointer.write.before .torn .after, pointer.sync.after   the commit pointer
//	drain.claim.before .after           asking Redis
//	drain.join.appended                 a batch of some that are written together
//	drain.insert.before .after          a batch, or these, into ClickHouse
//	drain.inserted, drain.inserted.TABLE    after one table's part of it
//	drain.commit.before .after          the journal's commit
var crashScenarios = []scenario{
	{"crash before the append", crashAt(point{"journal.write.before", 1, 40})},
	{"crash in the middle of the append", crashAt(point{"journal.write.torn", 1, 40})},
	{"crash after the write, before the fsync", crashAt(point{"journal.write.after", 1, 40})},
	{"crash after the fsync, before the answer", crashAt(point{"journal.sync.after", 2, 40})},
	{"crash while a segment is begun", crashAt(point{"journal.header.before", 1, 3}, point{"journal.header.after", 1, 3})},
	{"crash after the claim, before the manifest", crashAt(point{"drain.claim.after", 1, 5})},
	{"crash after the manifest, before the insert", crashAt(point{"drain.insert.before", 1, 5})},
	{"crash between two tables of a batch", crashAt(point{"drain.inserted", 1, 20})},
	{"crash after the insert, before the commit", crashAt(point{"drain.insert.after", 1, 5})},
	{"crash in the middle of the commit", crashAt(point{"pointer.write.torn", 1, 5}, point{"pointer.write.after", 1, 5})},
	{"crash after the commit, before the manifest goes", crashAt(point{"drain.commit.after", 1, 5})},
	{"crash during segment deletion", crashAt(point{"journal.remove.before", 1, 2}, point{"journal.remove.between", 1, 2}, point{"journal.remove.after", 1, 2})},
	{"crash during start-up repair", crashInRepair},
	{"crash in the middle of a batch, again and again", batchAgain},
	{"crash while a backlog is written together", backlogAgain},
}

// point is where to crash, at a passing between least and most.
type point struct {
	name        string
	least, most int
}

// smallJournal makes segments come and go quickly.
const smallJournal = "{journal: {segment_bytes: 1MiB, retention: 0s}, drain: {flush_interval: 50ms}}"

// crashAt crashes at the given points in turn, each time under load.
func crashAt(at ...point) func(context.Context, *world) error {
	return func(ctx context.Context, w *world) error {
		w.configure(smallJournal)
		load := w.startLoad(ctx, loadOptions{padding: 16 << 10})
		for round := 0; round < max(2, len(at)) || w.long(); round++ {
			p := at[round%len(at)]
			if err := w.crashOnce(ctx, p.name, p.least+w.random.IntN(p.most-p.least+1)); err != nil {
				return errors.Join(err, load.stop(ctx))
			}
		}
		return errors.Join(load.stop(ctx), w.sound(ctx))
	}
}

// sound finds that crashes left no damage in the journal: what they tore was
// repaired.
func (w *world) sound(ctx context.Context) error {
	if !w.running() {
		if err := w.start(ctx); err != nil {
			return err
		}
	}
	_, err := w.run(ctx, "journal", "verify")
	return err
}

// crashOnce starts the gateway and waits until it has crashed at the n-th
// passing of the point.
func (w *world) crashOnce(ctx context.Context, point string, n int) error {
	if err := w.launch(fmt.Sprintf("PROOF_CRASH=%s:%d", point, n)); err != nil {
		return err
	}
	if err := w.crashed(ctx); err != nil {
		return fmt.Errorf("at %s: %w", point, err)
	}
	w.struck()
	return nil
}

// crashInRepair leaves a torn tail, as a machine that lost power does, and
// crashes at each step of its repair, so that the repair is begun again.
func crashInRepair(ctx context.Context, w *world) error {
	w.configure(smallJournal)
	steps := []string{
		"torn.write.before", "torn.write.torn", "torn.write.after", "torn.sync.after",
		"journal.truncate.before", "journal.truncate.after", "journal.header.before", "journal.header.torn", "journal.header.after",
	}
	load := w.startLoad(ctx, loadOptions{})
	for round := 0; round < len(steps) || w.long(); round++ {
		if round%4 == 0 { // something to repair around
			if err := errors.Join(w.start(ctx), load.accepted(ctx, 30)); err != nil {
				return errors.Join(err, load.stop(ctx))
			}
			w.kill()
		}
		if err := errors.Join(w.tearTail(), w.crashOnce(ctx, steps[round%len(steps)], 1)); err != nil {
			return errors.Join(err, load.stop(ctx))
		}
	}
	return errors.Join(load.stop(ctx), w.sound(ctx))
}

// tearTail adds the beginning of a record to the last segment: nobody was told
// that it is kept. The gateway must not run.
func (w *world) tearTail() error {
	segments, err := w.segments()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(segments[len(segments)-1])
	if err != nil {
		return err
	}
	if len(text) < segmentHeader {
		return nil // a segment that was just begun has nothing behind its header
	}
	tail := make([]byte, 20+w.random.IntN(200))
	for i := range tail {
		tail[i] = byte(w.random.Uint32())
	}
	return os.WriteFile(segments[len(segments)-1], append(text, tail...), 0o600) //nolint:gosec // our own directory
}

// segments are the paths of the journal's segments, oldest first.
func (w *world) segments() ([]string, error) {
	entries, err := os.ReadDir(w.journalDir()) // sorted
	if err != nil {
		return nil, err
	}
	var found []string
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), ".seg") {
			found = append(found, filepath.Join(w.journalDir(), entry.Name()))
		}
	}
	if len(found) == 0 {
		return nil, errors.New("the journal has no segment")
	}
	return found, nil
}

// batchAgain crashes while batches are being inserted: the same batch comes
// again, into tables that have some of it.
func batchAgain(ctx context.Context, w *world) error {
	w.configure("drain: {flush_interval: 50ms}")
	load := w.startLoad(ctx, loadOptions{})
	for round := 0; round < 4 || w.long(); round++ {
		at := []string{"drain.insert.after", "drain.inserted", "drain.inserted", "drain.commit.before"}[round%4]
		if err := w.crashOnce(ctx, at, 1+w.random.IntN(8)); err != nil {
			return errors.Join(err, load.stop(ctx))
		}
	}
	return load.stop(ctx)
}

// backlogAgain has deliveries pile up while ClickHouse is away and then crashes
// at each step of writing them together, and once ClickHouse itself.
func backlogAgain(ctx context.Context, w *world) error {
	s, err := w.far(ctx)
	if err != nil {
		return err
	}
	if err := errors.Join(w.start(ctx), w.deliver(ctx, w.plain(0)), w.counted(ctx)); err != nil {
		return err
	}
	for round := 0; round == 0 || w.long(); round++ {
		s.link.cut()
		load := w.startLoad(ctx, loadOptions{rate: -1, chains: 1500, padding: 4 << 10})
		select {
		case <-load.ended:
		case <-ctx.Done():
			return errors.Join(ctx.Err(), load.stop(ctx))
		}
		w.kill()
		if err := s.link.mend(); err != nil {
			return err
		}
		for _, at := range []point{
			{"drain.join.appended", 1, 3}, {"drain.insert.before", 1, 1}, {"drain.inserted.leads_log", 1, 1}, {"drain.inserted", 2, 5},
		} {
			if err := w.crashOnce(ctx, at.name, at.least+w.random.IntN(at.most-at.least+1)); err != nil {
				return err
			}
		}
		if err := w.start(ctx); err != nil {
			return err
		}
		s.kill()
		if err := w.counted(ctx); err != nil {
			return err
		}
	}
	return nil
}
