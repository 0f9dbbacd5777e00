package forms

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/textproto"
	"slices"
	"strings"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/normalize"
)

// Media types that fields are read from.
const (
	jsonMedia = "application/json"
	formMedia = "application/x-www-form-urlencoded"
)

// sentBy reads the fields of senders that leave method and format to their
// user: the query of a GET, JSON (also without a Content-Type), a form, or XML.
// Errors: those of fields.Parse.
func sentBy(d *ingest.Delivery) ([]fields.Field, error) {
	if d.Method == "GET" || len(d.Body) == 0 {
		return queryOf(d)
	}
	if isXML(d) {
		return parseXML(d.Body)
	}
	media, err := mediaOf(d)
	if err != nil {
		return nil, err
	}
	if media == fields.JSON {
		return fields.Parse(bodyAs(jsonMedia, d.Body))
	}
	sent, err := fields.Parse(d)
	return joined(sent), err
}

// bodyAs is a delivery of nothing but that body.
func bodyAs(media string, body []byte) *ingest.Delivery {
	return &ingest.Delivery{Header: textproto.MIMEHeader{"Content-Type": {media}}, Body: body}
}

// queryOf reads the query as a form. What proves who the sender is is none of
// its fields: it is gone from what was kept.
func queryOf(d *ingest.Delivery) ([]fields.Field, error) {
	_, query, _ := strings.Cut(d.URL, "?")
	sent, err := fields.Parse(bodyAs(formMedia, []byte(query)))
	if err != nil {
		return nil, err
	}
	sent = slices.DeleteFunc(sent, func(f fields.Field) bool { return slices.Contains(ingest.CredentialParams, f.Name) })
	return joined(sent), nil
}

// joined brings the values of a list together, which PHP writes as tags[0]=a&
// tags[1]=b.
func joined(sent []fields.Field) []fields.Field {
	list := make([]fields.Field, 0, len(sent))
	index := make(map[string]int, len(sent))
	for _, field := range sent {
		name := field.Name
		if open := strings.LastIndexByte(name, '['); open > 0 && strings.HasSuffix(name, "]") &&
			strings.Trim(name[open:], "[0123456789]") == "" {
			name = name[:open]
		}
		for _, value := range field.Values {
			addField(&list, index, name, value)
		}
	}
	return list
}

func isXML(d *ingest.Delivery) bool {
	media, _, err := mime.ParseMediaType(d.Header.Get("Content-Type"))
	return err == nil && (media == "application/xml" || media == "text/xml")
}

// Bounds of XML. Every element costs memory, however small it is.
const (
	maxElements = 1000
	maxXMLDepth = 16
)

// parseXML reads the innermost elements as fields by their names, whatever
// they stand in. Entities that a document declares are not read.
func parseXML(body []byte) ([]fields.Field, error) {
	dec := xml.NewDecoder(bytes.NewReader(body))
	dec.CharsetReader = utf8Only
	var sent []fields.Field
	index := make(map[string]int)
	var text strings.Builder
	leaf := false
	for depth, elements := 0, 0; ; {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) && elements > 0 {
			return sent, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%w: not a whole XML document", ingest.ErrMalformed)
		}
		switch t := token.(type) {
		case xml.StartElement:
			depth, elements, leaf = depth+1, elements+1, true
			text.Reset()
			if depth > maxXMLDepth || elements > maxElements {
				return nil, fmt.Errorf("%w: XML of more than %d elements, or nested deeper than %d", ingest.ErrTooLarge, maxElements, maxXMLDepth)
			}
		case xml.CharData:
			text.Write(t)
		case xml.EndElement:
			depth--
			if leaf {
				addField(&sent, index, t.Name.Local, strings.TrimSpace(text.String()))
			}
			leaf = false
		}
	}
}

func utf8Only(charset string, input io.Reader) (io.Reader, error) {
	if strings.EqualFold(charset, "us-ascii") {
		return input, nil
	}
	return nil, errors.New("not UTF-8")
}

// addField joins the values of fields of one name, in the order of the first.
func addField(sent *[]fields.Field, index map[string]int, name, value string) {
	i, ok := index[name]
	if !ok {
		i = len(*sent)
		index[name] = i
		*sent = append(*sent, fields.Field{Name: name})
	}
	(*sent)[i].Values = append((*sent)[i].Values, value)
}

// telling says whether a name alone tells what a field is: a role, or a
// parameter of tagging.
func telling(name string) bool {
	return meaningful(name) || normalize.AddTag(new(ingest.Tagging), name, "x")
}

// nameEmail names the first field that holds nothing but an e-mail address, in
// forms whose fields have numbers or labels in any language, unless one is
// known to be the address.
func (g *guarded) nameEmail(sent []fields.Field, among func(name string) bool) {
	if g.mapped[string(fields.Email)] != "" {
		return
	}
	found := -1
	for i, field := range sent {
		if fields.RoleOf(field.Name) == fields.Email {
			return
		}
		if found >= 0 || !among(field.Name) || g.mapping.Names(field.Name) || telling(field.Name) || len(field.Values) != 1 {
			continue
		}
		if value := strings.TrimSpace(field.Values[0]); strings.Contains(value, "@") && !strings.ContainsAny(value, " <>\"") {
			if _, err := normalize.Email(value); err == nil {
				found = i
			}
		}
	}
	if found >= 0 {
		sent[found].Name = string(fields.Email)
	}
}
