package fields

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Kind says what a JSON value is.
type Kind uint8

// The kinds of JSON values.
const (
	Null Kind = iota
	Bool
	Number
	String
	Array
	Object
)

// node is one value of a JSON text. Those that stand in it follow it, up to end.
type node struct {
	name string // in an object
	text string // what a string says; a number or a truth value as it is written
	end  int32
	kind Kind
}

// maxJSONDepth is how deep encoding/json follows.
const maxJSONDepth = 10_000

// readJSON reads one JSON value: itself first, then what stands in it. It takes
// and understands what encoding/json does, and refuses above maxJSON values.
func readJSON(body []byte) (nodes []node, ok bool) {
	most := min(mostValues(body), maxJSON+1)
	r := reader{text: string(body), most: most, nodes: make([]node, 0, min(most, 8+len(body)/16))}
	ok = r.value("") && r.next() == 0 && r.at == len(r.text) && r.count <= maxJSON
	return r.nodes, ok
}

// mostValues is how many values a JSON text can have: a text with commas in its
// strings has less.
func mostValues(body []byte) int {
	return 1 + bytes.Count(body, []byte{','}) + bytes.Count(body, []byte{'{'}) + bytes.Count(body, []byte{'['})
}

// reader reads a JSON text from at on. Its methods return false where the text
// is none.
type reader struct {
	text  string
	at    int
	depth int
	count int // as countJSON does
	most  int // nodes that there can be
	nodes []node
}

// add adds a node, with room for all that can follow if there was too little.
func (r *reader) add(n node) {
	if len(r.nodes) == cap(r.nodes) {
		r.nodes = slices.Grow(r.nodes, max(r.most-len(r.nodes), 1))
	}
	r.nodes = append(r.nodes, n)
}

// next passes over white space and returns the byte that follows, 0 at the end.
func (r *reader) next() byte {
	for ; r.at < len(r.text); r.at++ {
		switch c := r.text[r.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

func (r *reader) value(name string) (ok bool) {
	n := node{name: name, end: int32(len(r.nodes) + 1)}
	switch c := r.next(); c {
	case '{', '[':
		at := len(r.nodes)
		n.kind = Array
		if c == '{' {
			n.kind = Object
		}
		r.add(n)
		ok = r.inside(n.kind, c+2) // both pairs of brackets stand two apart
		r.nodes[at].end = int32(len(r.nodes))
		return ok
	case '"':
		n.kind = String
		n.text, ok = r.quoted()
	case 't':
		n.kind = Bool
		n.text, ok = r.word("true")
	case 'f':
		n.kind = Bool
		n.text, ok = r.word("false")
	case 'n':
		_, ok = r.word("null")
	default:
		n.kind = Number
		n.text, ok = r.number()
	}
	r.add(n)
	return ok
}

// inside reads what stands in a list or an object, and the closing bracket.
func (r *reader) inside(kind Kind, closing byte) bool {
	r.at++
	r.depth++
	if r.count++; r.depth > maxJSONDepth {
		return false
	}
	if r.next() == closing {
		r.at++
		r.depth--
		return true
	}
	for r.count <= maxJSON {
		name := ""
		if kind == Object {
			var ok bool
			if name, ok = r.name(); !ok {
				return false
			}
		}
		if !r.value(name) {
			return false
		}
		switch r.next() {
		case ',':
			r.at++
			r.count++
		case closing:
			r.at++
			r.depth--
			return true
		default:
			return false
		}
	}
	return false
}

// name reads the name of a member, and the colon.
func (r *reader) name() (name string, ok bool) {
	if r.next() != '"' {
		return "", false
	}
	if name, ok = r.quoted(); !ok || r.next() != ':' {
		return "", false
	}
	r.at++
	return name, true
}

func (r *reader) word(word string) (string, bool) {
	if !strings.HasPrefix(r.text[r.at:], word) {
		return "", false
	}
	r.at += len(word)
	return word, true
}

// number reads -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?
func (r *reader) number() (text string, ok bool) {
	start := r.at
	r.skip("-")
	if !r.skip("0") && !r.digits() {
		return "", false
	}
	if r.skip(".") && !r.digits() {
		return "", false
	}
	if r.skip("eE") {
		r.skip("+-")
		if !r.digits() {
			return "", false
		}
	}
	return r.text[start:r.at], true
}

// skip passes over one byte if it is any of those.
func (r *reader) skip(any string) bool {
	if r.at < len(r.text) && strings.IndexByte(any, r.text[r.at]) >= 0 {
		r.at++
		return true
	}
	return false
}

func (r *reader) digits() bool {
	start := r.at
	for r.at < len(r.text) && r.text[r.at] >= '0' && r.text[r.at] <= '9' {
		r.at++
	}
	return r.at > start
}

// plainInString are the bytes that stand for themselves in a string: ASCII but for
// control characters, the quote and the backslash.
var plainInString = func() (plain [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		plain[c] = c != '"' && c != '\\'
	}
	return plain
}()

// quoted reads a string. One without escapes is a part of the text.
func (r *reader) quoted() (text string, ok bool) {
	start, ascii := r.at+1, true
	for i := start; i < len(r.text); i++ {
		if plainInString[r.text[i]] {
			continue
		}
		switch c := r.text[i]; {
		case c == '"':
			if text = r.text[start:i]; ascii || utf8.ValidString(text) {
				r.at = i + 1
				return text, true
			}
			return r.unquote(start)
		case c == '\\':
			return r.unquote(start)
		case c < ' ':
			return "", false
		default:
			ascii = false
		}
	}
	return "", false
}

// unquote reads a string with escapes. What is no UTF-8 becomes U+FFFD.
func (r *reader) unquote(start int) (string, bool) {
	var b strings.Builder
	b.Grow(max(strings.IndexByte(r.text[start:], '"'), 0))
	for r.at = start; r.at < len(r.text); {
		plain := r.at
		for r.at < len(r.text) && plainInString[r.text[r.at]] {
			r.at++
		}
		b.WriteString(r.text[plain:r.at])
		if r.at == len(r.text) {
			break
		}
		switch c := r.text[r.at]; {
		case c == '"':
			r.at++
			return b.String(), true
		case c == '\\':
			c, ok := r.escape()
			if !ok {
				return "", false
			}
			b.WriteRune(c)
		case c < ' ':
			return "", false
		default:
			c, size := utf8.DecodeRuneInString(r.text[r.at:])
			b.WriteRune(c)
			r.at += size
		}
	}
	return "", false
}

// escape reads an escape, for a surrogate pair two.
func (r *reader) escape() (c rune, ok bool) {
	const letters, meant = `"\/bfnrtu`, "\"\\/\b\f\n\r\t"
	if r.at+1 == len(r.text) {
		return 0, false
	}
	i := strings.IndexByte(letters, r.text[r.at+1])
	switch {
	case i < 0:
		return 0, false
	case i < len(meant):
		r.at += 2
		return rune(meant[i]), true
	}
	if c, ok = r.hex(r.at); !ok {
		return 0, false
	}
	r.at += 6
	if !utf16.IsSurrogate(c) {
		return c, true
	}
	if low, ok := r.hex(r.at); ok {
		if both := utf16.DecodeRune(c, low); both != utf8.RuneError {
			r.at += 6
			return both, true
		}
	}
	return utf8.RuneError, true
}

// hex reads \uXXXX at the given place.
func (r *reader) hex(at int) (c rune, ok bool) {
	if len(r.text)-at < 6 || r.text[at] != '\\' || r.text[at+1] != 'u' {
		return 0, false
	}
	for _, digit := range []byte(r.text[at+2 : at+6]) {
		switch {
		case digit >= '0' && digit <= '9':
			digit -= '0'
		case digit|0x20 >= 'a' && digit|0x20 <= 'f':
			digit = digit | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		c = c<<4 | rune(digit)
	}
	return c, true
}
