package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/leadgate/leadgate/"

type listed struct {
	ImportPath string
	Standard   bool
	Imports    []string
}

func listPackages(t *testing.T) []listed {
	t.Helper()
	var packages []listed
	seen := map[string]bool{}
	for _, dir := range moduleDirs {
		out := goCommand(t, dir, "list", "-json=ImportPath,Standard,Imports", "-deps", "./...")
		for dec := json.NewDecoder(bytes.NewReader(out)); ; {
			var p listed
			if err := dec.Decode(&p); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if !seen[p.ImportPath] {
				seen[p.ImportPath] = true
				packages = append(packages, p)
			}
		}
	}
	return packages
}

// leaves may be imported by every package but ingest itself; they import nothing
// of ours but that. The list is closed (design, the import law).
var leaves = []string{"ingest/durable", "ingest/identity", "ingest/redact", "ingest/retry"}

// allowed tells which of our own rooms a room may import.
func allowed(from, to string) bool {
	top, _, _ := strings.Cut(from, "/")
	switch {
	case top == "cmd":
		return true
	case from == "ingest":
		return false
	case to == "ingest":
		return true
	case slices.Contains(leaves, from):
		return false
	case slices.Contains(leaves, to):
		return true
	case top == "ingest":
		return false
	default: // sources and analytics: their own house besides
		return strings.HasPrefix(to, top+"/") || to == top
	}
}

// The architecture: arrows only point the way the design says.
func TestImports_FollowTheLaw(t *testing.T) {
	t.Parallel()
	packages := listPackages(t)
	standard := map[string]bool{}
	for _, p := range packages {
		standard[p.ImportPath] = p.Standard
	}
	rooms := 0
	for _, p := range packages {
		from, ours := strings.CutPrefix(p.ImportPath, module)
		if !ours {
			continue
		}
		rooms++
		for _, imported := range p.Imports {
			to, ours := strings.CutPrefix(imported, module)
			if ours && !allowed(from, to) {
				t.Errorf("%s must not import %s", from, to)
			}
			if (from == "ingest" || slices.Contains(leaves, from)) && !ours && !standard[imported] {
				t.Errorf("%s imports %s: only the standard library is allowed", from, imported)
			}
			// See schema.fill.
			if imported == "text/template" || imported == "html/template" {
				t.Errorf("%s imports %s, which has the program a third larger", from, imported)
			}
			// The benchmark's floor is fiber itself.
			if strings.HasPrefix(imported, "github.com/gofiber/") && from != "ingest/edge" && from != "cmd/bench" {
				t.Errorf("%s imports %s: only ingest/edge may know fiber", from, imported)
			}
		}
	}
	if rooms < 10 {
		t.Fatalf("only %d rooms were looked at", rooms)
	}
}

func TestImports_NoRoomWithoutMeaning(t *testing.T) {
	t.Parallel()
	banned := []string{
		"util", "utils", "common", "helper", "helpers", "model", "models", "types", "base",
		"manager", "service", "impl", "misc", "shared",
	}
	for _, p := range listPackages(t) {
		if strings.HasPrefix(p.ImportPath, module) && slices.Contains(banned, path.Base(p.ImportPath)) {
			t.Errorf("%s: the name says nothing", p.ImportPath)
		}
	}
}
