package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// damageScenarios spoil what a stopped gateway has on disk. What was accepted
// and is now unreadable must be told, by segment and offset, and everything
// else counted.
var damageScenarios = []scenario{
	{"half a record at the journal's tail", journalDamaged(halfRecord)},
	{"journal's tail cut off", journalDamaged(cutTail)},
	{"bit flipped in the last record", journalDamaged(flipLast)},
	{"bits flipped in the middle", journalDamaged(flipMiddle)},
	{"a page of zeros in the middle", journalDamaged(zeroPage)},
	{"a missing segment", journalDamaged(removeSegment)},
	{"manifest damaged while an insert's outcome is unknown", manifestDamaged},
}

// damage spoils a journal, given its frames that are not committed, and
// returns those that are lost by it. Places are what must be told: a segment
// and an offset each.
type damage func(w *world, frames []frame) (lost []frame, places []place, err error)

type place struct {
	segment uint64
	offset  int64
}

// journalDamaged lays deliveries down in the journal while ClickHouse is away,
// kills the gateway, does the damage, and has the rest counted.
func journalDamaged(do damage) func(context.Context, *world) error {
	return func(ctx context.Context, w *world) error {
		w.configure("journal: {segment_bytes: 1MiB}")
		s, err := w.far(ctx)
		if err != nil {
			return err
		}
		for round := 0; round == 0 || w.long(); round++ {
			if err := w.damageOnce(ctx, s, do); err != nil {
				return err
			}
		}
		return nil
	}
}

func (w *world) damageOnce(ctx context.Context, s *store, do damage) error {
	if !w.running() {
		if err := w.start(ctx); err != nil {
			return err
		}
	}
	if err := errors.Join(w.deliver(ctx, w.plain(0)), w.counted(ctx)); err != nil {
		return err
	}
	s.link.cut()
	laid := map[string]*delivery{} // by what they hold
	for range 120 {
		d := w.plain(32 << 10)
		if err := w.deliver(ctx, d); err != nil {
			return err
		}
		laid[string(d.build().body)] = d
	}
	w.kill()
	frames, err := readFrames(w.journalDir())
	if err != nil {
		return err
	}
	var kept []frame
	for _, f := range frames {
		if laid[string(f.delivery.Body)] != nil {
			kept = append(kept, f)
		}
	}
	if len(kept) != len(laid) {
		return fmt.Errorf("the journal holds %d of %d deliveries before any damage", len(kept), len(laid))
	}
	lost, places, err := do(w, kept)
	if err != nil {
		return err
	}
	w.struck()
	for _, f := range lost {
		w.ledger.spoiled(laid[string(f.delivery.Body)], f.delivery.ID)
	}
	return errors.Join(w.verifyTells(ctx, places), s.link.mend(), w.startTells(ctx, places), w.counted(ctx))
}

// verifyTells sees that `journal verify` fails and names each place.
func (w *world) verifyTells(ctx context.Context, places []place) error {
	said, err := w.run(ctx, "journal", "verify")
	if err == nil {
		return fmt.Errorf("journal verify finds nothing wrong: %s", said)
	}
	for _, p := range places {
		if want := fmt.Sprintf("segment %d damaged at offset %d:", p.segment, p.offset); !strings.Contains(string(said), want) {
			return fmt.Errorf("journal verify does not say %q but %s", want, said)
		}
	}
	return nil
}

// startTells starts the gateway and sees that it names each place in its log,
// at the latest when it reads there.
func (w *world) startTells(ctx context.Context, places []place) error {
	from := len(w.said.String())
	if err := w.start(ctx); err != nil {
		return err
	}
	return await(ctx, fmt.Sprintf("logged: damage at %v", places), func() (bool, error) {
		log := w.said.String()[from:]
		for _, p := range places {
			read := fmt.Sprintf("segment %d damaged at offset %d:", p.segment, p.offset)
			torn := fmt.Sprintf("segment=%d offset=%d ", p.segment, p.offset)
			if !strings.Contains(log, read) && !strings.Contains(log, torn) {
				return false, nil
			}
		}
		return true, nil
	})
}

// spoiled takes back that d was accepted: what the disk lost by our own hand
// may be missing, and may not be there twice.
func (l *ledger) spoiled(d *delivery, receipt string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.receipts, receipt)
	l.accepted--
	for _, r := range d.rows {
		for i := range l.entries[rowKey{r.view, r.id}].states {
			l.entries[rowKey{r.view, r.id}].states[i].accepted = false
		}
	}
}

// change rewrites a segment.
func (w *world) change(segment uint64, how func(text []byte) []byte) error {
	path := segmentFile(w.journalDir(), segment)
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, how(text), 0o600)
}

func halfRecord(w *world, frames []frame) ([]frame, []place, error) {
	last := frames[len(frames)-1]
	return nil, []place{{last.segment, last.end}}, w.change(last.segment, func(text []byte) []byte {
		return append(text[:last.end:last.end], text[last.offset:last.offset+(last.end-last.offset)/2]...)
	})
}

func cutTail(w *world, frames []frame) ([]frame, []place, error) {
	last := frames[len(frames)-1]
	return []frame{last}, []place{{last.segment, last.offset}}, w.change(last.segment, func(text []byte) []byte {
		return text[:last.offset+1+w.random.Int64N(last.end-last.offset-1)]
	})
}

// flip turns one bit of a frame over, anywhere in it.
func (w *world) flip(f frame) error {
	return w.change(f.segment, func(text []byte) []byte {
		text[f.offset+w.random.Int64N(f.end-f.offset)] ^= 1 << w.random.IntN(8)
		return text
	})
}

func flipLast(w *world, frames []frame) ([]frame, []place, error) {
	last := frames[len(frames)-1]
	return []frame{last}, []place{{last.segment, last.offset}}, w.flip(last)
}

// flipMiddle damages records with whole ones between them.
func flipMiddle(w *world, frames []frame) (lost []frame, places []place, err error) {
	for n := 2 + w.random.IntN(5); n < len(frames)-1; n += 2 + w.random.IntN(30) {
		lost, places = append(lost, frames[n]), append(places, place{frames[n].segment, frames[n].offset})
		err = errors.Join(err, w.flip(frames[n]))
	}
	return lost, places, err
}

// zeroPage spoils all records that share a page of 4 KiB.
func zeroPage(w *world, frames []frame) (lost []frame, places []place, err error) {
	const page = 4 << 10
	victim := frames[len(frames)/2]
	from := victim.offset / page * page
	if from < segmentHeader {
		from += page
	}
	for _, f := range frames {
		if f.segment == victim.segment && f.offset < from+page && from < f.end {
			lost = append(lost, f)
		}
	}
	return lost, []place{{lost[0].segment, lost[0].offset}}, w.change(victim.segment, func(text []byte) []byte {
		clear(text[from:min(from+page, int64(len(text)))])
		return text
	})
}

// removeSegment removes a segment that has a later one.
func removeSegment(w *world, frames []frame) (lost []frame, places []place, err error) {
	first, last := frames[0].segment, frames[len(frames)-1].segment
	if last-first < 2 {
		return nil, nil, fmt.Errorf("the deliveries take %d segments; three are needed", last-first+1)
	}
	gone := first + 1 + w.random.Uint64N(last-first-1)
	for _, f := range frames {
		if f.segment == gone {
			lost = append(lost, f)
		}
	}
	return lost, []place{{gone, 0}}, os.Remove(segmentFile(w.journalDir(), gone))
}

// manifestDamaged has an insert done whose answer never comes, kills the
// gateway, and spoils the manifest of the batch. The batch is then formed anew,
// with other rows and another token, and yet counts once.
func manifestDamaged(ctx context.Context, w *world) (err error) {
	s, err := w.far(ctx)
	if err != nil {
		return err
	}
	if err := w.start(ctx); err != nil {
		return err
	}
	load := w.startLoad(ctx, loadOptions{})
	defer func() { err = errors.Join(err, load.stop(ctx)) }()
	path, told := filepath.Join(w.dataDir(), "drain", "batch.manifest"), 0
	for round := 0; round < 4 || w.long(); round++ {
		if err := errors.Join(load.accepted(ctx, 50), w.works(1)(ctx)); err != nil {
			return err
		}
		_, before := s.front.done()
		s.front.loseAnswers(w.random.IntN(7), 1, s.link.cut)
		if err := errors.Join(s.lost(before+1)(ctx), load.accepted(ctx, 30)); err != nil {
			return err
		}
		w.kill()
		w.struck()
		text, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("an insert is under way without a manifest: %w", err)
		}
		told++
		switch round % 4 {
		case 0:
			text = text[:w.random.IntN(len(text))]
		case 1:
			text[w.random.IntN(len(text))] ^= 1 << w.random.IntN(8)
		case 2:
			text = []byte(strings.Repeat("garbage", 100))
		case 3:
			text, told = nil, told-1
		}
		if err = os.Remove(path); text != nil {
			err = os.WriteFile(path, text, 0o600) //nolint:gosec // a directory of our own
		}
		if err := errors.Join(err, s.link.mend(), w.start(ctx)); err != nil {
			return err
		}
		if err := await(ctx, "logged: a manifest set aside", func() (bool, error) {
			return strings.Count(w.said.String(), "is set aside") >= told, nil
		}); err != nil {
			return err
		}
	}
	return nil
}
