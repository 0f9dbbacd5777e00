package mail

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A mail has twelve charsets guessed, however many of its words, headers and parts
// are in none that there is.
func TestHostile_Guesses(t *testing.T) {
	t.Parallel()
	g := new(guesser)
	for range 50 {
		g.header(strings.Repeat("=?x?q?gr=FC=DFe?= ", 100))
		decodeText([]byte("gr\xfc\xdfe"), "no-such-charset", g)
	}
	if g.guesses != maxGuesses {
		t.Errorf("%d guesses", g.guesses)
	}
	if got := g.header("=?x?q?gr=FC=DFe?="); got != "grüße" {
		t.Errorf("after the last guess: %q", got)
	}
}

// The same bytes mean the same, whichever of the helper's goroutines ends first, and
// no more of them than the first kilobytes are looked at.
func TestHostile_GuessIsOne(t *testing.T) {
	t.Parallel()
	for _, piece := range []string{
		"gr\xfc\xdfe an ", "\xcf\xf0\xe8\xe2\xe5\xf2 ", "\xc4\xe3\xba\xc3", "\xff\xfe", "\x1b$)C\x0e", "\xe4", "\x8f\xa1", "\x00\x00\xd8\x00", "\xf0\x9f", "\x81",
	} {
		text := []byte(strings.Repeat(piece, 10<<20/len(piece)))
		want := guessCharset(text)
		for range 20 {
			if got := guessCharset(text); got != want {
				t.Errorf("%q: %s, then %s", piece, want, got)
			}
		}
		if got := guessCharset(text[:maxDetect]); got != want {
			t.Errorf("%q: %s of 4 KB, %s of the whole", piece, got, want)
		}
		for n := range 40 { // no text is too short for it
			guessCharset(text[:n])
		}
	}
}

// The name of a file is read in any charset, and malformed as mail programs write it;
// UTF-7 is not one.
func TestHostile_WordsInTypes(t *testing.T) {
	t.Parallel()
	name := func(disposition string) string {
		t.Helper()
		m, err := readMIME([]byte("From: a@example.com\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: image/png\n" +
			"Content-Disposition: " + disposition + "\n\nx\n--b--\n"))
		if err != nil || len(m.attachments) != 1 {
			t.Fatalf("%v: %d files", err, len(m.attachments))
		}
		return m.attachments[0].name
	}
	for disposition, want := range map[string]string{
		`attachment; filename="a.png"`:                                              "a.png",
		`attachment; filename="=?utf-8?q?gr=C3=BC=C3=9Fe.png?="`:                    "grüße.png",
		`attachment; filename==?iso-8859-1?q?gr=FC=DFe;_a.png?=`:                    "grüße; a.png",
		`attachment; filename="=?gbk?b?xOO6ww==?= =?koi8-r?q?=E9=CD=D1?=.png"`:      "你好Имя.png",
		`attachment; filename="=?utf-7?q?+AGE-?=.png"`:                              "+AGE-.png",
		`attachment; filename="=?x?q?gr=FC=DFe?=.png"`:                              "grüße.png",
		`attachment; filename="=?utf-8?q?=3D=3Futf-7=3Fq=3F+AGE-=3F=3D?="`:          "= ?utf-7?q?+AGE-?=",
		`attachment; filename="` + strings.Repeat("=?gbk?q ?a?= ", 3) + `c"`:        "=?gbk?q ?a?= =?gbk?q ?a?= = ?gbk?q ?a?= c",
		`attachment; filename="=?utf-8?q?a?=` + strings.Repeat("=?=?=?", 300) + `"`: "",
	} {
		if got := name(disposition); want != "" && got != want {
			t.Errorf("%s: got %q, want %q", disposition, got, want)
		}
	}
}

// What turns pages into text, and what it comes with, is not called.
func TestHostile_NoEnvelopes(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(err, files)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, call := range []string{"enmime.ReadEnvelope", "parser.ReadEnvelope", "EnvelopeFromPart", "html2text"} {
			if file != "doc.go" && bytes.Contains(text, []byte(call)) {
				t.Errorf("%s: %s", file, call)
			}
		}
	}
}
