package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leadgate/leadgate/analytics/clickhouse/clickhousetest"
)

// The benchmark itself works: each kind of measurement, for a moment, with what
// it checks. No figure is judged.
func TestIntegration_Bench(t *testing.T) {
	t.Parallel()
	r := figures(t, "-backlog", "300", "-flood", "100",
		"-only", "^empty fiber handler, JSON form|^Leadgate, shipping, (JSON|tag)|^Leadgate, shipping, 1000 a second|channel|visible|backlog|hostile")
	if len(r.Flooded) != 1 || r.Flooded[0].Forms == 0 || len(r.Taken) != 4 || len(r.Paced) != 1 || len(r.Seen) != 1 || len(r.Drained) != 1 || len(r.Goals) < 15 {
		t.Fatalf("not everything was measured: %+v", r)
	}
	for _, m := range append(r.Taken, r.Paced...) {
		if m.Accepted == 0 || ours(m) != 0 {
			t.Errorf("%s, %s: %d accepted, %d lost", m.Subject, m.Load, m.Accepted, m.Lost)
		}
	}
	if d := r.Drained[0]; d.Deliveries != 300 || d.Lost != 0 || d.Bare == 0 {
		t.Errorf("backlog: %+v", d)
	}
}

// So do the measurements of growth, over little.
func TestIntegration_Growth(t *testing.T) {
	t.Parallel()
	r := figures(t, "-growth", "-journalled", "1000", "-keys", "1000", "-waiting", "1000")
	if len(r.Grown) != 1 || len(r.Keyed) != 1 || len(r.Observed) != 1 || len(r.Crowded) != 1 || len(r.Goals) < 8 {
		t.Fatalf("not everything was measured: %+v", r)
	}
	if g := r.Grown[0]; g.Bytes < 900_000 || g.Accepted == 0 || g.Ready == 0 || g.ReadyUp == 0 {
		t.Errorf("journal: %+v", g)
	}
	if k := r.Keyed[0]; k.Keys < 1000 || k.PerKey == 0 || k.Rate == 0 || k.Lost != 0 {
		t.Errorf("keys: %+v", k)
	}
	if o := r.Observed[0]; o.Quiet == 0 || o.Asked == 0 || o.Scrapes == 0 || o.Reports == 0 {
		t.Errorf("asked: %+v", o)
	}
	if c := r.Crowded[0]; c.Waiting != 1000 || c.QuietRate == 0 || c.Rate == 0 || c.P99 == 0 {
		t.Errorf("beside a backlog: %+v", c)
	}
}

// Profiles can be read by go tool pprof.
func TestIntegration_Profile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	figures(t, "-profile", dir, "-only", "down, JSON form")
	for _, kind := range []string{"cpu", "allocs", "heap", "mutex", "block"} {
		name := filepath.Join(dir, "leadgate-redis-and-clickhouse-down-json-form."+kind+".pprof")
		if said, err := exec.CommandContext(t.Context(), "go", "tool", "pprof", "-top", name).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", kind, err, said)
		}
	}
}

// figures runs the benchmark for a moment and returns what it wrote.
func figures(t *testing.T, args ...string) (r results) {
	t.Helper()
	dir := t.TempDir()
	binary, path, page := filepath.Join(dir, "bench"), filepath.Join(dir, "figures.json"), filepath.Join(dir, "figures.md")
	if said, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	args = append([]string{"-rounds", "1", "-time", "300ms", "-connections", "8", "-json", path, "-markdown", page}, args...)
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Env = append(os.Environ(), "LEADGATE_LIBCHDB="+clickhousetest.Library(t))
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	if tables, err := os.ReadFile(page); err != nil || !strings.Contains(string(tables), "| goal | wanted |") {
		t.Errorf("tables: %v: %s", err, tables)
	}
	return r
}
