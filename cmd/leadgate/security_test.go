package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The security page names the tests that hold what it says.
func TestSecurity_NamesTestsThatExist(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../ingest/SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	exists := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err = filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == ".git" || entry.Name() == "bin") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		for _, match := range declared.FindAllSubmatch(text, -1) {
			exists[string(match[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`(Test\\w+)`").FindAllSubmatch(page, -1)
	if len(named) < 40 {
		t.Errorf("only %d tests are named", len(named))
	}
	for _, match := range named {
		if name := string(match[1]); !exists[name] {
			t.Errorf("ingest/SECURITY.md names %s, which is no test", name)
		}
	}
	// A row has four cells; a stray bar would shift them.
	for line := range strings.Lines(string(page)) {
		cells := strings.Count(line, "|") - 1
		if strings.HasPrefix(line, "|") && cells != 4 {
			t.Errorf("%d cells in %q", cells, line)
		}
	}
}
