package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/leadgate/leadgate/analytics/clickhouse/clickhousetest"
)

// The benchmark itself works: each kind of measurement, for a moment, with what
// it checks. No figure is judged.
func TestIntegration_Bench(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	binary, figures := filepath.Join(dir, "bench"), filepath.Join(dir, "figures.json")
	if said, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	cmd := exec.CommandContext(t.Context(), binary, "-rounds", "1", "-time", "300ms", "-connections", "8", "-backlog", "300", "-json", figures,
		"-only", "^empty fiber handler, JSON form|^Leadgate, shipping, (JSON|tag)|^Leadgate, shipping, 1000 a second|channel|visible|backlog")
	cmd.Env = append(os.Environ(), "LEADGATE_LIBCHDB="+clickhousetest.Library(t))
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	text, err := os.ReadFile(figures)
	if err != nil {
		t.Fatal(err)
	}
	var r results
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Taken) != 4 || len(r.Paced) != 1 || len(r.Seen) != 1 || len(r.Drained) != 1 || len(r.Goals) < 15 {
		t.Fatalf("not everything was measured: %s", said)
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
