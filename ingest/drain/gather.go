package drain

import (
	"context"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// chunk is what one read gave, decoded.
type chunk struct {
	items []item
	at    time.Time // of the read
}

// A chunk is small against a batch, so that what is read ahead is too: decoded,
// a delivery takes ten times the memory of its record.
const (
	chunkRecords = 1000
	chunkBytes   = 512 << 10
	chunksAhead  = 4
)

// read reads and decodes ahead of the batch in flight, by some chunks, and hands
// over in order. It returns when ctx ends or the journal is closed.
func (d *Drain) read(ctx context.Context, from ingest.Position, out chan<- chunk) error {
	for {
		var records []ingest.Record
		err := d.retry(ctx, ctx, JournalStage, 0, func(ctx context.Context) (err error) {
			records, err = d.opts.Log.Read(ctx, from, min(d.opts.MaxRows, chunkRecords), min(d.opts.MaxBytes, chunkBytes))
			return err
		})
		if err != nil {
			return err
		}
		next := chunk{at: d.opts.Now()}
		next.items = d.decode(records)
		from = records[len(records)-1].Next
		select {
		case out <- next:
		case <-ctx.Done():
			return errStopped
		}
	}
}

// gather returns the next batch and what is left for the one after. It begins
// with rest, waits until there is something, then for FlushInterval more unless
// the batch is full sooner. What has waited that long already, behind a batch
// in flight, waits a tenth of it, so that a slow store gets large batches.
func (d *Drain) gather(ctx context.Context, chunks <-chan chunk, failed <-chan error, rest []item) (*batch, []item, error) {
	items, since := rest, d.opts.Now().Add(-d.opts.FlushInterval)
	if len(items) == 0 {
		select {
		case c := <-chunks:
			items, since = c.items, c.at
		case err := <-failed:
			return nil, nil, err
		case <-ctx.Done():
			return nil, nil, errStopped
		}
	}
	n, full := d.fit(items)
	wait := d.opts.FlushInterval - d.opts.Now().Sub(since)
	wait = min(max(wait, d.opts.FlushInterval/10), d.opts.FlushInterval) // a clock may jump, either way
	linger := time.NewTimer(wait)
	defer linger.Stop()
	for !full {
		select {
		case c := <-chunks:
			items = append(items, c.items...)
			n, full = d.fit(items)
			continue
		case <-linger.C:
		case err := <-failed:
			return nil, nil, err
		case <-ctx.Done():
			return nil, nil, errStopped
		}
		break
	}
	return &batch{items: items[:n:n]}, items[n:], nil
}

// fit returns how many of the items make a batch, at least one, and whether it
// has no room for more.
func (d *Drain) fit(items []item) (n int, full bool) {
	rows, size := 0, int64(0)
	for i := range items {
		rows += items[i].rows()
		size += int64(items[i].size)
		if i > 0 && (rows > d.opts.MaxRows || size > d.opts.MaxBytes) {
			return i, true
		}
	}
	return len(items), rows >= d.opts.MaxRows || size >= d.opts.MaxBytes
}
