package drain

import (
	"context"
	"slices"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// chunk is what one read gave, decoded.
type chunk struct {
	items []item
	at    time.Time // of the read
	more  bool      // there was more to read
}

// A chunk is small against a batch, so that what is read ahead is too: decoded,
// a delivery takes five times the memory of its record.
const (
	chunkRecords = 1000
	chunkBytes   = 128 << 10
	chunksAhead  = 4
)

// read reads and decodes ahead of the batch in flight, by some chunks, and hands
// over in order. It returns when ctx ends or the journal is closed.
func (d *Drain) read(ctx context.Context, from ingest.Position, out chan<- chunk) error {
	maxRecords, maxBytes := min(d.opts.MaxRows, chunkRecords), min(d.opts.BatchBytes, chunkBytes)
	for {
		var records []ingest.Record
		err := d.retry(ctx, ctx, JournalStage, 0, func(ctx context.Context) (err error) {
			records, err = d.opts.Log.Read(ctx, from, maxRecords, maxBytes)
			return err
		})
		if err != nil {
			return err
		}
		last := records[len(records)-1]
		next := chunk{at: d.opts.Now(), items: d.decode(records)}
		next.more = len(records) == maxRecords || sizeOf(next.items)+int64(len(last.Data)) > maxBytes
		from = last.Next
		select {
		case out <- next:
		case <-ctx.Done():
			return errStopped
		}
	}
}

// prepare gathers and claims one batch after another, and hands them over
// frozen. It returns when ctx ends.
func (d *Drain) prepare(ctx context.Context, chunks <-chan chunk, ready chan<- *batch) error {
	var rest chunk
	before := prepared(nil, false, false, d.opts.Now()) // nothing is unwritten
	close(before.taken)
	close(before.settled)
	for {
		b, left, err := d.gather(ctx, chunks, rest, before)
		if err != nil {
			return err
		}
		rest = left
		d.note(func(*Stat) { d.preparing = b.underWay() })
		if err := d.claim(ctx, b, before); err != nil {
			return err
		}
		b.freeze()
		select {
		case ready <- b:
		case <-ctx.Done():
			return errStopped
		}
		d.note(func(*Stat) { d.preparing = underWay{} })
		before = b
	}
}

// gather returns the next batch and what is left for the one after. It begins
// with rest, waits until there is something, then for FlushInterval more, and
// until the batch before is with the store, unless the batch is full sooner: so a
// slow store gets large batches. What has waited that long already waits a tenth
// of it.
func (d *Drain) gather(ctx context.Context, chunks <-chan chunk, rest chunk, before *batch) (*batch, chunk, error) {
	last := rest
	if len(last.items) == 0 {
		select {
		case last = <-chunks:
		case <-ctx.Done():
			return nil, chunk{}, errStopped
		}
	}
	items, since := last.items, last.at
	n, full := d.fit(items)
	wait := d.opts.FlushInterval - d.opts.Now().Sub(since)
	wait = min(max(wait, d.opts.FlushInterval/10), d.opts.FlushInterval) // a clock may jump, either way
	linger := time.NewTimer(wait)
	defer linger.Stop()
	var written <-chan struct{} // is waited for once the time is over
	for !full {
		select {
		case last = <-chunks:
			items = append(items, last.items...)
			n, full = d.fit(items)
			continue
		case <-linger.C:
			written = before.taken
			continue
		case <-written:
		case <-ctx.Done():
			return nil, chunk{}, errStopped
		}
		break
	}
	// The rest must not keep the batch's memory.
	rest = chunk{items: slices.Clone(items[n:]), at: last.at, more: last.more}
	return prepared(items[:n:n], full, last.more, d.opts.Now()), rest, nil
}

// room returns how many bytes a batch may have: little while something is tried
// again, for then what is prepared waits.
func (d *Drain) room() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.failing) > 0 {
		return d.opts.BatchBytes / 4
	}
	return d.opts.BatchBytes
}

// fit returns how many of the items make a batch, at least one, and whether it
// has no room for more.
func (d *Drain) fit(items []item) (n int, full bool) {
	rows, size, room := 0, int64(0), d.room()
	for i := range items {
		rows += items[i].rows()
		size += int64(items[i].size)
		if i > 0 && (rows > d.opts.MaxRows || size > room) {
			return i, true
		}
	}
	return len(items), rows >= d.opts.MaxRows || size >= room
}
