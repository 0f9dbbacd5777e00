package mail

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/leadgate/leadgate/sources/fields"
)

// maxNesting bounds tables within tables; deeper ones are read as text.
const maxNesting = 32

// textOf returns the text of an HTML mail, line by line. A table row of two
// cells becomes "label: value", the way notifications are laid out.
func textOf(source string) string {
	r := htmlReader{cells: []*cell{{}}}
	z := html.NewTokenizer(strings.NewReader(source))
	for {
		switch kind := z.Next(); kind {
		case html.ErrorToken:
			for len(r.rows) > 0 {
				r.endRow()
			}
			return r.cells[0].text.String()
		case html.TextToken:
			if r.hidden == 0 {
				r.write(string(z.Text()))
			}
		case html.StartTagToken, html.SelfClosingTagToken, html.EndTagToken:
			name, _ := z.TagName()
			r.tag(atom.Lookup(name), kind)
		}
	}
}

// cell is a place that text is written to: a table cell, or the page.
type cell struct {
	text   strings.Builder
	blank  bool // a blank is due before the next word
	nested bool // holds a table row
}

type htmlReader struct {
	cells  []*cell   // the page, and the open cell of every open row
	rows   [][]*cell // the cells so far of every open row
	hidden atom.Atom // inside of <style> and the like
}

func (r *htmlReader) tag(name atom.Atom, kind html.TokenType) {
	opens, closes := kind == html.StartTagToken, kind == html.EndTagToken
	switch name {
	case atom.Style, atom.Script, atom.Head, atom.Title, atom.Template:
		if opens && r.hidden == 0 {
			r.hidden = name
		} else if closes && r.hidden == name {
			r.hidden = 0
		}
	case atom.Body:
		r.hidden = 0
	case atom.Tr:
		if opens && len(r.rows) < maxNesting {
			r.newLine()
			r.rows = append(r.rows, nil)
			r.cells = append(r.cells, &cell{})
		} else if closes && len(r.rows) > 0 {
			r.endRow()
		}
	case atom.Td, atom.Th:
		if n := len(r.rows); n > 0 && opens {
			open := &cell{}
			r.rows[n-1] = append(r.rows[n-1], open)
			r.cells[n] = open
		} else {
			r.newLine()
		}
	case atom.Br:
		r.cells[len(r.cells)-1].blank = false
		r.cells[len(r.cells)-1].text.WriteByte('\n')
	case atom.P, atom.Div, atom.Li, atom.Ul, atom.Ol, atom.Table, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5,
		atom.H6, atom.Hr, atom.Dt, atom.Dd, atom.Dl, atom.Blockquote, atom.Section, atom.Article, atom.Pre, atom.Header, atom.Footer:
		r.newLine()
	}
}

// write adds text with its white space reduced, as a browser shows it.
func (r *htmlReader) write(text string) {
	c := r.cells[len(r.cells)-1]
	for i, word := range strings.FieldsFunc(text, isSpace) {
		if c.text.Len() > 0 && (i > 0 || c.blank || isSpace(firstRune(text))) && !strings.HasSuffix(c.text.String(), "\n") {
			c.text.WriteByte(' ')
		}
		c.text.WriteString(word)
		c.blank = false
	}
	if last, _ := utf8.DecodeLastRuneInString(text); isSpace(last) {
		c.blank = true
	}
}

func firstRune(text string) rune {
	first, _ := utf8.DecodeRuneInString(text)
	return first
}

func isSpace(c rune) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\u00a0' }

// newLine begins a line unless one has just begun.
func (r *htmlReader) newLine() {
	c := r.cells[len(r.cells)-1]
	if c.blank = false; c.text.Len() > 0 && !strings.HasSuffix(c.text.String(), "\n") {
		c.text.WriteByte('\n')
	}
}

// endRow writes the innermost open row where it stands.
func (r *htmlReader) endRow() {
	n := len(r.rows)
	row := r.rows[n-1]
	r.rows, r.cells = r.rows[:n-1], r.cells[:n]
	outer := r.cells[n-1]
	var filled []string
	nested := false
	for _, c := range row {
		nested = nested || c.nested
		if text := strings.TrimSpace(c.text.String()); text != "" {
			filled = append(filled, text)
		}
	}
	if len(filled) == 2 && !nested && (isLabel(filled[0]) || isShort(filled[0]) && fields.RoleOf(strings.TrimRight(filled[0], " :：")) != fields.Answer) {
		filled = []string{strings.TrimRight(filled[0], " :：") + ": " + filled[1]}
	}
	for _, text := range filled {
		outer.text.WriteString(text + "\n")
	}
	outer.nested = true
}
