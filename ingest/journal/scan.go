package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"syscall"
	"time"
)

// frame is one record as it stands in a segment. data belongs to the scanner's
// buffer, which is never written again unless the scanner recycles it.
type frame struct {
	offset, end int64
	at          time.Time
	data        []byte
}

// scanner reads the frames of one segment between an offset and a limit.
type scanner struct {
	file    io.ReaderAt
	segment uint64
	key     key
	offset  int64 // of the next frame
	limit   int64 // no frame ends behind it
	chunk   int64 // bytes to read at a time
	recycle bool  // frames are forgotten before the next one is read

	buf   []byte // the file's bytes from base on
	base  int64
	fault error // a media error inside buf
	place [16]byte
}

// next returns the next frame: io.EOF at the limit, *CorruptError where no
// whole frame stands (the scanner then stays where it is; see resync), or
// another error of the file.
func (s *scanner) next() (frame, error) {
	left := s.limit - s.offset
	if left <= 0 {
		return frame{}, io.EOF
	}
	if left < frameSize {
		return frame{}, s.corrupt(errLength)
	}
	head, err := s.bytes(s.offset, frameSize)
	if err != nil {
		return frame{}, err
	}
	if m := s.key.marker(); m == 0 || binary.BigEndian.Uint32(head) != m {
		return frame{}, s.corrupt(errMarker)
	}
	size := frameLen(head)
	if size > left {
		return frame{}, s.corrupt(errLength)
	}
	whole, err := s.bytes(s.offset, size)
	if err != nil {
		return frame{}, err
	}
	if frameSum(s.key, s.segment, s.offset, whole, &s.place) != binary.BigEndian.Uint32(whole[4:]) {
		return frame{}, s.corrupt(errChecksum)
	}
	f := frame{
		offset: s.offset,
		end:    s.offset + size,
		at:     time.UnixMicro(int64(binary.BigEndian.Uint64(whole[12:]))).UTC(),
		data:   whole[frameSize:size:size],
	}
	s.offset = f.end
	return f, nil
}

// resync moves on from damage to the next whole frame, or to the limit if
// there is none; found says which. It always moves on.
func (s *scanner) resync() (found bool, err error) {
	if s.key.marker() == 0 { // the key is lost, and the records with it
		s.offset = s.limit
		return false, nil
	}
	var marker [4]byte
	binary.BigEndian.PutUint32(marker[:], s.key.marker())
	window := make([]byte, min(256<<10, max(s.limit-s.offset, 0)))
	for from := s.offset + 1; from <= s.limit-frameSize; {
		w := window[:min(int64(len(window)), s.limit-from)]
		if _, err := readPatched(s.file, w, from); err != nil {
			return false, err
		}
		for at := 0; ; at++ {
			i := bytes.Index(w[at:], marker[:])
			if i < 0 {
				break
			}
			at += i
			s.offset = from + int64(at)
			if _, err := s.next(); err == nil {
				s.offset = from + int64(at)
				return true, nil
			} else if !isCorrupt(err) && !errors.Is(err, io.EOF) {
				return false, err
			}
		}
		from += int64(len(w)) - int64(len(marker)) + 1
	}
	s.offset = s.limit
	return false, nil
}

// bytes returns n bytes of the file from offset on. The caller has made sure
// that they stand before the limit.
func (s *scanner) bytes(offset, n int64) ([]byte, error) {
	if offset < s.base || offset+n > s.base+int64(len(s.buf)) {
		if err := s.fill(offset, n); err != nil {
			return nil, err
		}
	}
	return s.buf[offset-s.base:][:n], nil
}

func (s *scanner) fill(offset, n int64) error {
	size := min(max(n, s.chunk), s.limit-offset)
	if s.recycle && int64(cap(s.buf)) >= size {
		s.buf = s.buf[:size]
	} else {
		s.buf = make([]byte, size)
	}
	s.base = offset
	var err error
	if s.fault, err = readPatched(s.file, s.buf, offset); err != nil {
		s.buf = nil
		return err
	}
	return nil
}

func (s *scanner) corrupt(err error) error {
	if s.fault != nil {
		err = errors.Join(err, s.fault)
	}
	return &CorruptError{Segment: s.segment, Offset: s.offset, Err: err}
}

func isCorrupt(err error) bool {
	var corrupt *CorruptError
	return errors.As(err, &corrupt)
}

// readPatched fills buf from offset on. Pages that the medium cannot read, and
// what stands behind the end of a file that was cut, read as zeros, which no
// checksum accepts; fault says that there were some. Other errors, which may
// pass, are returned as err.
func readPatched(file io.ReaderAt, buf []byte, offset int64) (fault, err error) {
	n, err := file.ReadAt(buf, offset)
	if err == nil || n == len(buf) {
		return nil, nil
	}
	if errors.Is(err, io.EOF) {
		clear(buf[n:])
		return io.ErrUnexpectedEOF, nil
	}
	if !errors.Is(err, syscall.EIO) {
		return nil, err
	}
	const page = 4096
	fault = err
	for at := 0; at < len(buf); {
		// Up to the next page boundary of the file.
		step := min(page-int((offset+int64(at))%page), len(buf)-at)
		part := buf[at : at+step]
		n, err := file.ReadAt(part, offset+int64(at))
		if n < len(part) {
			if !errors.Is(err, io.EOF) && !errors.Is(err, syscall.EIO) {
				return nil, err
			}
			clear(part[n:])
		}
		at += step
	}
	return fault, nil
}
