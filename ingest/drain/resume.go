package drain

import (
	"bytes"
	"context"
	"errors"

	"github.com/leadgate/leadgate/ingest"
)

// resume returns the batch that was in flight at the last stop, frozen as it
// was, or nil if there is none.
func (d *Drain) resume(stop, work context.Context) (*batch, error) {
	var m *manifest
	err := d.retry(stop, work, ManifestStage, 0, func(context.Context) (err error) {
		if m, err = d.manifest.load(); errors.Is(err, errManifest) {
			return d.setManifestAside(err.Error())
		}
		return err
	})
	if err != nil || m == nil {
		return nil, err
	}
	committed := d.opts.Log.Committed()
	if !committed.Less(m.to) { // the crash came between commit and removal
		return nil, d.retry(stop, work, ManifestStage, 0, func(context.Context) error { return d.manifest.remove() })
	}
	items, err := d.readAgain(stop, work, committed, m)
	if err != nil {
		return nil, err
	}
	b := &batch{items: items, started: d.opts.Now()}
	if len(items) == len(m.claims) {
		for i := range items {
			items[i].claims, items[i].was = m.claims[i], m.was[i]
			if len(items[i].events) != len(m.claims[i]) {
				items = nil
				break
			}
		}
		if items != nil {
			b.freeze()
		}
	}
	if !bytes.Equal(b.payload, m.payload) {
		return nil, d.retry(stop, work, ManifestStage, 0, func(context.Context) error {
			return d.setManifestAside("it does not describe what the journal holds")
		})
	}
	d.logger.Info("resuming the batch in flight", "batch", b.id, "deliveries", len(b.items))
	return b, nil
}

// setManifestAside gives the manifest up. The batch is formed anew, which is
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
			records, err = d.opts.Log.Read(stop, from, len(m.claims)-len(items), d.opts.MaxBytes)
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
