package schema

import "testing"

// Expected returns the columns by table and view that the migrations define.
func Expected(tb testing.TB, p Params) map[string][]string {
	tb.Helper()
	migrations, err := Render(p)
	if err != nil {
		tb.Fatal(err)
	}
	relations, err := blueprint(migrations)
	if err != nil {
		tb.Fatal(err)
	}
	all := make(map[string][]string)
	for _, r := range relations {
		for _, c := range r.columns {
			all[r.name] = append(all[r.name], c.name)
		}
	}
	return all
}
