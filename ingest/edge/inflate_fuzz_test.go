package edge

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"testing"

	"github.com/leadgate/leadgate/ingest"
)

// Whatever is sent, an inflated body has at most limit bytes and is what the
// encoder was given, and every refusal is one of the three kinds.
func FuzzInflate(f *testing.F) {
	const limit = 64 << 10
	add := func(encoding string, body func(w io.Writer) io.WriteCloser, text []byte) {
		var b bytes.Buffer
		w := body(&b)
		if _, err := w.Write(text); err != nil {
			f.Fatal(err)
		}
		if err := w.Close(); err != nil {
			f.Fatal(err)
		}
		f.Add(encoding, b.Bytes())
		f.Add(encoding+", "+encoding, b.Bytes())
		f.Add(encoding, b.Bytes()[:b.Len()/2])
		f.Add(encoding, append(bytes.Clone(b.Bytes()), b.Bytes()...)) // two members
	}
	for _, text := range [][]byte{nil, []byte("email=kim%40example.com"), make([]byte, limit), make([]byte, limit+1), make([]byte, 100*limit)} {
		add("gzip", func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }, text)
		add("deflate", func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }, text)
		add("Deflate", func(w io.Writer) io.WriteCloser {
			fw, err := flate.NewWriter(w, 9)
			if err != nil {
				f.Fatal(err)
			}
			return fw
		}, text)
	}
	f.Add("identity", []byte("plain"))
	f.Add("br", []byte("plain"))
	f.Fuzz(func(t *testing.T, encoding string, raw []byte) {
		before := bytes.Clone(raw)
		body, err := inflate(raw, []string{encoding}, limit)
		if !bytes.Equal(raw, before) {
			t.Fatal("the server's buffer was changed")
		}
		if err != nil {
			if !errors.Is(err, ingest.ErrTooLarge) && !errors.Is(err, ingest.ErrMediaType) && !errors.Is(err, ingest.ErrMalformed) {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		if len(body) > limit {
			t.Fatalf("%d bytes", len(body))
		}
		clear(raw)
		if again, err := inflate(before, []string{encoding}, limit); err != nil || !bytes.Equal(again, body) {
			t.Fatalf("not the same twice, or the body is the server's memory: %v", err)
		}
	})
}
