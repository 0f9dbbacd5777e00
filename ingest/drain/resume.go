package drain

import (
	"bytes"
	"context"
	"errors"

	"github.com/leadgate/leadgate/ingest"
)

// resume writes the batches that were in flight at the last stop, or that failed
// when they were written together, one by one and frozen as they were.
func (d *Drain) resume(stop, work context.Context) error {
	var all []*manifest
	err := d.retry(stop, work, ManifestStage, 0, func(context.Context) (err error) {
		if all, err = d.manifest.load(); errors.Is(err, errManifest) {
			return d.setManifestAside(err.Error())
		}
		return err
	})
	if err != nil || len(all) == 0 {
		return err
	}
	for i, m := range all {
		committed := d.opts.Log.Committed()
		if !committed.Less(m.to) { // it ended after that
			continue
		}
		b, err := d.restore(stop, work, committed, m)
		if err != nil {
			return err
		}
		if b == nil {
			return d.retry(stop, work, ManifestStage, 0, func(context.Context) error {
				return d.setManifestAside("it does not describe what the journal holds")
			})
		}
		d.logger.Info("resuming a batch in flight", "batch", b.id, "deliveries", len(b.items), "left", len(all)-1-i)
		if err := d.finish(stop, work, b); err != nil {
			return err
		}
	}
	return d.retry(stop, work, ManifestStage, 0, func(context.Context) error { return d.manifest.remove() })
}

// restore makes of a manifest the batch that it was made of, or nil if the journal
// holds another.
func (d *Drain) restore(stop, work context.Context, from ingest.Position, m *manifest) (*batch, error) {
	items, err := d.readAgain(stop, work, from, m)
	if err != nil || len(items) != len(m.claims) {
		return nil, err
	}
	b := &batch{items: items, started: d.opts.Now()}
	for i := range items {
		if len(items[i].events) != len(m.claims[i]) {
			return nil, nil
		}
		items[i].claims, items[i].was = m.claims[i], m.was[i]
	}
	b.freeze()
	if !bytes.Equal(b.payload, m.payload) {
		return nil, nil
	}
	return b, nil
}

// setManifestAside gives the manifest up. What it told of is formed anew, which is
// safe: see the package's comment.
func (d *Drain) setManifestAside(reason string) error {
	name, err := d.manifest.setAside(d.opts.Now())
	if err != nil {
		return err
	}
	d.note(func(s *Stat) { s.Aside++ })
	d.logger.Error("the manifest of the batch in flight is set aside; the batch is formed anew, nothing is lost "+
		"or counted twice", "file", name, "dir", d.opts.Dir, "err", reason)
	return nil
}

// readAgain reads and decodes the manifest's records. It stops early where the
// journal holds others.
func (d *Drain) readAgain(stop, work context.Context, from ingest.Position, m *manifest) ([]item, error) {
	items := make([]item, 0, len(m.claims))
	for len(items) < len(m.claims) {
		var records []ingest.Record
		err := d.retry(stop, work, JournalStage, 0, func(context.Context) (err error) {
			records, err = d.opts.Log.Read(stop, from, len(m.claims)-len(items), d.opts.BatchBytes)
			return err
		})
		if err != nil {
			return nil, err
		}
		items = append(items, d.decode(records)...)
		from = records[len(records)-1].Next
		if items[0].at != m.from || m.to.Less(from) {
			return nil, nil
		}
	}
	return items, nil
}
