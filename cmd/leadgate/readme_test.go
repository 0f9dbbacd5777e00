package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leadgate/leadgate/sources"
)

// The README's table of sources is what people choose by. It says what the
// registry says.
func TestReadme_ListsEverySource(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range sources.Types() {
		row := "| " + strings.Join(source.Row(), " | ") + " |"
		if !strings.Contains(string(text), "\n"+row+"\n") {
			t.Errorf("README.md lacks the row\n%s", row)
		}
	}
}

// Every type can be copied from the example, and what is copied is valid.
func TestConfigExample_HasEveryType(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../config.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	list := "data_dir: " + t.TempDir() + "\nsources:\n"
	inside := false
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#  - {name: ") || inside && strings.HasPrefix(line, "#      {") || inside && strings.HasPrefix(line, "#       ") {
			list += line[1:]
			inside = true
		} else {
			inside = false
		}
	}
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	config, err := LoadConfig(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	there := make(map[string]bool)
	for i := range config.Sources {
		there[config.Sources[i].Type] = true
		for name := range config.Sources[i].Credentials {
			config.Sources[i].Credentials[name] = "credential-0123456789"
		}
		for n := range config.Sources[i].Secrets {
			config.Sources[i].Secrets[n] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" // suits every type
		}
	}
	if _, err := config.Check(); err != nil {
		t.Error(err)
	}
	for _, source := range sources.Types() {
		if !there[source.Name] && source.Name != "form" && source.Name != "click" { // these stand there by themselves
			t.Errorf("config.example.yaml shows no source of type %s", source.Name)
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
