package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// moduleDirs are the modules of the repository that are tested, vetted and
// linted as one; the Makefile's MODULES names the same. What the benchmark
// compares with (cmd/bench/pipes) is not ours.
var moduleDirs = []string{"../..", "../proof"}

// testOnly are modules that only tests and the proof may need: what is not in
// the gateway's module can be neither linked into it nor attack it.
var testOnly = []string{
	"github.com/Shopify/toxiproxy", "github.com/gorilla/mux", "github.com/rs/zerolog", "github.com/rs/xid",
	"gopkg.in/tomb.v1",
}

// goCommand runs go in a directory and answers what it printed.
func goCommand(t *testing.T, dir string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s in %s: %v: %s", strings.Join(args, " "), dir, err, stderr.String())
	}
	return out
}

func TestModules_TheGatewayNeedsNoTestOnlyModule(t *testing.T) {
	t.Parallel()
	linked := strings.Fields(string(goCommand(t, "../..", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "./cmd/leadgate")))
	if len(linked) < 50 {
		t.Fatalf("only %d packages are of a module", len(linked))
	}
	required, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range testOnly {
		if slices.ContainsFunc(linked, func(path string) bool { return strings.HasPrefix(path, name) }) {
			t.Errorf("the gateway links %s, which is for tests alone", name)
		}
		if bytes.Contains(required, []byte(name)) {
			t.Errorf("go.mod requires %s: it belongs in the module of what uses it, such as cmd/proof/go.mod", name)
		}
	}
	for _, name := range []string{"go.uber.org/goleak"} {
		if slices.Contains(linked, name) {
			t.Errorf("the gateway links %s, which is for tests alone", name)
		}
	}
}

// What two modules both require has one version, or the proof would break
// another program than the one that is shipped.
func TestModules_AgreeOnVersions(t *testing.T) {
	t.Parallel()
	version := map[string]string{}
	for i, dir := range moduleDirs {
		var file struct {
			Require []struct{ Path, Version string }
		}
		if err := json.Unmarshal(goCommand(t, dir, "mod", "edit", "-json"), &file); err != nil {
			t.Fatal(err)
		}
		for _, r := range file.Require {
			if i == 0 {
				version[r.Path] = r.Version
			} else if v := version[r.Path]; v != "" && v != r.Version {
				t.Errorf("%s is %s in %s/go.mod and %s in go.mod", r.Path, r.Version, strings.TrimPrefix(dir, "../"), v)
			}
		}
	}
}

// floors are the oldest versions that may be required, each with its reason.
// No advisory names them, so that govulncheck stays silent.
var floors = map[string]struct{ version, reason string }{
	"github.com/valyala/fasthttp": {
		"v1.78.0",
		"before, 16 ambiguous framings were accepted (two Content-Length, chunk extensions with line ends, …) and trailers became headers: request smuggling behind a proxy",
	},
}

func TestModules_AreNotBelowTheirFloor(t *testing.T) {
	t.Parallel()
	for _, dir := range moduleDirs {
		for path, floor := range floors {
			if !bytes.Contains(goCommand(t, dir, "list", "-m", "all"), []byte(path+" ")) {
				continue
			}
			got := strings.TrimSpace(string(goCommand(t, dir, "list", "-m", "-f", "{{.Version}}", path)))
			if older(got, floor.version) {
				t.Errorf("%s %s in %s: at least %s is needed, because %s", path, got, dir, floor.version, floor.reason)
			}
		}
	}
}

// older compares released versions: v1.9.0 is older than v1.10.0.
func older(a, b string) bool {
	x, y := strings.Split(strings.TrimPrefix(a, "v"), "."), strings.Split(strings.TrimPrefix(b, "v"), ".")
	return slices.CompareFunc(x, y, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	}) < 0
}

func TestOlder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want bool
	}{{"v1.51.0", "v1.78.0", true}, {"v1.78.0", "v1.78.0", false}, {"v1.100.0", "v1.78.0", false}, {"v2.0.0", "v1.78.0", false}, {"v1.78.0", "v1.78.1", true}} {
		if got := older(c.a, c.b); got != c.want {
			t.Errorf("older(%s, %s) is %v", c.a, c.b, got)
		}
	}
}
