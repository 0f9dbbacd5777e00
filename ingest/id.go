package ingest

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
	"slices"
	"sync"
	"time"
)

// EventID derives the id of an event: 32 hex digits, equal for equal input.
func EventID(workspace, source string, kind Kind, key string) string {
	return Digest("event", workspace, source, string(kind), key)
}

// Digest returns 32 hex digits of a SHA-256 over the parts. Parts cannot run
// into each other: each is preceded by its length.
func Digest(parts ...string) string {
	size := 0
	for _, part := range parts {
		size += 8 + len(part)
	}
	var space [512]byte
	text := slices.Grow(space[:0], size)
	for _, part := range parts {
		text = binary.BigEndian.AppendUint64(text, uint64(len(part)))
		text = append(text, part...)
	}
	sum := sha256.Sum256(text)
	var digits [32]byte
	hex.Encode(digits[:], sum[:16])
	return string(digits[:])
}

// crockford is the alphabet of ULIDs, https://github.com/ulid/spec.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// DeliveryIDs makes ids of deliveries: ULIDs (26 characters, sorted by time).
// It is safe for concurrent use.
type DeliveryIDs struct {
	mu     sync.Mutex // of random
	random io.Reader
	ahead  sync.Pool // of *bufio.Reader: entropy for the next ids
}

// NewDeliveryIDs makes ids with entropy from random, crypto/rand.Reader in
// production. It is read some way ahead.
func NewDeliveryIDs(random io.Reader) *DeliveryIDs { return &DeliveryIDs{random: random} }

// Read reads entropy. It implements io.Reader for the readers ahead.
func (g *DeliveryIDs) Read(b []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.random.Read(b)
}

// entropyAhead is how many bytes are read at once, for some fifty ids.
const entropyAhead = 512

// New returns the next id for a delivery received at the given time.
func (g *DeliveryIDs) New(at time.Time) (string, error) {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(at.UnixMilli())<<16)
	ahead, ok := g.ahead.Get().(*bufio.Reader)
	if !ok {
		ahead = bufio.NewReaderSize(g, entropyAhead)
	}
	_, err := io.ReadFull(ahead, b[6:])
	g.ahead.Put(ahead)
	if err != nil {
		return "", err
	}
	var text [26]byte
	hi, lo := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	for i := len(text) - 1; i >= 0; i-- {
		text[i] = crockford[lo&31]
		lo = lo>>5 | hi<<59
		hi >>= 5
	}
	return string(text[:]), nil
}
