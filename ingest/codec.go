package ingest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/textproto"
	"slices"
	"time"
)

// The layout of a delivery in the journal, version 1: the version byte; the
// time of receipt in microseconds since 1970 (8 bytes, big endian); then, each
// preceded by its length as a uvarint, ID, Source, RemoteAddr, Method, URL and
// Body; then the number of header lines and for each its key and value.
// Version 2 is that of replays: behind the time stands Replay as a uvarint,
// which is not zero. Version 3 is that of deliveries that rank ahead: behind
// the time stand Replay, which may be zero, and Ahead, which is not, in
// microseconds, as uvarints. All else is as in version 1.
const (
	deliveryVersion = 1
	replayVersion   = 2
	aheadVersion    = 3
)

// recordRoom is what a record takes at first, besides its URL and body.
const recordRoom = 1 << 10

var errDelivery = errors.New("not a delivery record")

// AppendDelivery appends d in the journal's form to buf.
func AppendDelivery(buf []byte, d *Delivery) []byte {
	// In order, so that the same delivery has the same bytes.
	lines, keys := 0, make([]string, 0, 32)
	for key, values := range d.Header {
		keys = append(keys, key)
		lines += len(values)
	}
	slices.Sort(keys)
	buf = slices.Grow(buf, recordRoom+len(d.URL)+len(d.Body))
	version := byte(deliveryVersion)
	switch {
	case d.Ahead > 0:
		version = aheadVersion
	case d.Replay > 0:
		version = replayVersion
	}
	buf = append(buf, version)
	buf = binary.BigEndian.AppendUint64(buf, uint64(d.ReceivedAt.UnixMicro()))
	if version != deliveryVersion {
		buf = binary.AppendUvarint(buf, uint64(d.Replay))
	}
	if version == aheadVersion {
		buf = binary.AppendUvarint(buf, uint64(d.Ahead.Microseconds()))
	}
	for _, s := range [...]string{d.ID, d.Source, d.RemoteAddr, d.Method, d.URL} {
		buf = appendText(buf, s)
	}
	buf = binary.AppendUvarint(buf, uint64(len(d.Body)))
	buf = append(buf, d.Body...)
	buf = binary.AppendUvarint(buf, uint64(lines))
	for _, key := range keys {
		for _, value := range d.Header[key] {
			buf = appendText(appendText(buf, key), value)
		}
	}
	return buf
}

func appendText(buf []byte, s string) []byte {
	return append(binary.AppendUvarint(buf, uint64(len(s))), s...)
}

// ParseDelivery reads what AppendDelivery wrote. The delivery shares no memory
// with record. It fails on anything but one whole delivery.
func ParseDelivery(record []byte) (*Delivery, error) {
	if len(record) < 9 || record[0] < deliveryVersion || record[0] > aheadVersion {
		return nil, errDelivery
	}
	r := recordReader[[]byte]{rest: record[9:]}
	d := &Delivery{ReceivedAt: time.UnixMicro(int64(binary.BigEndian.Uint64(record[1:]))).UTC()}
	if record[0] != deliveryVersion {
		replay := r.uvarint()
		if replay == 0 && record[0] == replayVersion || replay > math.MaxUint32 {
			return nil, fmt.Errorf("%w: replay number", errDelivery)
		}
		d.Replay = uint32(replay)
	}
	if record[0] == aheadVersion {
		ahead := r.uvarint()
		if ahead == 0 || ahead > math.MaxInt64/uint64(time.Microsecond) {
			return nil, fmt.Errorf("%w: rank", errDelivery)
		}
		d.Ahead = time.Duration(ahead) * time.Microsecond
	}
	// The texts before the body share one string, and so do those behind it.
	head := r.rest
	for range 5 {
		r.part()
	}
	before := recordReader[string]{rest: string(head[:len(head)-len(r.rest)])}
	for _, field := range [...]*string{&d.ID, &d.Source, &d.RemoteAddr, &d.Method, &d.URL} {
		*field = before.part()
	}
	d.Body = slices.Clone(r.part())
	behind := recordReader[string]{rest: string(r.rest)}
	lines := behind.uvarint()
	if lines > uint64(len(behind.rest))/2 { // a line has two lengths at least
		return nil, fmt.Errorf("%w: header count", errDelivery)
	}
	d.Header = behind.header(int(lines))
	if r.failed || before.failed || behind.failed || len(behind.rest) != 0 {
		return nil, errDelivery
	}
	return d, nil
}

// RankOf returns the rank of a delivery in the journal's form without reading
// the rest of it, 0 if it is none.
func RankOf(record []byte) uint64 {
	if len(record) < 9 || record[0] < deliveryVersion || record[0] > aheadVersion {
		return 0
	}
	rank := binary.BigEndian.Uint64(record[1:])
	if record[0] == aheadVersion {
		r := recordReader[[]byte]{rest: record[9:]}
		r.uvarint() // the replay
		rank += r.uvarint()
	}
	return rank
}

// recordReader reads from a record, or from a copy of a part of it.
type recordReader[T []byte | string] struct {
	rest   T
	failed bool
}

func (r *recordReader[T]) fail() {
	var none T
	r.rest, r.failed = none, true
}

func (r *recordReader[T]) uvarint() (n uint64) {
	for i := range min(len(r.rest), binary.MaxVarintLen64) {
		b := r.rest[i]
		if n |= uint64(b&0x7f) << (7 * i); b < 0x80 {
			if i == binary.MaxVarintLen64-1 && b > 1 {
				break // more than 64 bits
			}
			r.rest = r.rest[i+1:]
			return n
		}
	}
	r.fail()
	return 0
}

func (r *recordReader[T]) part() (part T) {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.fail()
		return part
	}
	part, r.rest = r.rest[:n], r.rest[n:]
	return part
}

// header reads so many lines, in the order of their keys. The values share one
// slice.
func (r *recordReader[T]) header(lines int) textproto.MIMEHeader {
	header := make(textproto.MIMEHeader, min(lines, 64))
	values := make([]string, 0, lines)
	last, from := "", 0
	for i := range lines {
		key, value := string(r.part()), string(r.part())
		switch {
		case i > 0 && key < last:
			r.fail()
		case i == 0 || key != last:
			last, from = key, i
		}
		values = append(values, value)
		header[key] = values[from : i+1 : i+1]
	}
	return header
}
