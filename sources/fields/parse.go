package fields

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"slices"
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
		fields, err = parseURLEncoded(d.Body, params["charset"])
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

func parseURLEncoded(body []byte, charset string) ([]Field, error) {
	l := newList(maxFields, bytes.Count(body, []byte{'&'})+1)
	var text strings.Builder // of all names and values, which are parts of it
	text.Grow(len(body))
	for len(body) > 0 {
		var pair []byte
		pair, body, _ = bytes.Cut(body, []byte{'&'})
		if len(pair) == 0 {
			continue
		}
		name, value, _ := bytes.Cut(pair, []byte{'='})
		start := text.Len()
		ok := unescape(&text, name)
		middle := text.Len()
		if !ok || !unescape(&text, value) {
			return nil, fmt.Errorf("%w: broken percent-encoding in the form", ingest.ErrMalformed)
		}
		if err := l.add(text.String()[start:middle], text.String()[middle:]); err != nil {
			return nil, err
		}
	}
	recode(l.fields, charset)
	return l.fields, nil
}

// unescape writes s without its escapes, as url.QueryUnescape would have it. It
// returns false if one is broken.
func unescape(text *strings.Builder, s []byte) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '+':
			text.WriteByte(' ')
		case '%':
			if len(s)-i < 3 {
				return false
			}
			var b [1]byte
			if _, err := hex.Decode(b[:], s[i+1:i+3]); err != nil {
				return false
			}
			text.WriteByte(b[0])
			i += 2
		default:
			text.WriteByte(c)
		}
	}
	return true
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
