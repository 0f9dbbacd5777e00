package fields_test

import (
	"encoding/json"
	"net/textproto"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
)

var fuzzReceived = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

// Whatever a form sends is read twice the same or refused, and what is read
// stays within the bounds.
func FuzzParse(f *testing.F) {
	const boundary = "multipart/form-data; boundary=b"
	f.Add("application/x-www-form-urlencoded", []byte("name=Kim+Lee&email=kim%40example.com&a%5B%5D=1&a%5B%5D=2"))
	f.Add("application/x-www-form-urlencoded; charset=windows-1251", []byte("name=%c8%ec%ff&_charset_=utf-8"))
	f.Add("application/x-www-form-urlencoded", []byte("_charset_=gbk&name=%ff%41&name=&&=&%"))
	f.Add(boundary, []byte("--b\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\nkim@example.com\r\n--b--\r\n"))
	f.Add(boundary, []byte("--b\r\nContent-Disposition: form-data; name=f; filename*=utf-8''%e2%82%ac\r\n\r\nx\r\n--b\r\nA: b\r\n c\r\n\r\n\r\n--b--"))
	f.Add(boundary, []byte("--b\r\nContent-Disposition: form-data; name=f; filename=\"\"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=4\r\n--b--"))
	f.Add("multipart/form-data; boundary=\"a b\"", []byte("--a b\n\n\n--a b--"))
	f.Add("application/json", []byte(`{"a":{"b":[1,{"c":null},[true]]},"email":"kim@example.com"}`))
	f.Add("text/plain", []byte(` {"email":"kim@example.com","n":1e400}`))
	f.Add("application/vnd.api+json; a=", []byte(`{}`))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		d := &ingest.Delivery{Header: textproto.MIMEHeader{"Content-Type": {contentType}}, Body: body}
		sent, err := fields.Parse(d)
		again, errAgain := fields.Parse(d)
		if (err == nil) != (errAgain == nil) || !reflect.DeepEqual(sent, again) {
			t.Fatalf("not the same twice: %v, %v", err, errAgain)
		}
		if err != nil {
			return
		}
		for _, field := range sent {
			if len(field.Values) == 0 || len(field.Values) > 100 || len(field.Name) > 200 || !utf8.ValidString(field.Name) {
				t.Fatalf("field %q with %d values", field.Name, len(field.Values))
			}
		}
		form := new(fields.Mapping).Read(sent)
		if form.Key(fuzzReceived) != new(fields.Mapping).Read(again).Key(fuzzReceived) {
			t.Error("two keys for one form")
		}
	})
}

// Any mapping reads any JSON, or refuses it.
func FuzzJSONReader(f *testing.F) {
	f.Add("data.leads", "contact.mail", "id", []byte(`{"data":{"leads":[{"contact":{"mail":"kim@example.com"},"id":1}]}}`))
	f.Add("", "email", "", []byte(`[{"email":"kim@example.com"},{"email":"lee@example.com"}]`))
	f.Add("0.a", "", "x.0", []byte(`[{"a":[{"x":[1,2]}]}]`))
	f.Add("", "", "", []byte(`{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":1}}}}}}}}}}}}}}}}}`))
	f.Fuzz(func(t *testing.T, root, email, id string, body []byte) {
		value, err := fields.ParseJSON(body)
		if err != nil {
			return
		}
		if !json.Valid(body) {
			t.Fatal("what is no JSON was read")
		}
		options := fields.MappingOptions{Root: root, ID: id}
		if email != "" {
			options.Fields = map[string]string{"email": email}
		}
		reader, err := fields.NewJSONReader(options, time.UTC)
		if err != nil {
			return
		}
		events, err := reader.Events(value, fuzzReceived)
		again, errAgain := reader.Events(value, fuzzReceived)
		if (err == nil) != (errAgain == nil) || !reflect.DeepEqual(events, again) {
			t.Fatalf("not the same twice: %v, %v", err, errAgain)
		}
		for i := range events {
			if events[i].Lead == nil || events[i].Key == "" {
				t.Errorf("event %d is no lead, or has no key", i)
			}
		}
	})
}

func FuzzRoleOf(f *testing.F) {
	f.Add("your-email")
	f.Add("fields[phone][]")
	f.Add("_gotcha")
	f.Add("Имя_1_1_1")
	f.Fuzz(func(t *testing.T, name string) {
		first, second := fields.RoleOf(name), fields.RoleOf(strings.Clone(name))
		if first != second {
			t.Errorf("both %q and %q", first, second)
		}
	})
}
