package redact

import (
	"fmt"
	"io"
	"sync"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Writer passes text on and replaces what is not safe to show, also where a
// character comes in several writes. It is safe for concurrent use.
type Writer struct {
	put func(out []byte, r rune) []byte

	mu   sync.Mutex
	to   io.Writer
	rest []byte // the beginning of a character, or a CR
	out  []byte
}

// NewWriter returns a Writer that does what Text does, but leaves CRLF as it is.
// What it holds back, Flush writes.
func NewWriter(to io.Writer) *Writer {
	return &Writer{to: to, put: func(out []byte, r rune) []byte {
		if r = shown(r); r >= 0 {
			out = utf8.AppendRune(out, r)
		}
		return out
	}}
}

// NewJSONWriter returns a Writer of JSON texts, in whose strings it escapes what
// is not safe to show: a reader gets what was meant.
func NewJSONWriter(to io.Writer) *Writer {
	return &Writer{to: to, put: func(out []byte, r rune) []byte {
		if Visible(r) || unicode.Is(unicode.Zs, r) {
			return utf8.AppendRune(out, r)
		}
		if high, low := utf16.EncodeRune(r); high != unicode.ReplacementChar {
			return fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		}
		return fmt.Appendf(out, `\u%04x`, r)
	}}
}

// Write implements io.Writer. After an error nobody knows how much was written.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	in := p
	if len(w.rest) > 0 {
		in = append(w.rest, p...)
	} else if safePrefix(p) == len(p) {
		return w.to.Write(p)
	}
	out := w.out[:0]
	for len(in) > 0 {
		n := safePrefix(in)
		out, in = append(out, in[:n]...), in[n:]
		if len(in) == 0 || in[0] == '\r' && len(in) == 1 || !utf8.FullRune(in) {
			break
		}
		if in[0] == '\r' && in[1] == '\n' {
			out, in = append(out, in[:2]...), in[2:]
			continue
		}
		r, size := utf8.DecodeRune(in)
		out, in = w.put(out, r), in[size:]
	}
	w.rest = append([]byte(nil), in...)
	w.out = out
	if len(out) == 0 {
		return len(p), nil
	}
	if _, err := w.to.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Flush writes a Replacement for each byte of a character that has not come to
// its end.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.rest) == 0 {
		return nil
	}
	var out []byte
	for range w.rest {
		out = w.put(out, Replacement)
	}
	w.rest = nil
	_, err := w.to.Write(out)
	return err
}

// safePrefix is how many bytes p begins with that may be shown as they are.
func safePrefix(p []byte) int {
	for i, b := range p {
		if !plain(b) && b != '\n' && b != '\t' {
			return i
		}
	}
	return len(p)
}
