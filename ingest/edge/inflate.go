package edge

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"

	"github.com/leadgate/leadgate/ingest"
)

// inflaterMemory is about what a decompressor needs besides input and output.
const inflaterMemory = 48 << 10

var errCompression = fmt.Errorf("%w: the body is not compressed as its Content-Encoding says", ingest.ErrMalformed)

// inflate undoes a Content-Encoding, to at most limit bytes. What it needs and
// returns is reserved in h; what was reserved for raw is given back.
// Errors (wrapped): ErrTooLarge, ErrMediaType, ErrMalformed, those of the budget.
func inflate(raw []byte, encoding string, h *hold, limit int64, slots chan struct{}) ([]byte, error) {
	if err := h.reserve(inflaterMemory); err != nil {
		return nil, err
	}
	r, err := decompressor(encoding, raw)
	if err != nil {
		return nil, err
	}
	p := pieces{hold: h, limit: limit}
	if err := p.fill(&inTurn{r: r, slots: slots}); err != nil {
		return nil, err
	}
	spare := int64(inflaterMemory)
	if len(raw) > tinyBody {
		spare += int64(len(raw))
	}
	h.giveBack(spare)
	return p.join(true)
}

// inTurn decompresses only while it holds one of the slots. So decompressors do not
// take all processors from those who send plainly; and nobody holds a slot while
// it waits for memory.
type inTurn struct {
	r     io.Reader
	slots chan struct{}
}

// Read implements io.Reader. Errors: errCompression, io.EOF.
func (t *inTurn) Read(p []byte) (int, error) {
	t.slots <- struct{}{}
	n, err := t.r.Read(p)
	<-t.slots
	if err != nil && err != io.EOF {
		err = errCompression
	}
	return n, err
}

// codings are the values of Content-Encoding that can be undone. Several on top of
// each other are refused with the unknown ones.
var codings = map[string]bool{"gzip": true, "x-gzip": true, "deflate": true}

var errEncoding = fmt.Errorf("%w: Content-Encoding must be gzip, deflate or none", ingest.ErrMediaType)

// decompressor reads what raw holds in one of the codings.
func decompressor(encoding string, raw []byte) (io.Reader, error) {
	if encoding != "deflate" {
		r, err := gzip.NewReader(bytes.NewReader(raw))
		if err != nil {
			return nil, errCompression
		}
		return r, nil
	}
	// RFC 9110 section 8.4.1.2 means zlib; some senders leave its frame out.
	if r, err := zlib.NewReader(bytes.NewReader(raw)); err == nil {
		return r, nil
	}
	return flate.NewReader(bufio.NewReader(bytes.NewReader(raw))), nil
}
