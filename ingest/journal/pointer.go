package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/leadgate/leadgate/ingest"
)

const (
	pointerName = "commit"
	pointerSlot = 4096 // bytes between the two slots: they share no disk block
	slotSize    = 40
)

var (
	pointerMagic = [4]byte{'L', 'G', 'C', formatVersion}
	errPointer   = errors.New("no slot of the commit pointer is whole")
)

// mark is what the commit pointer says.
type mark struct {
	sequence uint64
	position ingest.Position
	key      key
}

// pointer is the commit pointer's file. Its two slots are written in turn and
// in place, so a write that is cut short leaves the other one standing, and a
// full disk cannot stop a commit. Not safe for concurrent use.
type pointer struct {
	file File
	mark mark
}

func appendSlot(buf []byte, m mark) []byte {
	start := len(buf)
	buf = append(buf, pointerMagic[:]...)
	buf = append(buf, 0, 0, 0, 0)
	buf = binary.BigEndian.AppendUint64(buf, m.sequence)
	buf = binary.BigEndian.AppendUint64(buf, m.position.Segment)
	buf = binary.BigEndian.AppendUint64(buf, uint64(m.position.Offset))
	buf = binary.BigEndian.AppendUint64(buf, uint64(m.key))
	binary.BigEndian.PutUint32(buf[start+4:], blockSum(buf[start:]))
	return buf
}

func parseSlot(buf []byte) (mark, bool) {
	if len(buf) < slotSize || [4]byte(buf[:4]) != pointerMagic ||
		blockSum(buf[:slotSize]) != binary.BigEndian.Uint32(buf[4:]) {
		return mark{}, false
	}
	return mark{
		sequence: binary.BigEndian.Uint64(buf[8:]),
		position: ingest.Position{
			Segment: binary.BigEndian.Uint64(buf[16:]),
			Offset:  int64(binary.BigEndian.Uint64(buf[24:])),
		},
		key: key(binary.BigEndian.Uint64(buf[32:])),
	}, true
}

// readPointer reads the newer whole slot. Errors: fs.ErrNotExist, errPointer.
func readPointer(dir string) (mark, error) {
	text, err := os.ReadFile(filepath.Join(dir, pointerName))
	if err != nil {
		return mark{}, err
	}
	var newest mark
	found := false
	for slot := 0; slot < 2 && len(text) >= slot*pointerSlot; slot++ {
		if m, ok := parseSlot(text[slot*pointerSlot:]); ok && (!found || m.sequence > newest.sequence) {
			newest, found = m, true
		}
	}
	if !found {
		return mark{}, errPointer
	}
	return newest, nil
}

// createPointer makes the file anew, both slots filled, with a rename so that
// no crash leaves half of it.
func createPointer(opts *Options, m mark) error {
	path := filepath.Join(opts.Dir, pointerName)
	file, err := opts.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, fileMode)
	if err != nil {
		return err
	}
	m.sequence = 1
	text := make([]byte, 2*pointerSlot)
	for slot := range 2 {
		copy(text[slot*pointerSlot:], appendSlot(nil, m))
	}
	err = writeAll(file, text, 0)
	if err == nil {
		err = file.Sync()
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err == nil {
		err = syncDir(opts.Dir)
	}
	if err != nil {
		return fmt.Errorf("create commit pointer: %w", err)
	}
	return nil
}

// openPointer opens the file for writing; its content is in m, or is made of m
// if there is none that can be read.
func openPointer(opts *Options, m mark, readErr error) (*pointer, error) {
	path := filepath.Join(opts.Dir, pointerName)
	if errors.Is(readErr, errPointer) {
		if err := os.Rename(path, path+".damaged"); err != nil {
			return nil, fmt.Errorf("put the damaged commit pointer aside: %w", err)
		}
		readErr = fs.ErrNotExist
	}
	if errors.Is(readErr, fs.ErrNotExist) {
		if err := createPointer(opts, m); err != nil {
			return nil, err
		}
		m.sequence = 1
	}
	file, err := opts.OpenFile(path, os.O_WRONLY, fileMode)
	if err != nil {
		return nil, err
	}
	return &pointer{file: file, mark: m}, nil
}

// set moves the pointer durably. After an error the old one stands, or the new
// one: both are true, and the next set writes the same slot again.
func (p *pointer) set(position ingest.Position) error {
	next := mark{sequence: p.mark.sequence + 1, position: position, key: p.mark.key}
	at := int64(next.sequence%2) * pointerSlot
	if err := writeAll(p.file, appendSlot(nil, next), at); err != nil {
		return fmt.Errorf("write commit pointer: %w", err)
	}
	if err := p.file.Sync(); err != nil {
		return fmt.Errorf("sync commit pointer: %w", err)
	}
	p.mark = next
	return nil
}
