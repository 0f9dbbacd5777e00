package journal

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"syscall"
	"testing"
	"time"
)

// mediumError is a disk with an unreadable page.
type mediumError struct {
	text     []byte
	from, to int64
	err      error
}

func (m *mediumError) ReadAt(p []byte, off int64) (int, error) {
	if off < m.to && off+int64(len(p)) > m.from {
		return 0, m.err
	}
	return bytes.NewReader(m.text).ReadAt(p, off)
}

func TestScanner_UnreadablePage(t *testing.T) {
	t.Parallel()
	const k, records = key(7<<32 | 9), 400
	text := appendHeader(nil, header{number: 1, key: k})
	for i := range records {
		frame := appendFrame(nil, even(i))
		sealFrame(k, 1, int64(len(text)), time.Now(), frame, new([16]byte))
		text = append(text, frame...)
	}
	disk := &mediumError{text: text, from: 8192, to: 8193, err: syscall.EIO}
	scan := &scanner{file: disk, segment: 1, key: k, offset: headerSize, limit: int64(len(text)), chunk: readChunk}
	var got []int
	faults := 0
	for {
		f, err := scan.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if isCorrupt(err) {
			if faults++; !errors.Is(err, syscall.EIO) {
				t.Errorf("the cause is not told: %v", err)
			}
			if _, err := scan.resync(); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, numberOf(f.data))
	}
	var want []int
	for i := range records {
		if evenAt(i+1) <= 8192 || evenAt(i) >= 8192+4096 {
			want = append(want, i)
		}
	}
	if !slices.Equal(got, want) || faults != 1 {
		t.Errorf("read %v with %d faults\nwant %v", got, faults, want)
	}
	// An error that may pass is no damage.
	disk.err = syscall.EINTR
	scan = &scanner{file: disk, segment: 1, key: k, offset: headerSize, limit: int64(len(text)), chunk: readChunk}
	if _, err := scan.next(); isCorrupt(err) || !errors.Is(err, syscall.EINTR) {
		t.Errorf("a passing error: %v", err)
	}
}
