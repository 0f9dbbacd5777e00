package mail

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/leadgate/leadgate/ingest"
)

// Bounds of an XML text. A prospect has some hundred elements.
const (
	maxElements = 20_000
	maxDepth    = 40
)

// element is one of an XML text, its name and its attributes' in lower case.
type element struct {
	name     string
	attrs    map[string]string
	text     strings.Builder // from its first word on
	children []*element
}

// xmlEntities are HTML's: named characters, none of which stands for more
// than two.
var xmlEntities = xml.HTMLEntity

// parseXML reads XML as it is really sent: blanks before the declaration, bare
// & and <, end tags that are missing or too many, names in any case, a charset
// that is not the declared one. A document type is passed over; entities of its
// own are refused. Errors: ErrMalformed, ErrTooLarge.
func parseXML(text string) (*element, error) {
	dec := xml.NewDecoder(strings.NewReader(escapeXML(text)))
	dec.Strict, dec.Entity = false, xmlEntities
	dec.CharsetReader = func(_ string, input io.Reader) (io.Reader, error) { return input, nil } // it is UTF-8 by now
	root := &element{}
	open := []*element{root}
	for count := 0; ; {
		token, err := dec.RawToken()
		if err != nil {
			if errors.Is(err, io.EOF) {
				return root, nil
			}
			return nil, fmt.Errorf("%w: XML at byte %d", ingest.ErrMalformed, dec.InputOffset())
		}
		last := open[len(open)-1]
		switch t := token.(type) {
		case xml.StartElement:
			if len(open) > 1 && last.text.Len() > 0 { // its end is missing: what has a text has nothing else
				open = open[:len(open)-1]
				last = open[len(open)-1]
			}
			if count++; count > maxElements || len(open) > maxDepth {
				return nil, fmt.Errorf("%w: XML of more than %d elements, or deeper than %d", ingest.ErrTooLarge, maxElements, maxDepth)
			}
			child := newElement(t)
			last.children = append(last.children, child)
			open = append(open, child)
		case xml.EndElement:
			open = closeElement(open, strings.ToLower(t.Name.Local))
		case xml.CharData:
			if last.text.Len() > 0 || len(bytes.TrimSpace(t)) > 0 {
				last.text.Write(t)
			}
		}
	}
}

func newElement(t xml.StartElement) *element {
	e := &element{name: strings.ToLower(t.Name.Local)}
	for _, a := range t.Attr {
		if e.attrs == nil {
			e.attrs = make(map[string]string, len(t.Attr))
		}
		e.attrs[strings.ToLower(a.Name.Local)] = strings.TrimSpace(a.Value)
	}
	return e
}

// closeElement ends the nearest open element of that name with all in it. An
// end that begins nowhere ends nothing.
func closeElement(open []*element, name string) []*element {
	for i := len(open) - 1; i > 0; i-- {
		if open[i].name == name {
			return open[:i]
		}
	}
	return open
}

// escapeXML escapes every < that begins no tag, and drops what XML may not hold.
func escapeXML(text string) string {
	var b strings.Builder
	b.Grow(len(text) + len(text)/16)
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case strings.HasPrefix(text[i:], "<![CDATA["):
			end := strings.Index(text[i:], "]]>")
			if end < 0 {
				end = len(text) - i - 3
			}
			for _, c := range []byte(text[i : i+end+3]) {
				if c >= ' ' || c == '\n' || c == '\t' || c == '\r' {
					b.WriteByte(c)
				}
			}
			i += end + 3
		case c == '<' && (i+1 == len(text) || !beginsTag(text[i+1])):
			b.WriteString("&lt;")
			i++
		case c < ' ' && c != '\n' && c != '\t' && c != '\r':
			i++
		default:
			b.WriteByte(c)
			i++
		}
	}
	return strings.ToValidUTF8(b.String(), "\uFFFD")
}

func beginsTag(c byte) bool {
	return c == '/' || c == '!' || c == '?' || c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80
}

// all returns the children of that name.
func (e *element) all(name string) []*element {
	var found []*element
	if e != nil {
		for _, c := range e.children {
			if c.name == name {
				found = append(found, c)
			}
		}
	}
	return found
}

// one returns the first child of that name, nil if there is none.
func (e *element) one(name string) *element {
	if found := e.all(name); len(found) > 0 {
		return found[0]
	}
	return nil
}

// value returns an element's own text, "" of none.
func (e *element) value() string {
	if e == nil {
		return ""
	}
	return strings.TrimSpace(e.text.String())
}

// under returns the text of the first child of that name that has one.
func (e *element) under(name string) string {
	for _, c := range e.all(name) {
		if text := c.value(); text != "" {
			return text
		}
	}
	return ""
}

func (e *element) attr(name string) string {
	if e == nil {
		return ""
	}
	return e.attrs[name]
}
