package redact_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/iotest"
	"unicode"
	"unicode/utf8"

	"github.com/leadgate/leadgate/ingest/redact"
)

func TestLineAndText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in, line, text string }{
		{"nothing", "", "", ""},
		{"plain", "Kim +1 (202) 555-0142 ~", "Kim +1 (202) 555-0142 ~", "Kim +1 (202) 555-0142 ~"},
		{"letters, marks, symbols", "Zoë e\u0301 日本 Привет עברית €😀", "Zoë e\u0301 日本 Привет עברית €😀", "Zoë e\u0301 日本 Привет עברית €😀"},
		{"colour", "\x1b[31mred\x1b[0m", "\ufffd[31mred\ufffd[0m", "\ufffd[31mred\ufffd[0m"},
		{"title", "\x1b]0;title\x07", "\ufffd]0;title\ufffd", "\ufffd]0;title\ufffd"},
		{"CSI in one character", "a\u009b31mb", "a\ufffd31mb", "a\ufffd31mb"},
		{"CSI as a byte", "a\x9b31mb", "a\ufffd31mb", "a\ufffd31mb"},
		{"NEL", "a\u0085b", "a\ufffdb", "a\ufffdb"},
		{"DEL and backspace", "a\x7fb\bc", "a\ufffdb\ufffdc", "a\ufffdb\ufffdc"},
		{"NUL", "a\x00b", "a\ufffdb", "a\ufffdb"},
		{"line ends and tab", "a\r\nb\nc\td", "a\ufffd\ufffdb\ufffdc\ufffdd", "a\nb\nc\td"},
		{"CR alone", "genuine\rforged", "genuine\ufffdforged", "genuine\ufffdforged"},
		{"line and paragraph separators", "a\u2028b\u2029c", "a\ufffdb\ufffdc", "a\ufffdb\ufffdc"},
		{"bidi overrides", "a\u202eb\u202cc\u2066d\u2069e\u200ff\u061cg", "a\ufffdb\ufffdc\ufffdd\ufffde\ufffdf\ufffdg", "a\ufffdb\ufffdc\ufffdd\ufffde\ufffdf\ufffdg"},
		{"zero width", "a\u200bb\u200cc\u200dd\u2060e\ufefff\u00adg", "a\ufffdb\ufffdc\ufffdd\ufffde\ufffdf\ufffdg", "a\ufffdb\ufffdc\ufffdd\ufffde\ufffdf\ufffdg"},
		{"letters that look like nothing", "a\u3164b\u115fc\uffa0d\u2800e\u034ff", "a\ufffdb\ufffdc\ufffdd\ufffde\ufffdf", "a\ufffdb\ufffdc\ufffdd\ufffde\ufffdf"},
		{"tags", "a\U000e0041b", "a\ufffdb", "a\ufffdb"},
		{"selectors", "❤\ufe0f a\U000e0100b", "❤ a\ufffdb", "❤ a\ufffdb"},
		{"private", "a\ue000b", "a\ufffdb", "a\ufffdb"},
		{"spaces", "a\u00a0b\u3000c", "a b c", "a b c"},
		{"invalid", "a\xffb\xc3", "a\ufffdb\ufffd", "a\ufffdb\ufffd"},
		{"overlong and surrogate", "\xc0\x9b \xed\xa0\x80", "\ufffd\ufffd \ufffd\ufffd\ufffd", "\ufffd\ufffd \ufffd\ufffd\ufffd"},
	} {
		if got := redact.Line(c.in); got != c.line {
			t.Errorf("%s: line %q, want %q", c.name, got, c.line)
		}
		if got := redact.Text(c.in); got != c.text {
			t.Errorf("%s: text %q, want %q", c.name, got, c.text)
		}
		// The writer does the same, however it gets its bytes.
		var out bytes.Buffer
		w := redact.NewWriter(&out)
		for _, b := range []byte(c.in) {
			if n, err := w.Write([]byte{b}); n != 1 || err != nil {
				t.Fatal(n, err)
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		if got := strings.ReplaceAll(out.String(), "\r\n", "\n"); got != c.text {
			t.Errorf("%s: written %q, want %q", c.name, got, c.text)
		}
	}
}

// JSON keeps its meaning, and shows nothing that is not visible.
func TestJSONWriter(t *testing.T) {
	t.Parallel()
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) || redact.Visible(r) && r > 0x3000 {
			continue
		}
		want := "a" + string(r) + "b"
		var out bytes.Buffer
		encoder := json.NewEncoder(redact.NewJSONWriter(&out))
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(want); err != nil {
			t.Fatal(err)
		}
		var got string
		if err := json.Unmarshal(out.Bytes(), &got); err != nil || got != want {
			t.Fatalf("%U: %q, %v", r, out.Bytes(), err)
		}
		for _, r := range strings.TrimSuffix(out.String(), "\n") {
			if !redact.Visible(r) && !unicode.Is(unicode.Zs, r) {
				t.Fatalf("%U is in %q", r, out.String())
			}
		}
	}
}

func TestWriter_Errors(t *testing.T) {
	t.Parallel()
	broken := errors.New("nobody reads")
	for _, text := range []string{"plain", "\x1b"} {
		w := redact.NewWriter(writerFunc(func([]byte) (int, error) { return 0, broken }))
		if _, err := w.Write([]byte(text)); !errors.Is(err, broken) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func FuzzWriter(f *testing.F) {
	f.Add("a\x1b[31m\u202e\r\n\xff", 3)
	f.Fuzz(func(t *testing.T, in string, size int) {
		var out bytes.Buffer
		w := redact.NewWriter(&out)
		buf := make([]byte, max(1, size%16))
		r := iotest.DataErrReader(strings.NewReader(in))
		for {
			n, err := r.Read(buf)
			if _, more := w.Write(buf[:n]); more != nil {
				t.Fatal(more)
			}
			if err != nil {
				break
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		// A CR before the end is one replacement, as in Text.
		if got := strings.ReplaceAll(out.String(), "\r\n", "\n"); got != redact.Text(in) {
			t.Errorf("%q became %q, want %q", in, got, redact.Text(in))
		}
	})
}

func BenchmarkWriter(b *testing.B) {
	text := []byte(strings.Repeat("2026-01-31 12:00:00\tpaid search\tspring\tZoë\n", 100))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	w := redact.NewWriter(writerFunc(func(p []byte) (int, error) { return len(p), nil }))
	for b.Loop() {
		_, _ = w.Write(text)
	}
}
