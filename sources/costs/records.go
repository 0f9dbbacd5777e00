package costs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/leadgate/leadgate/ingest"
)

// jsonForm is how a platform's API tells costs: records somewhere in a body.
// Paths are names joined by points, small and without underscores; lists add
// nothing to them, except "[]" to those of their plain values.
type jsonForm struct {
	rows    string // path of the records, "" for the body itself
	columns map[string]use
	// more are further paths in a record, for fill.
	more []string
	cell func(path, text string) string // what a text says, if not itself
	fill func(values map[string]string, set func(column, string))
	// daily says how to ask for rows by day.
	daily string
	money unit
	// promised is the path that lists which columns were asked for.
	promised string
	// around reads what stands around the records: whether they are only a part
	// of an answer, or none at all but the platform's error.
	around func(*surroundings) (part bool, err error)
}

// surroundings is what a body holds besides records.
type surroundings struct {
	values map[string]string
	array  bool // the body is one
}

// failed returns the platform's error if one of the paths is there.
func (s *surroundings) failed(paths ...string) error {
	for _, path := range paths {
		if s.values[path] != "" {
			return s.refusal(path)
		}
	}
	return nil
}

func (s *surroundings) refusal(path string) error {
	return fmt.Errorf("is no report but an error of the platform: %s", platformWords(s.values[path]))
}

// platformWords makes a platform's message fit to be told and logged: without
// what may be a token or an address.
func platformWords(text string) string {
	words := strings.Fields(text)
	for i, word := range words {
		if len(word) > 24 || strings.Contains(word, "@") {
			words[i] = "…"
		}
	}
	text = strings.ToValidUTF8(strings.Join(words, " "), "")
	if runes := []rune(text); len(runes) > 200 {
		text = string(runes[:200]) + "…"
	}
	if text == "" {
		text = "it gives no reason"
	}
	return text
}

// foldPath returns a path in the form of the tables.
func foldPath(path string) string {
	return strings.ToLower(pathMarks.Replace(path))
}

var pathMarks = strings.NewReplacer("_", "", " ", "")

// pathsFrom makes paths of headers.
func pathsFrom(headers map[string]use) map[string]use {
	paths := make(map[string]use, len(headers))
	for header, u := range headers {
		paths[foldPath(header)] = u
	}
	return paths
}

func isJSON(text []byte) bool {
	text = bytes.TrimSpace(text)
	return len(text) > 0 && (text[0] == '{' || text[0] == '[')
}

// What a body may hold, beside records.
const (
	maxDepth    = 50
	maxAround   = 64
	maxGathered = 1 << 10 // bytes of one value
	maxPath     = 256     // bytes; what lies deeper is of no interest
)

var nowhere = strings.Repeat(" ", maxPath) // no path has blanks

// walker goes through a body once and keeps what it knows.
type walker struct {
	form   *jsonForm
	dec    *json.Decoder
	table  *table
	around surroundings
	more   map[string]bool
	depth  int

	listed bool // the list of records is there, full or empty
	open   bool // inside a record
	number int  // of the record
	cells  [columnCount]string
	rank   [columnCount]int
	set    [columnCount]bool
	values map[string]string
}

// readRecords reads a JSON body as a table whose rows are its records. part says
// that it is only a page of an answer.
func readRecords(text []byte, f *format, rows string) (t *table, part bool, err error) {
	if !utf8.Valid(text) {
		return nil, false, fmt.Errorf("%w: not UTF-8", ingest.ErrMalformed)
	}
	form := *f.json
	if rows != "" {
		form.rows = foldPath(rows)
	}
	w := &walker{
		form: &form, dec: json.NewDecoder(bytes.NewReader(text)), table: &table{unit: "record"},
		around: surroundings{values: make(map[string]string)}, more: make(map[string]bool), values: make(map[string]string),
	}
	w.dec.UseNumber()
	for c := range w.table.column {
		w.table.column[c] = -1
	}
	for _, path := range form.more {
		w.more[path] = true
	}
	for first := true; ; first = false {
		token, err := w.dec.Token()
		if errors.Is(err, io.EOF) && !first {
			break
		}
		if err == nil {
			if token == json.Delim('[') {
				w.around.array, w.listed = true, w.listed || !w.dec.More()
			}
			err = w.value("", token)
		}
		if err != nil {
			return nil, false, w.fault(err)
		}
	}
	if part, err = form.around(&w.around); err != nil {
		return nil, false, err
	}
	for name := range strings.SplitSeq(w.around.values[form.promised], ",") {
		if u, ok := form.columns[foldPath(name)]; ok {
			w.table.column[u.column] = int(u.column)
		}
	}
	if len(w.table.rows) == 0 {
		if !w.listed && w.around.values[form.promised] == "" {
			return nil, false, fmt.Errorf("%w: no list of rows in the JSON", ingest.ErrMalformed)
		}
		return w.table, part, nil
	}
	w.table.daily = form.daily
	if err := w.table.usable("the records have", form.daily); err != nil {
		return nil, false, err
	}
	if missing := lacking(form.columns, w.table); missing != "" {
		return nil, false, errors.New(missing)
	}
	return w.table, part, nil
}

// fault makes a JSON error one that repeats nothing of the body.
func (w *walker) fault(err error) error {
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("%w: JSON at byte %d", ingest.ErrMalformed, syntax.Offset)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: not a whole JSON value", ingest.ErrMalformed)
	}
	return err
}

func (w *walker) value(path string, token json.Token) error {
	switch t := token.(type) {
	case json.Delim:
		if w.depth++; w.depth > maxDepth {
			return fmt.Errorf("%w: JSON more than %d levels deep", ingest.ErrMalformed, maxDepth)
		}
		defer func() { w.depth-- }()
		if t == '[' {
			return w.list(path)
		}
		if !w.open && path == w.form.rows {
			return w.record()
		}
		return w.object(path)
	case string:
		w.scalar(path, t)
	case json.Number:
		w.scalar(path, t.String())
	case bool:
		w.scalar(path, fmt.Sprint(t))
	case nil:
		w.scalar(path, "")
	}
	return nil
}

func (w *walker) object(path string) error {
	for w.dec.More() {
		name, err := w.dec.Token()
		if err != nil {
			return err
		}
		token, err := w.dec.Token()
		if err != nil {
			return err
		}
		key, _ := name.(string)
		switch {
		case len(path)+len(key) >= maxPath:
			key = nowhere
		case path != "":
			key = path + "." + foldPath(key)
		default:
			key = foldPath(key)
		}
		if err := w.value(key, token); err != nil {
			return err
		}
	}
	_, err := w.dec.Token() // its end
	return err
}

func (w *walker) list(path string) error {
	rows := !w.open && path == w.form.rows
	w.listed = w.listed || rows
	for w.dec.More() {
		token, err := w.dec.Token()
		if err != nil {
			return err
		}
		at := path
		if _, nested := token.(json.Delim); !nested {
			if at += "[]"; rows {
				return fmt.Errorf("%w: a row that is no JSON object", ingest.ErrMalformed)
			}
		}
		if err := w.value(at, token); err != nil {
			return err
		}
	}
	_, err := w.dec.Token()
	return err
}

// record reads one row.
func (w *walker) record() error {
	w.open, w.cells, w.set = true, [columnCount]string{}, [columnCount]bool{}
	clear(w.values)
	w.number++
	if err := w.object(""); err != nil {
		return err
	}
	w.open = false
	if w.form.fill != nil {
		w.form.fill(w.values, func(c column, text string) { w.put(use{column: c}, text) })
	}
	last := 0
	for c := range w.cells {
		if w.set[c] {
			last = c + 1
		}
	}
	cells := make([]string, last) // most records end long before the last column
	copy(cells, w.cells[:last])
	w.table.rows = append(w.table.rows, row{line: w.number, cells: cells})
	if len(w.table.rows) > maxRows {
		return fmt.Errorf("has more than %d rows; split it by date", maxRows)
	}
	return nil
}

func (w *walker) scalar(path, text string) {
	switch u, ok := w.form.columns[path]; {
	case !w.open:
		if was, known := w.around.values[path]; known || len(w.around.values) < maxAround {
			w.around.values[path] = gather(was, text)
		}
	case ok:
		if w.form.cell != nil {
			text = w.form.cell(path, text)
		}
		w.put(u, text)
	case w.more[path]:
		w.values[path] = gather(w.values[path], text)
	}
}

func gather(was, text string) string {
	if was == "" || len(was)+len(text) > maxGathered {
		return text
	}
	return was + "\n" + text
}

// put fills a cell. Of several values for one column that of the higher rank
// stands; two of one rank are refused.
func (w *walker) put(u use, text string) {
	c := u.column
	w.table.column[c] = int(c)
	switch {
	case text == "":
	case w.set[c] && w.rank[c] == u.rank:
		w.table.problems.add("record", w.number, columnNames[c], "stands there twice")
	case !w.set[c] || w.rank[c] < u.rank:
		w.cells[c], w.rank[c], w.set[c] = text, u.rank, true
	}
}
