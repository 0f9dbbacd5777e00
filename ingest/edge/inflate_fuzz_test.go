package edge

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// Whatever is sent, an inflated body has at most limit bytes and is what the
// encoder was given, and every refusal is one of the two kinds.
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
	slots, memory := make(chan struct{}, 1), newBodies(DefaultBodyMemory, limit)
	undo := func(raw []byte, encoding string) ([]byte, error) {
		h := &hold{bodies: memory, deadline: time.Now().Add(time.Minute)}
		defer h.release()
		return inflate(raw, strings.ToLower(encoding), h, limit, slots)
	}
	f.Fuzz(func(t *testing.T, encoding string, raw []byte) {
		if !codings[strings.ToLower(encoding)] || len(raw) > limit {
			return // is refused before
		}
		before := bytes.Clone(raw)
		body, err := undo(raw, encoding)
		if !bytes.Equal(raw, before) {
			t.Fatal("the server's buffer was changed")
		}
		if err != nil {
			if !errors.Is(err, ingest.ErrTooLarge) && !errors.Is(err, ingest.ErrMalformed) {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		if len(body) > limit {
			t.Fatalf("%d bytes", len(body))
		}
		clear(raw)
		if used := memory.small.used + memory.large.used; used != 0 {
			t.Fatalf("%d bytes stay reserved", used)
		}
		if again, err := undo(before, encoding); err != nil || !bytes.Equal(again, body) {
			t.Fatalf("not the same twice, or the body is the server's memory: %v", err)
		}
	})
}
