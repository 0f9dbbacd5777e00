package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The sizes of FORMAT.md.
const (
	formatVersion = 1
	headerSize    = 32 // of a segment
	frameSize     = 20 // before each record
)

const (
	segmentSuffix = ".seg"
	tornSuffix    = ".torn"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// What can be wrong with a place in a segment.
var (
	errMissing  = errors.New("segment file is missing")
	errHeader   = errors.New("segment header is damaged")
	errMarker   = errors.New("no record starts here")
	errLength   = errors.New("record runs past the end")
	errChecksum = errors.New("checksum does not match")
	errVersion  = errors.New("written by another version of the journal's format")
)

// CorruptError tells where a segment cannot be read. Offset is where the
// unreadable bytes begin; 0 is the segment's header or the segment as a whole.
type CorruptError struct {
	Segment uint64
	Offset  int64
	Err     error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("segment %d damaged at offset %d: %v", e.Segment, e.Offset, e.Err)
}

func (e *CorruptError) Unwrap() error { return e.Err }

// key is the random part of a journal's format: one per directory, kept in the
// commit pointer and in every segment header. Record markers and checksums
// derive from it, so bytes inside a record that somebody sent us can never
// pass for a record when a reader looks for the next one behind damage.
type key uint64

// newKey reads a key from random. Its marker is never zero: zeroed disk pages
// hold no records.
func newKey(random io.Reader) (key, error) {
	for {
		var b [8]byte
		if _, err := io.ReadFull(random, b[:]); err != nil {
			return 0, fmt.Errorf("read random bytes for the journal's key: %w", err)
		}
		if k := key(binary.BigEndian.Uint64(b[:])); k.marker() != 0 {
			return k, nil
		}
	}
}

func (k key) marker() uint32 { return uint32(k >> 32) }
func (k key) seed() uint32   { return uint32(k) }

// header is what stands at the start of a segment.
type header struct {
	number  uint64
	created time.Time
	key     key
}

var headerMagic = [4]byte{'L', 'G', 'J', formatVersion}

func appendHeader(buf []byte, h header) []byte {
	start := len(buf)
	buf = append(buf, headerMagic[:]...)
	buf = append(buf, 0, 0, 0, 0)
	buf = binary.BigEndian.AppendUint64(buf, h.number)
	buf = binary.BigEndian.AppendUint64(buf, uint64(h.created.UnixMicro()))
	buf = binary.BigEndian.AppendUint64(buf, uint64(h.key))
	binary.BigEndian.PutUint32(buf[start+4:], blockSum(buf[start:]))
	return buf
}

// parseHeader fails with errHeader, or with errVersion for a whole header of
// another version.
func parseHeader(buf []byte) (header, error) {
	if len(buf) < headerSize || string(buf[:3]) != string(headerMagic[:3]) ||
		blockSum(buf[:headerSize]) != binary.BigEndian.Uint32(buf[4:]) {
		return header{}, errHeader
	}
	if buf[3] != formatVersion {
		return header{}, fmt.Errorf("%w: %d, this program knows %d", errVersion, buf[3], formatVersion)
	}
	return header{
		number:  binary.BigEndian.Uint64(buf[8:]),
		created: time.UnixMicro(int64(binary.BigEndian.Uint64(buf[16:]))).UTC(),
		key:     key(binary.BigEndian.Uint64(buf[24:])),
	}, nil
}

// blockSum is the checksum of a header or commit slot: of all its bytes but
// those four, at offset 4, that hold it.
func blockSum(block []byte) uint32 {
	return crc32.Update(crc32.Checksum(block[:4], castagnoli), castagnoli, block[8:])
}

// frameSum is the checksum of a record: of where it stands, how long it is,
// when it was written and what it holds. place is scratch space.
func frameSum(k key, segment uint64, offset int64, frame []byte, place *[16]byte) uint32 {
	binary.BigEndian.PutUint64(place[:8], segment)
	binary.BigEndian.PutUint64(place[8:], uint64(offset))
	return crc32.Update(crc32.Update(k.seed(), castagnoli, place[:]), castagnoli, frame[8:])
}

// appendFrame appends a record's frame with only its length set; seal fills in
// the rest once it is known where and when the record is written.
func appendFrame(buf, record []byte) []byte {
	buf = append(buf, 0, 0, 0, 0, 0, 0, 0, 0)
	buf = binary.BigEndian.AppendUint32(buf, uint32(len(record)))
	buf = append(buf, 0, 0, 0, 0, 0, 0, 0, 0)
	return append(buf, record...)
}

// frameLen is the whole length of the frame that starts in buf.
func frameLen(buf []byte) int64 {
	return frameSize + int64(binary.BigEndian.Uint32(buf[8:]))
}

// sealFrame completes one frame for its place.
func sealFrame(k key, segment uint64, offset int64, at time.Time, frame []byte, place *[16]byte) {
	binary.BigEndian.PutUint32(frame, k.marker())
	binary.BigEndian.PutUint64(frame[12:], uint64(at.UnixMicro()))
	binary.BigEndian.PutUint32(frame[4:], frameSum(k, segment, offset, frame, place))
}

func segmentPath(dir string, number uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%020d%s", number, segmentSuffix))
}

func tornPath(dir string, number uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%020d%s", number, tornSuffix))
}

// parseName reads a segment's number from the name of a file with the given
// suffix. Other files are none of ours.
func parseName(name, suffix string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	if !ok || len(digits) != 20 {
		return 0, false
	}
	number, err := strconv.ParseUint(digits, 10, 64)
	return number, err == nil && number > 0
}
