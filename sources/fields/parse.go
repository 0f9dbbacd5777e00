package fields

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/htmlindex"

	"github.com/leadgate/leadgate/ingest"
)

// Bounds of what a form may send. What exceeds them is too large.
const (
	maxFields   = 200
	maxLeaves   = 2000 // of a JSON body, which often carries more than the lead
	maxNameSize = 200
	maxValues   = 100
	maxNesting  = 16
	maxParts    = 1000    // of a multipart body, those without a name included
	maxTotal    = 20_000  // values of all fields together
	maxJSON     = 200_000 // values of a JSON body, each of which costs memory
)

// Media is a kind of body that can be read as fields.
type Media int

// The kinds of bodies.
const (
	URLEncoded Media = iota + 1
	Multipart
	JSON
)

// MediaOf tells how the body of d is to be read. JSON is also taken under
// text/plain, which browsers send without asking (sendBeacon). Errors:
// ErrMediaType.
func MediaOf(d *ingest.Delivery) (Media, map[string]string, error) {
	header := d.Header.Get("Content-Type")
	switch header {
	case "application/json":
		return JSON, nil, nil
	case "application/x-www-form-urlencoded":
		return URLEncoded, nil, nil
	}
	media, params, err := mime.ParseMediaType(header)
	object := bytes.HasPrefix(bytes.TrimLeft(d.Body, " \t\r\n"), []byte("{"))
	switch {
	case err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter):
		return 0, nil, fmt.Errorf("%w: no valid Content-Type; send %s", ingest.ErrMediaType, readable)
	case media == "application/x-www-form-urlencoded":
		return URLEncoded, params, nil
	case media == "multipart/form-data":
		return Multipart, params, nil
	case media == "application/json" || strings.HasSuffix(media, "+json") || media == "text/plain" && object:
		return JSON, params, nil
	}
	return 0, nil, fmt.Errorf("%w: send %s", ingest.ErrMediaType, readable)
}

const readable = "application/x-www-form-urlencoded, multipart/form-data or application/json"

// Parse reads the body of d, one JSON object or a form, as fields in the
// order sent (JSON: in the order of names). Errors: ErrMediaType,
// ErrMalformed, ErrTooLarge.
func Parse(d *ingest.Delivery) ([]Field, error) {
	media, params, err := MediaOf(d)
	if err != nil {
		return nil, err
	}
	var fields []Field
	switch media {
	case URLEncoded:
		fields, err = parseURLEncoded(string(d.Body), params["charset"])
	case Multipart:
		fields, err = parseMultipart(d.Body, params["boundary"])
	case JSON:
		fields, err = parseObject(d.Body)
	}
	if err != nil {
		return nil, err
	}
	return fields, bounded(fields)
}

func parseObject(body []byte) ([]Field, error) {
	value, err := ReadJSON(body)
	if err != nil {
		return nil, err
	}
	if value.Kind() != Object {
		return nil, fmt.Errorf("%w: the body must be one JSON object", ingest.ErrMalformed)
	}
	l := newList(maxLeaves, len(value.nodes)-1)
	if err := l.flattenValue("", value, 0); err != nil {
		return nil, err
	}
	return l.fields, nil
}

func bounded(fields []Field) error {
	for _, field := range fields {
		if len(field.Name) > maxNameSize {
			return fmt.Errorf("%w: a field's name has more than %d bytes", ingest.ErrTooLarge, maxNameSize)
		}
		if len(field.Values) > maxValues {
			return fmt.Errorf("%w: a field has more than %d values", ingest.ErrTooLarge, maxValues)
		}
	}
	return nil
}

// list gathers fields in the order in which their names first appear.
type list struct {
	limit  int
	total  int
	fields []Field
	values []string       // room for the values of fields that have but one
	index  map[string]int // of the fields' names, once they are many
}

// few is how many names are compared one by one.
const few = 16

// newList makes a list with room for about so many fields.
func newList(limit, fields int) list {
	fields = min(fields, limit)
	return list{limit: limit, fields: make([]Field, 0, fields), values: make([]string, 0, fields)}
}

func (l *list) add(name, value string) error {
	if l.total++; l.total > maxTotal {
		return fmt.Errorf("%w: more than %d values", ingest.ErrTooLarge, maxTotal)
	}
	name = strings.ToValidUTF8(name, "\uFFFD")
	if i := l.find(name); i >= 0 {
		l.fields[i].Values = append(l.fields[i].Values, value)
		return nil
	}
	n := len(l.fields)
	if n == l.limit {
		return fmt.Errorf("%w: more than %d fields", ingest.ErrTooLarge, l.limit)
	}
	l.values = append(l.values, value)
	l.fields = append(l.fields, Field{Name: name, Values: l.values[n : n+1 : n+1]})
	return nil
}

// find returns where the field of that name stands, -1 if there is none yet.
func (l *list) find(name string) int {
	if len(l.fields) <= few {
		return slices.IndexFunc(l.fields, func(f Field) bool { return f.Name == name })
	}
	if l.index == nil {
		l.index = make(map[string]int, 2*len(l.fields))
	}
	for i := len(l.index); i < len(l.fields); i++ {
		l.index[l.fields[i].Name] = i
	}
	if i, ok := l.index[name]; ok {
		return i
	}
	return -1
}

func parseURLEncoded(body, charset string) ([]Field, error) {
	l := newList(maxFields, strings.Count(body, "&")+1)
	for body != "" {
		var pair string
		pair, body, _ = strings.Cut(body, "&")
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err == nil {
			value, err = url.QueryUnescape(value)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: broken percent-encoding in the form", ingest.ErrMalformed)
		}
		if err := l.add(name, value); err != nil {
			return nil, err
		}
	}
	recode(l.fields, charset)
	return l.fields, nil
}

// recode brings old pages' charsets to UTF-8: that of the Content-Type, or
// what the browser wrote into the hidden field _charset_.
func recode(fields []Field, charset string) {
	for _, field := range fields {
		if field.Name == "_charset_" && field.Values[0] != "" {
			charset = field.Values[0]
		}
	}
	if charset == "" || strings.EqualFold(charset, "utf-8") {
		return
	}
	encoding, err := htmlindex.Get(charset)
	if err != nil {
		return
	}
	for _, field := range fields {
		for i, value := range field.Values {
			if utf8.ValidString(value) {
				continue
			}
			if text, err := encoding.NewDecoder().String(value); err == nil {
				field.Values[i] = text
			}
		}
	}
}

// parseMultipart keeps of a file its name and size: what it holds stays in
// the kept delivery only.
func parseMultipart(body []byte, boundary string) ([]Field, error) {
	if boundary == "" || !bytes.Contains(body, []byte("--"+boundary)) {
		return nil, fmt.Errorf("%w: multipart without its boundary", ingest.ErrMalformed)
	}
	l := list{limit: maxFields}
	reader := multipart.NewReader(bytes.NewReader(body), boundary)
	var buf bytes.Buffer
	for count := 0; ; count++ {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%w: broken multipart form: %s", ingest.ErrMalformed, reason(err))
		}
		if count == maxParts {
			return nil, fmt.Errorf("%w: more than %d parts", ingest.ErrTooLarge, maxParts)
		}
		text, keep, err := readPart(part, &buf)
		if err != nil {
			return nil, fmt.Errorf("%w: broken multipart form: %s", ingest.ErrMalformed, reason(err))
		}
		if name := part.FormName(); keep && name != "" {
			if err := l.add(name, text); err != nil {
				return nil, err
			}
		}
	}
	recode(l.fields, "")
	return l.fields, nil
}

// readPart returns the value of one part; keep is false for a file field that
// was left empty. buf is scratch space.
func readPart(part *multipart.Part, buf *bytes.Buffer) (text string, keep bool, err error) {
	_, params, paramErr := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
	name, isFile := params["filename"]
	if paramErr == nil && name != "" {
		n, err := io.Copy(io.Discard, part)
		return fmt.Sprintf("%s (%d bytes)", part.FileName(), n), true, err
	}
	buf.Reset()
	_, err = buf.ReadFrom(part)
	return buf.String(), !isFile, err
}

// reason says what is wrong with a multipart body without repeating of it.
func reason(err error) string {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return "it ends too early"
	}
	return "a part cannot be read"
}

// Flatten turns a JSON object into fields: nested objects by their path
// ("contact.email"), lists of plain values as several values. null is no
// value. Errors: ErrTooLarge.
func Flatten(object map[string]any) ([]Field, error) {
	l := list{limit: maxLeaves}
	if err := l.flatten("", object, 0); err != nil {
		return nil, err
	}
	return l.fields, nil
}

func (l *list) flatten(path string, value any, depth int) error {
	if err := nesting(path, holds(value), depth); err != nil {
		return err
	}
	switch v := value.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if err := l.flatten(join(path, name), v[name], depth+1); err != nil {
				return err
			}
		}
	case []any:
		for i, element := range v {
			at := path
			if holds(element) {
				at = join(path, strconv.Itoa(i))
			}
			if err := l.flatten(at, element, depth+1); err != nil {
				return err
			}
		}
	case string:
		return l.add(path, v)
	case json.Number:
		return l.add(path, v.String())
	case bool:
		return l.add(path, strconv.FormatBool(v))
	}
	return nil
}

// holds tells whether other values stand in a value.
func holds(value any) bool {
	switch value.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

// nesting refuses what is nested too deep, and lists and objects under a long
// path, which every leaf below would repeat.
func nesting(path string, holds bool, depth int) error {
	if depth > maxNesting {
		return fmt.Errorf("%w: JSON nested deeper than %d", ingest.ErrTooLarge, maxNesting)
	}
	if holds && len(path) > maxNameSize {
		return fmt.Errorf("%w: JSON objects under names of more than %d bytes", ingest.ErrTooLarge, maxNameSize)
	}
	return nil
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// At returns what stands at a dotted path of a JSON value; "" is the value
// itself. Steps into lists are numbers.
func At(value any, path string) (any, bool) {
	if path == "" {
		return value, true
	}
	for step := range strings.SplitSeq(path, ".") {
		switch v := value.(type) {
		case map[string]any:
			next, ok := v[step]
			if !ok {
				return nil, false
			}
			value = next
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(v) {
				return nil, false
			}
			value = v[i]
		default:
			return nil, false
		}
	}
	return value, true
}
