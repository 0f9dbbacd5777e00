package main

import (
	"os"
	"strings"
	"testing"

	"github.com/leadgate/leadgate/sources"
)

// The README's table of sources is what people choose by.
func TestReadme_ListsEverySource(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range sources.Types() {
		if !strings.Contains(string(text), "\n| `"+source.Name+"` |") {
			t.Errorf("README.md has no row for the type %s", source.Name)
		}
	}
}

// Every command of the program stands in the README or in its help; those that
// the README names must exist.
func TestReadme_NamesCommandsThatExist(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for line := range strings.Lines(string(text)) {
		for _, part := range strings.Split(line, "leadgate ")[1:] {
			words := strings.FieldsFunc(part, func(r rune) bool { return r < 'a' || r > 'z' })
			if len(words) == 0 || !strings.HasPrefix(part, words[0]) || !strings.Contains(line, "`") && !strings.HasPrefix(line, "leadgate ") {
				continue
			}
			if cmd, _, err := new(app).rootCommand().Find(words[:1]); err != nil || cmd.Name() != words[0] {
				t.Errorf("README.md names `leadgate %s`, which is no command", words[0])
			}
			found++
		}
	}
	if found < 10 {
		t.Errorf("only %d commands were found in README.md", found)
	}
}
