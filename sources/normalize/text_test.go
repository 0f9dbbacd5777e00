package normalize_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/leadgate/leadgate/sources/normalize"
)

// reference is Text, or Line, of the whole text at once: what a text is stored as,
// and what ids are derived from, since the first version. It costs what the text
// costs, however little of it remains.
func reference(s string, maxRunes int, line bool) string {
	s = norm.NFC.String(strings.ToValidUTF8(s, "\uFFFD"))
	s = strings.ReplaceAll(s, "\r\n", "\n")
	var b strings.Builder
	b.Grow(min(len(s), 4*maxRunes))
	// Blanks are held back until something follows them: that trims both ends.
	var blanks []rune
	runes := 0
	for _, c := range s {
		switch {
		case c == '\r' || c == '\u0085' || c == '\u2028' || c == '\u2029':
			c = '\n'
		case c != '\n' && c != '\t' && dropped(c):
			continue
		}
		if unicode.IsSpace(c) {
			if line {
				c, blanks = ' ', blanks[:0]
			}
			if runes > 0 && runes+len(blanks) < maxRunes {
				blanks = append(blanks, c)
			}
			continue
		}
		if runes+len(blanks)+1 > maxRunes {
			break
		}
		for _, blank := range blanks {
			b.WriteRune(blank)
		}
		b.WriteRune(c)
		runes += len(blanks) + 1
		blanks = blanks[:0]
	}
	if text := b.String(); !norm.NFC.IsNormalString(text) {
		return norm.NFC.String(text)
	}
	return b.String()
}

func dropped(c rune) bool {
	return unicode.IsControl(c) || c == '\uFEFF' || c >= '\u202A' && c <= '\u202E' || c >= '\u2066' && c <= '\u2069'
}

// pieces are what texts are made of that somebody could read otherwise when he
// takes them apart.
var pieces = []string{
	"a", "Kim", " ", "  ", "\n", "\r", "\r\n", "\t", "\x00", "\x7f", "\u0085", "\u00a0", "\u2028", "\u3000", "\ufeff", "\u202e",
	"e\u0301", "\u0301", "\u0316", "\u0301\u0316", "\u0344", "\u1112\u1161\u11ab", "\u1112", "\u1161", "\u11ab", "\uac00\u11a8", "\U0001D160",
	"\u00fc", "\u0416", "\u4e2d", "\u212b", "\u1e9b\u0323", "\u0915\u093c", "\xff", "\xe2\x82", "\xf0\x9f", "\U0001F469\u200d\U0001F4BB", "\u200b", "\u034f",
	"\u05d0\u05b8", "\u3099", "\u304b\u3099", "\ufffd", "\u0340", "\u2000", "\u202f",
}

// Text and Line are the same bytes as ever, for texts that are taken apart to be
// normalised as for those that are not: ids are derived from them.
func TestText_AsEver(t *testing.T) {
	t.Parallel()
	check := func(s string, maxRunes int) {
		t.Helper()
		for _, line := range []bool{false, true} {
			got, want := normalize.Text(s, maxRunes), reference(s, maxRunes, line)
			if line {
				got = normalize.Line(s, maxRunes)
			}
			if got != want {
				t.Fatalf("line %v, %d runes of %q:\ngot  %q\nwant %q", line, maxRunes, s, got, want)
			}
		}
		budget := len(s)
		if got, want := normalize.Whole(s, &budget), reference(s, len(s), false); got != want {
			t.Fatalf("whole %q:\ngot  %q\nwant %q", s, got, want)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 700 {
		var b strings.Builder
		few := 1 + random.IntN(len(pieces))
		size := 1 << random.IntN(14)
		for b.Len() < size {
			piece := pieces[(few+random.IntN(few))%len(pieces)]
			b.WriteString(strings.Repeat(piece, 1+random.IntN(12)))
			if random.IntN(3) == 0 {
				b.WriteString(strings.Repeat("x", random.IntN(9)))
			}
		}
		check(b.String(), 1+random.IntN(2*size))
	}
	for _, piece := range pieces { // around the borders of what is normalised at a time
		for before := 2030; before < 2056; before += 3 {
			s := strings.Repeat("e", before) + strings.Repeat(piece, 20) + strings.Repeat("x", 30)
			check(s, 10_000)
			check(s, before+5)
		}
	}
}

// What is one text more than one is told apart as before, and what is beyond the
// budget still is.
func TestWhole(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("e\u0301\u0316", 20_000)
	budget := 8 << 10
	a := normalize.Whole(long+"a", &budget)
	if budget >= 0 || len(a) > 16<<10 {
		t.Errorf("%d of the budget are left, the text has %d bytes", budget, len(a))
	}
	for _, other := range []string{long + "b", "a" + long, long} {
		budget = 8 << 10
		if normalize.Whole(other, &budget) == a {
			t.Error("two texts are one")
		}
	}
	budget = 8 << 10
	if again := normalize.Whole(long+"a", &budget); again != a {
		t.Error("one text is two")
	}
	budget = 0
	if plain := strings.Repeat("Grüße\r\n", 10_000); normalize.Whole(plain, &budget) != reference(plain, len(plain), false) || budget != 0 {
		t.Error("a text in NFC takes of the budget")
	}
}

// What is beyond the budget is cleaned like the rest, and left as it is composed.
func TestTextWithin(t *testing.T) {
	t.Parallel()
	budget := 5 << 10
	long := strings.Repeat("e\u0301\u0316 ", 600) // 3,600 bytes
	if got, want := normalize.TextWithin(long, 10_000, &budget), normalize.Text(long, 10_000); got != want || budget != 5<<10-len(long) {
		t.Errorf("within the budget it is another text, or %d are left", budget)
	}
	got := normalize.TextWithin("\x00"+long+"\r\n", 10_000, &budget)
	if norm.NFC.IsNormalString(got) || norm.NFC.String(got) != normalize.Text(long, 10_000) {
		t.Errorf("beyond the budget: %q", got)
	}
	if got := normalize.TextWithin(long, 7, &budget); got != "e\u0301\u0316 e\u0301\u0316" {
		t.Errorf("cut: %q", got)
	}
	if got := normalize.TextWithin(" Gr\xc3\xbc\xc3\x9fe\r\n ", 10, &budget); got != "Gr\u00fc\u00dfe" {
		t.Errorf("a text in NFC: %q", got)
	}
}
