package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What npm fetches is what the lock names by a hash, from wherever it comes: an
// address in a lock would be asked instead of the machine's own registry.
func TestLocks_NameHashesAndNoAddresses(t *testing.T) {
	t.Parallel()
	locks := []string{"../../analytics/clickhouse/embedded/package-lock.json", "../bench/node/package-lock.json"}
	for _, lock := range locks {
		var file struct {
			Packages map[string]struct{ Resolved, Integrity string }
		}
		text, err := os.ReadFile(lock)
		if err == nil {
			err = json.Unmarshal(text, &file)
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(file.Packages) < 2 {
			t.Errorf("%s: %d packages", lock, len(file.Packages))
		}
		for name, p := range file.Packages {
			if name == "" {
				continue // itself
			}
			if p.Resolved != "" {
				t.Errorf("%s: %s has the address it was fetched from: npm install --omit-lockfile-registry-resolved", lock, name)
			}
			if !strings.HasPrefix(p.Integrity, "sha512-") {
				t.Errorf("%s: %s has no SHA-512", lock, name)
			}
		}
		settings, err := os.ReadFile(filepath.Join(filepath.Dir(lock), ".npmrc"))
		if err != nil || strings.Contains(string(settings), "registry=") {
			t.Errorf("beside %s: %v, %s", lock, err, settings)
		}
	}
	fetch, err := os.ReadFile("../../analytics/clickhouse/embedded/fetch.sh")
	if err != nil || !strings.Contains(string(fetch), "npm ci --ignore-scripts") {
		t.Errorf("fetch.sh must install what is locked, and run no script of a package: %v", err)
	}
}
