package dedupe

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"time"
)

// Flags of an event's entry. The first two are kept, and say what became of it;
// a claim asks with all but the second.
const (
	flagWindow  = 1 << iota // has asked, or asks, for its person's window
	flagUpdate              // the last decision was an update
	flagMutable             // other content of it is an update
	flagLink                // may link identifiers that are unknown to its contact
)

// entry is what is kept of an event: a byte of flags, then in this order,
// each after its length in a byte and without what is empty at the end, the
// fields.
type entry struct {
	flags       byte
	first       time.Time // of receipt, 7 bytes
	owner       string    // the delivery
	contact     string
	duplicateOf string
	version     uint64 // left out if it is first
	fingerprint []byte
}

func (e *entry) appendTo(b []byte) []byte {
	first := uint64(max(0, e.first.UnixMicro()))
	b = append(b, e.flags)
	b = counted(appendTime(append(b, 0), first), len(b))
	b = counted(appendDelivery(append(b, 0), e.owner), len(b))
	filled := len(b)
	for field := range 4 {
		at := len(b)
		b = append(b, 0)
		switch {
		case field == 0:
			b = appendID(b, e.contact)
		case field == 1:
			b = appendID(b, e.duplicateOf)
		case field == 2 && e.version != first:
			b = appendTime(b, e.version)
		case field == 3:
			b = append(b, e.fingerprint...)
		}
		if b = counted(b, at); b[at] > 0 {
			filled = len(b)
		}
	}
	return b[:filled]
}

// contactEntry is what is kept of a contact that is not known yet: when its
// identifier was first met, which other contact it is linked to, and the lead
// that opened its window then. Like entry's fields.
type contactEntry struct {
	since  time.Time
	of     string
	opener string
}

func (c *contactEntry) appendTo(b []byte) []byte {
	at := len(b)
	b = counted(appendTime(append(b, 0), uint64(max(0, c.since.UnixMicro()))), at)
	if c.of == "" && c.opener == "" {
		return b
	}
	at = len(b)
	if b = counted(appendID(append(b, 0), c.of), at); c.opener == "" {
		return b
	}
	at = len(b)
	return counted(appendID(append(b, 0), c.opener), at)
}

// counted sets the byte at to the length of what follows it.
func counted(b []byte, at int) []byte {
	b[at] = byte(len(b) - at - 1)
	return b
}

// cutText splits the first text off, and says whether there was one or nothing.
func cutText(from string) (text, rest string, ok bool) {
	if from == "" {
		return "", "", true
	}
	end := 1 + int(from[0])
	if end > len(from) {
		return "", "", false
	}
	return from[1:end], from[end:], true
}

// appendTime appends 7 bytes, good for two thousand years of microseconds, or 8
// of what is no such time.
func appendTime(b []byte, micros uint64) []byte {
	if high := byte(micros >> 56); high != 0 {
		b = append(b, high)
	}
	for shift := 48; shift >= 0; shift -= 8 {
		b = append(b, byte(micros>>shift))
	}
	return b
}

func unpackTime(packed string) time.Time {
	var micros int64
	for i := range len(packed) {
		micros = micros<<8 | int64(packed[i])
	}
	return time.UnixMicro(micros).UTC()
}

// idSize is what the ids that this program makes take. Those of any other form
// are kept as they are, longer than that.
const idSize = 16

// appendID appends the bytes of 32 hex digits.
func appendID(b []byte, id string) []byte {
	if len(id) != 2*idSize {
		return appendOther(b, id)
	}
	var packed [idSize]byte
	for i := range packed {
		high, low := hexDigit(id[2*i]), hexDigit(id[2*i+1])
		if high|low > 15 {
			return appendOther(b, id)
		}
		packed[i] = high<<4 | low
	}
	return append(b, packed[:]...)
}

// hexDigit returns what a digit is worth, more than 15 for what is none.
func hexDigit(c byte) byte {
	switch {
	case c-'0' < 10:
		return c - '0'
	case c-'a' < 6:
		return c - 'a' + 10
	default:
		return 255
	}
}

func unpackID(packed string) string {
	if len(packed) == idSize {
		return hex.EncodeToString([]byte(packed))
	}
	return strings.TrimRight(packed, "\x00")
}

// crockford is the alphabet of ULIDs.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// appendDelivery appends the bytes of a ULID: they have its order.
func appendDelivery(b []byte, id string) []byte {
	if len(id) != 26 || id[0] > '7' {
		return appendOther(b, id)
	}
	var high, low uint64
	for i := range len(id) {
		digit := strings.IndexByte(crockford, id[i])
		if digit < 0 {
			return appendOther(b, id)
		}
		high, low = high<<5|low>>59, low<<5|uint64(digit)
	}
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, high), low)
}

// appendOther appends a text so that it is longer than what is packed, and short
// enough for the byte that tells its length.
func appendOther(b []byte, text string) []byte {
	if text == "" {
		return b
	}
	b = append(b, text[:min(len(text), 255)]...)
	for n := len(text); n <= idSize; n++ {
		b = append(b, 0)
	}
	return b
}
