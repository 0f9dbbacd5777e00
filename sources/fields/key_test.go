package fields_test

import (
	"strings"
	"testing"
	"time"

	"github.com/leadgate/leadgate/sources/fields"
)

// The keys of forms are what they were before texts were taken apart to be
// normalised, and before what costs much of them was bounded: events are counted by
// them.
func TestForm_KeysAsEver(t *testing.T) {
	t.Parallel()
	received := time.Date(2026, 1, 31, 12, 34, 56, 0, time.UTC)
	mapping, err := fields.NewMapping(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		values []string
		key    string
	}{
		"a word":              {[]string{"Kim"}, "hash:fce9f2808fb92f4c015c3ae6a3c1b98b"},
		"lines":               {[]string{" a\r\nb\r\n\r\n c "}, "hash:1ac514193574648032bedf5a06a08aee"},
		"many lines":          {[]string{strings.Repeat("Grüße aus Köln\r\n", 10_000)}, "hash:d3a37b2cb8a8377b864ac1dcf87eb4dc"},
		"accents":             {[]string{strings.Repeat("Tie\u0302\u0301ng Vie\u0323\u0302t\n", 2000)}, "hash:223de679b459e84359c74333d232c2d2"},
		"accents out of line": {[]string{strings.Repeat("e\u0301\u0316 ", 8000)}, "hash:0ec71bd0783d1c9bb7c4f8b3af863732"},
		"broken":              {[]string{strings.Repeat("J\xfcrgen\x00 ", 5000)}, "hash:263a9f5418715c1392be82b5e69e6761"},
		"several":             {[]string{"a\u0301", "b\r\n", "\ufeffc"}, "hash:5ac9162e9c60f93ce4e71234a6190e98"},
		"the most":            {[]string{strings.Repeat("e\u0301\u0316 ", 10_000) + strings.Repeat("Grüße ", 10_000)}, "hash:22b3b3a83c0fd8d4302e04361916b175"},
	} {
		form := mapping.Read([]fields.Field{{Name: "email", Values: []string{"kim@example.com"}}, {Name: "q", Values: c.values}})
		if got := form.Key(received); got != c.key {
			t.Errorf("%s: %s, not %s", name, got, c.key)
		}
		if again := form.Key(received.Add(time.Minute)); again != c.key {
			t.Errorf("%s: %s when it is asked again", name, again)
		}
		if later := form.Key(received.Add(time.Hour)); later == c.key {
			t.Errorf("%s: an hour later it is the same", name)
		}
	}
}

// What is beyond the bound is still told apart.
func TestForm_KeysBeyondTheBound(t *testing.T) {
	t.Parallel()
	mapping, err := fields.NewMapping(nil)
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("e\u0301\u0316", 100_000)
	seen := make(map[string]bool)
	for _, sent := range [][]fields.Field{
		{{Name: "a", Values: []string{long}}},
		{{Name: "a", Values: []string{long + "x"}}},
		{{Name: "a", Values: []string{long, "x"}}},
		{{Name: "a", Values: []string{long}}, {Name: "b", Values: []string{long}}},
		{{Name: "a", Values: []string{long}}, {Name: "b", Values: []string{long + "x"}}},
		{{Name: "a", Values: []string{long}}, {Name: "b", Values: []string{"e\u0301"}}},
		{{Name: "a", Values: []string{long}}, {Name: "b", Values: []string{"e\u0300"}}},
	} {
		key := mapping.Read(sent).Key(time.Unix(1769850000, 0))
		if key == "" || seen[key] {
			t.Errorf("%d fields share the key of others", len(sent))
		}
		seen[key] = true
		if again := mapping.Read(sent).Key(time.Unix(1769850000, 0)); again != key {
			t.Error("the same fields have another key")
		}
	}
}
