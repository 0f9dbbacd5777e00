package sourcetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// Read reads a raw HTTP request (see ingest.ParseCapture) as a delivery that was
// received at its Date.
func Read(path string) (*ingest.Delivery, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	d, err := ingest.ParseCapture(text)
	if err == nil && d.ReceivedAt.IsZero() {
		err = errors.New("the Date header must hold the time of receipt")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	d.ID, d.RemoteAddr = "01JGTESTDELIVERY0000000000", "192.0.2.1"
	d.URL = strings.Replace(d.URL, "https:///", "https://leads.example.net/", 1)
	return d, nil
}

// result is what became of a case, as want.json has it.
type result struct {
	Verified bool
	Error    string
	Answer   ingest.Answer
	Events   []ingest.Event
}

// golden compares the result with the file, or writes the file.
func (c *testCase) golden(path string, update bool) error {
	got := show(c.through()) + "\n"
	if update {
		return os.WriteFile(path, []byte(got), 0o644) //nolint:gosec // fixtures are for everybody
	}
	want, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if got != string(want) {
		return fmt.Errorf("%s: run with -update and review the difference\n%s", path, difference(string(want), got))
	}
	return nil
}

// difference shows the first lines that differ.
func difference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return fmt.Sprintf("line %d:\n  want %s\n  got  %s", i+1, w[i], g[i])
		}
	}
	return fmt.Sprintf("want %d lines, got %d", len(w), len(g))
}

func render(events []ingest.Event, err error) string {
	r := result{Events: events}
	if err != nil {
		r.Error = err.Error()
	}
	return show(r)
}

func show(r result) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(compact(reflect.ValueOf(r))); err != nil {
		return "cannot be shown: " + err.Error()
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// compact turns a value into what JSON can show, leaving out what is empty.
// A pointer that is set is shown even if what it points to is zero.
func compact(v reflect.Value) any {
	switch x := v.Interface().(type) {
	case time.Time:
		return x.Format(time.RFC3339Nano)
	case ingest.Micros:
		return x.String()
	case []byte:
		return string(x)
	}
	switch v.Kind() {
	case reflect.Pointer:
		return compact(v.Elem())
	case reflect.Struct:
		fields := make(map[string]any)
		for i := range v.NumField() {
			if field := v.Field(i); !field.IsZero() {
				fields[v.Type().Field(i).Name] = compact(field)
			}
		}
		return fields
	case reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = compact(v.Index(i))
		}
		return list
	}
	return v.Interface()
}
