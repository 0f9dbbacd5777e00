package sources_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources"
)

// Every type is proved by cases of its own: what is refused, what cannot be
// read, what is a duplicate, and, where its events can change, an update.
func TestCatalogue_CasesOfEveryType(t *testing.T) {
	t.Parallel()
	types := make(map[string]bool)
	for _, typ := range sources.Types() {
		types[typ.Name] = true
		if typ.Name == "cost" {
			continue // its formats have the cases
		}
		dirs, err := filepath.Glob(filepath.Join("*", "testdata", typ.Name))
		dirs = slices.DeleteFunc(dirs, func(dir string) bool { return strings.HasPrefix(dir, "costs") })
		if err != nil || len(dirs) != 1 {
			t.Errorf("%s: want one folder of cases, there are %v (%v)", typ.Name, dirs, err)
			continue
		}
		for _, problem := range lacking(t, typ, dirs[0]) {
			t.Errorf("%s: %s in %s", typ.Name, problem, dirs[0])
		}
	}
	dirs, err := filepath.Glob(filepath.Join("*", "testdata", "*", "*", "request.http"))
	if err != nil || len(dirs) == 0 {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		name := filepath.Base(filepath.Dir(filepath.Dir(dir)))
		if !types[name] && !strings.HasPrefix(dir, "costs") && !slices.ContainsFunc(sources.Types(), func(typ sources.Type) bool {
			return strings.HasPrefix(name, typ.Name+"-") // the same type with other options
		}) {
			t.Errorf("%s: cases of a type that is not in the registry", name)
		}
	}
}

func lacking(t *testing.T, typ sources.Type, dir string) (problems []string) {
	t.Helper()
	cases, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var refused, malformed, duplicate, update, mutable bool
	for _, c := range cases {
		refused = refused || strings.HasPrefix(c.Name(), "refused")
		malformed = malformed || strings.HasPrefix(c.Name(), "malformed")
		relation, _ := os.ReadFile(filepath.Join(dir, c.Name(), "relation.json"))
		duplicate = duplicate || strings.Contains(string(relation), "duplicate_of")
		update = update || strings.Contains(string(relation), "update_of")
		want, _ := os.ReadFile(filepath.Join(dir, c.Name(), "want.json"))
		mutable = mutable || strings.Contains(string(want), `"Mutable": true`)
	}
	for what, missing := range map[string]bool{
		"no refused- case":                      !refused,
		"no malformed- case":                    !malformed && !typ.FirstParty, // a first party's is refused
		"no duplicate":                          !duplicate,
		"events change, but there is no update": mutable && !update && typ.Kind == ingest.LeadKind,
	} {
		if missing {
			problems = append(problems, what)
		}
	}
	slices.Sort(problems)
	return problems
}
