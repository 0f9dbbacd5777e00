package normalize

import (
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// alone and special are right about every character there is.
func TestAlone(t *testing.T) {
	t.Parallel()
	for c := rune(0); c <= unicode.MaxRune; c++ {
		if !utf8.ValidRune(c) {
			continue
		}
		s := string(c)
		if alone(c) && (!norm.NFC.IsNormalString(s) || !norm.NFC.PropertiesString(s).BoundaryBefore()) {
			t.Errorf("%U changes in NFC, or joins what stands before it", c)
		}
		if c >= utf8.RuneSelf && !special(c) && (unicode.IsSpace(c) || unwanted(c)) {
			t.Errorf("%U is white space, or unwanted", c)
		}
	}
}
