package edge

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/leadgate/leadgate/ingest"
)

// inflate returns a copy of a body with its Content-Encoding undone, of at most
// limit bytes. Errors (wrapped): ErrTooLarge, ErrMediaType, ErrMalformed.
func inflate(raw []byte, encodings []string, limit int64) ([]byte, error) {
	if int64(len(raw)) > limit {
		return nil, fmt.Errorf("body: %w", ingest.ErrTooLarge)
	}
	encoding := strings.ToLower(strings.TrimSpace(strings.Join(encodings, ",")))
	if encoding == "" || encoding == "identity" || len(raw) == 0 {
		return slices.Clone(raw), nil
	}
	plain, err := decompressor(encoding, raw)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(plain, limit+1))
	if err != nil {
		return nil, errCompression
	}
	if int64(len(body)) > limit {
		return nil, fmt.Errorf("inflated body: %w", ingest.ErrTooLarge)
	}
	return body, nil
}

var errCompression = fmt.Errorf("%w: the body is not compressed as its Content-Encoding says", ingest.ErrMalformed)

// decompressor reads raw; several encodings on top of each other are refused
// with the unknown ones.
func decompressor(encoding string, raw []byte) (io.Reader, error) {
	switch encoding {
	case "gzip", "x-gzip":
		r, err := gzip.NewReader(bytes.NewReader(raw))
		if err != nil {
			return nil, errCompression
		}
		return r, nil
	case "deflate":
		// RFC 9110 section 8.4.1.2 means zlib; some senders leave its frame out.
		if r, err := zlib.NewReader(bytes.NewReader(raw)); err == nil {
			return r, nil
		}
		return flate.NewReader(bufio.NewReader(bytes.NewReader(raw))), nil
	}
	return nil, fmt.Errorf("%w: Content-Encoding must be gzip, deflate or none", ingest.ErrMediaType)
}
