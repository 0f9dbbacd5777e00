package drain

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// The manifest file: the magic, the payloads of one batch or of several that were
// to be written together, each behind its length (a uvarint), and the SHA-256 of
// all that.
//
// A payload holds uvarints and texts (a length as a uvarint, then the bytes):
// segment and offset of the first record and of the position behind the last;
// the number of records; for each its delivery's id, verdict after decoding,
// verdict before a replay and number of events; for each event its id, decision, first receipt
// (microseconds since 1970, a varint), contact and duplicate_of.
const (
	manifestMagic = "leadgate batch 3\n"
	manifestName  = "batch.manifest"
)

var errManifest = errors.New("damaged manifest")

// manifest is what a crash must not lose about a batch in flight.
type manifest struct {
	payload  []byte
	from, to ingest.Position
	// claims are those of each record's events.
	claims [][]ingest.Claim
	was    []ingest.Verdict
}

func encodeManifest(items []item) []byte {
	size := 64
	for i := range items {
		size += 48 + 128*len(items[i].events)
	}
	buf := make([]byte, 0, size)
	text := func(s string) { buf = append(binary.AppendUvarint(buf, uint64(len(s))), s...) }
	for _, p := range [...]ingest.Position{items[0].at, items[len(items)-1].next} {
		buf = binary.AppendUvarint(buf, p.Segment)
		buf = binary.AppendUvarint(buf, uint64(p.Offset))
	}
	buf = binary.AppendUvarint(buf, uint64(len(items)))
	for i := range items {
		it := &items[i]
		id := ""
		if it.delivery != nil {
			id = it.delivery.ID
		}
		text(id)
		text(string(it.verdict))
		text(string(it.was))
		buf = binary.AppendUvarint(buf, uint64(len(it.events)))
		for n := range it.events {
			c := &it.claims[n]
			text(it.events[n].ID)
			text(string(c.Decision))
			buf = binary.AppendVarint(buf, c.FirstReceived.UnixMicro())
			text(c.ContactID)
			text(c.DuplicateOf)
		}
	}
	return buf
}

// parseManifests reads a manifest file.
func parseManifests(file []byte) ([]*manifest, error) {
	body, ok := bytes.CutPrefix(file, []byte(manifestMagic))
	if !ok || len(body) < sha256.Size {
		return nil, errManifest
	}
	payloads := body[:len(body)-sha256.Size]
	if sha256.Sum256(payloads) != [sha256.Size]byte(body[len(payloads):]) {
		return nil, errManifest
	}
	var all []*manifest
	for r := (manifestReader{rest: payloads}); len(r.rest) > 0; {
		n := r.count()
		m, err := parseManifest(r.rest[:n])
		if err != nil || r.failed {
			return nil, errManifest
		}
		all, r.rest = append(all, m), r.rest[n:]
	}
	if len(all) == 0 {
		return nil, errManifest
	}
	return all, nil
}

func parseManifest(payload []byte) (*manifest, error) {
	r := manifestReader{rest: payload}
	m := &manifest{payload: payload}
	for _, p := range [...]*ingest.Position{&m.from, &m.to} {
		p.Segment, p.Offset = r.uvarint(), int64(r.uvarint())
	}
	m.claims = make([][]ingest.Claim, r.count())
	m.was = make([]ingest.Verdict, len(m.claims))
	for i := range m.claims {
		r.text()
		r.text()
		m.was[i] = ingest.Verdict(r.text())
		m.claims[i] = make([]ingest.Claim, r.count())
		for n := range m.claims[i] {
			r.text()
			c := &m.claims[i][n]
			c.Decision = ingest.Decision(r.text())
			c.FirstReceived = time.UnixMicro(r.varint()).UTC()
			c.ContactID, c.DuplicateOf = r.text(), r.text()
		}
	}
	if r.failed || len(r.rest) > 0 || len(m.claims) == 0 {
		return nil, errManifest
	}
	return m, nil
}

type manifestReader struct {
	rest   []byte
	failed bool
}

func (r *manifestReader) uvarint() uint64 {
	n, size := binary.Uvarint(r.rest)
	return took(r, n, size)
}

func (r *manifestReader) varint() int64 {
	n, size := binary.Varint(r.rest)
	return took(r, n, size)
}

func took[T uint64 | int64](r *manifestReader, n T, size int) T {
	if size <= 0 {
		r.failed, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

// count reads a number of things that take at least a byte each.
func (r *manifestReader) count() int {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.failed, r.rest = true, nil
		return 0
	}
	return int(n)
}

func (r *manifestReader) text() string {
	n := r.count()
	part := string(r.rest[:n])
	r.rest = r.rest[n:]
	return part
}

// manifestFile is the place of the manifest.
type manifestFile struct{ dir string }

func (f manifestFile) path() string { return filepath.Join(f.dir, manifestName) }

// save makes these the manifest, durably.
func (f manifestFile) save(payloads ...[]byte) error {
	parts, sum := [][]byte{[]byte(manifestMagic)}, sha256.New()
	for _, payload := range payloads {
		length := binary.AppendUvarint(nil, uint64(len(payload)))
		parts = append(parts, length, payload)
		sum.Write(length)
		sum.Write(payload)
	}
	return writeFile(f.dir, manifestName, append(parts, sum.Sum(nil))...)
}

// load returns none if there is no manifest, and errManifest (wrapped) for one
// that is damaged.
func (f manifestFile) load() ([]*manifest, error) {
	file, err := os.ReadFile(f.path())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	return parseManifests(file)
}

// remove need not be durable: a manifest that comes back is known as committed
// by its position.
func (f manifestFile) remove() error {
	if err := os.Remove(f.path()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove manifest: %w", err)
	}
	return nil
}

// setAside renames the manifest out of the way and returns its new name.
func (f manifestFile) setAside(now time.Time) (string, error) {
	name := fmt.Sprintf("%s.%d.bad", manifestName, now.UnixMicro())
	if err := os.Rename(f.path(), filepath.Join(f.dir, name)); err != nil {
		return "", fmt.Errorf("set manifest aside: %w", err)
	}
	return name, syncDir(f.dir)
}

// writeFile replaces a file so that after any crash it is the old or the new.
func writeFile(dir, name string, parts ...[]byte) error {
	temporary := filepath.Join(dir, name+".tmp")
	file, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	for _, part := range parts {
		if err == nil {
			_, err = file.Write(part)
		}
	}
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(temporary, filepath.Join(dir, name))
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return nil
}
