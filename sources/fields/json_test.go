package fields_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
)

// reference reads JSON as the standard library does.
func reference(body []byte) (value any, err error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err = dec.Decode(&value); err == nil {
		if _, more := dec.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("more behind the value")
		}
	}
	return value, err
}

// asReference checks that a body is read as the standard library reads it, and
// that its fields do not depend on the way it is read.
func asReference(t *testing.T, body []byte) {
	t.Helper()
	want, wantErr := reference(body)
	got, err := fields.ParseJSON(body)
	if errors.Is(err, ingest.ErrTooLarge) {
		return
	}
	if (err == nil) != (wantErr == nil) || err == nil && !reflect.DeepEqual(got, want) {
		t.Fatalf("%q: %#v, %v; want %#v, %v", body, got, err, want, wantErr)
	}
	object, ok := want.(map[string]any)
	if !ok || wantErr != nil {
		return
	}
	flat, flatErr := fields.Flatten(object)
	sent, err := fields.Parse(delivery("application/json", string(body)))
	if flatErr != nil && (err == nil || err.Error() != flatErr.Error()) {
		t.Errorf("%q: %v, want %v", body, err, flatErr)
	}
	if err == nil && len(sent)+len(flat) > 0 && !reflect.DeepEqual(sent, flat) {
		t.Errorf("%q: fields %q, want %q", body, sent, flat)
	}
}

var jsonTexts = []string{
	`{"b":1,"a":{"z":[1,[2,{"y":null}],"x"],"b":true},"":"","b":"last","a.b":false}`, ` [ ] `, `{}`, `"\ud83d\ude00\u00e9\/\b"`,
	`"\ud83d"`, `"\ud83d\u0041"`, `"\ude00\ud83d\ude00"`, `"\uD83Dx"`, "\"\xff\xc3\xa9\xed\xa0\x80\"", `"\'"`, `"\u12g4"`, `"\u123`, `"\`, `"`,
	"\"a\nb\"", "\"\x7f\u2028\"", `-0`, `-`, `01`, `1.`, `.5`, `1e5`, `1E+05`, `1e`, `-1.50e-3`, `+1`, `1e400`, `0x1`, `NaN`, `true`, `truex`, `nul`, ``,
	`  `, `[1,]`, `[,1]`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{a:1}`, `{"a":1}}`, `1 2`, "1\x00", "\ufeff1", `[[[[1],{"a":[]}]]]`, `{"a" : 1 , "b":[ ]}`,
	`{"\u0061":1,"a":2}`, "{\"\xff\":1,\"\xfe\":2}",
}

// JSON is read as the standard library reads it, the last of equal names and
// what is no UTF-8 included.
func TestReadJSON(t *testing.T) {
	t.Parallel()
	for _, text := range jsonTexts {
		asReference(t, []byte(text))
		asReference(t, []byte(`{"k":`+text+`}`))
	}
	for _, depth := range []int{16, 17, 10_000, 10_001} {
		asReference(t, []byte(strings.Repeat("[", depth)+strings.Repeat("]", depth)))
		asReference(t, []byte(strings.Repeat(`{"a":`, depth-1)+"{}"+strings.Repeat("}", depth-1)))
	}
	for n, want := range map[int]error{200_000: nil, 200_001: ingest.ErrTooLarge} {
		if _, err := fields.ReadJSON([]byte("[1" + strings.Repeat(",1", n-1) + "]")); !errors.Is(err, want) {
			t.Errorf("%d values: %v, want %v", n, err, want)
		}
	}
}

func TestValue(t *testing.T) {
	t.Parallel()
	value, err := fields.ReadJSON([]byte(`{"list":["x",1.50,true,null,{"a":1}],"a":"first","a":"last"}`))
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for element := range value.Member("list").Elements() {
		texts = append(texts, element.Text())
	}
	if want := []string{"x", "1.50", "true", "", ""}; !reflect.DeepEqual(texts, want) || value.Member("list").Len() != len(want) {
		t.Errorf("list %q, want %q", texts, want)
	}
	if got := value.Member("a"); got.Kind() != fields.String || got.Text() != "last" {
		t.Errorf("a is %q", got.Text())
	}
	for _, none := range []fields.Value{value.Member("none"), value.Member("a").Member("a"), value.Member("list").Member("a"), {}} {
		if none.Kind() != fields.Null || none.Text() != "" || none.Len() != 0 {
			t.Errorf("what is not there is %q", none.Text())
		}
	}
}

func FuzzReadJSON(f *testing.F) {
	for _, text := range jsonTexts {
		f.Add([]byte(text))
	}
	f.Fuzz(asReference)
}
