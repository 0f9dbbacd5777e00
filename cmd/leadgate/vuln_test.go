package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// CI's look for vulnerabilities: what cannot be reached is never taken for what
// was not found.
func TestVuln_UnreachableIsNotNothingFound(t *testing.T) {
	t.Parallel()
	const found = "=== Symbol Results ===\n\nVulnerability #1: GO-2026-0001\n    Text\n  %s\n    Found in: x@v1.0.0\n"
	for name, c := range map[string]struct {
		said, database string
		code, want     int
		text           string
	}{
		"nothing":              {"No vulnerabilities found.", "", 0, 0, "nothing that is called"},
		"a module":             {strings.ReplaceAll(found, "%s", "Module: example.com/x"), "", 3, 1, "GO-2026-0001"},
		"the standard library": {strings.ReplaceAll(found, "%s", "Standard library"), "", 3, 3, "build releases with"},
		"both": {
			strings.ReplaceAll(found, "%s", "Standard library") + strings.ReplaceAll(found, "%s", "Module: example.com/x"),
			"", 3, 1, "vulnerable",
		},
		"not reachable":    {"govulncheck: fetching vulnerabilities: dial tcp: no such host", "", 1, 4, "NOT checked"},
		"mirror away":      {"govulncheck: fetching vulnerabilities: 404", "https://mirror.example", 1, 4, "https://mirror.example"},
		"mirror":           {"No vulnerabilities found.", "file:///srv/vulndb", 0, 0, "file:///srv/vulndb"},
		"does not compile": {"govulncheck: loading packages: there are errors", "", 1, 2, "NOT checked"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := filepath.Join(t.TempDir(), "govulncheck")
			script := "#!/bin/sh\ncat <<'END'\n" + c.said + "\nEND\nexit " + string(rune('0'+c.code)) + "\n"
			if c.database != "" {
				script = "#!/bin/sh\ntest \"$1 $2\" = '-db " + c.database + "' || exit 9\n" + strings.TrimPrefix(script, "#!/bin/sh\n")
			}
			// By sh, so that no other test that forks holds the script open (ETXTBSY).
			if err := os.WriteFile(fake, []byte(script), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), "../../.ci/vuln", ".")
			cmd.Env = append(os.Environ(), "GOVULNCHECK=sh "+fake, "VULNDB_MODULE=none", "GOVULNDB="+c.database)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if got := cmd.ProcessState.ExitCode(); got != c.want || !strings.Contains(string(out), c.text) {
				t.Errorf("exit code %d, want %d, and %q in\n%s", got, c.want, c.text, out)
			}
		})
	}
}
