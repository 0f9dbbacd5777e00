package embedded

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestFindLibrary(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	touch := func(parts ...string) string {
		t.Helper()
		path := filepath.Join(append([]string{root}, parts...)...)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const pkg = "lib-linux-x64-gnu"
	own := touch("own.so")
	beside := touch("bin", "libchdb.so")
	npm := touch("module", filepath.FromSlash(moduleFolder), "node_modules", "@chdb", pkg, "libchdb.so")
	deep := filepath.Join(root, "module", "cmd", "x")
	folder := filepath.Join(root, "module", filepath.FromSlash(moduleFolder))
	bin, empty := filepath.Join(root, "bin"), filepath.Join(root, "empty")
	f := func(explicit string, roots []string, want string) {
		t.Helper()
		if got, err := findLibrary(explicit, roots, pkg); got != want || err != nil {
			t.Errorf("%q, %q: got %q, %v; want %q", explicit, roots, got, err, want)
		}
	}
	f(own, []string{bin, deep}, own)
	f("", []string{bin, deep}, beside)
	f("", []string{empty, deep}, npm)
	f("", []string{deep}, npm)
	f("", []string{empty, folder}, npm)
	f("", []string{empty, filepath.Join(folder, "testdata")}, npm)

	fails := func(explicit string, roots []string, pkg string, names ...string) {
		t.Helper()
		got, err := findLibrary(explicit, roots, pkg)
		if !errors.Is(err, ErrNoLibrary) {
			t.Fatalf("%q: got %q, %v; want ErrNoLibrary", explicit, got, err)
		}
		for _, name := range names {
			if !strings.Contains(err.Error(), name) {
				t.Errorf("%q does not name %q", err, name)
			}
		}
	}
	fails(filepath.Join(root, "none.so"), []string{bin}, pkg, "none.so", "LEADGATE_LIBCHDB") // no silent fallback
	fails(root, nil, pkg, "not a file")
	fails("", []string{empty, deep}, "lib-darwin-arm64", filepath.Join(empty, "libchdb.so"), "lib-darwin-arm64", "npm ci", "clickhouse.url")
}

func TestLibraryPackage(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]string{
		{"linux", "amd64", "lib-linux-x64-gnu"}, {"linux", "arm64", "lib-linux-arm64-gnu"},
		{"darwin", "amd64", "lib-darwin-x64"}, {"darwin", "arm64", "lib-darwin-arm64"},
	} {
		if got := libraryPackage(c[0], c[1]); got != c[2] {
			t.Errorf("%s/%s: got %s, want %s", c[0], c[1], got, c[2])
		}
	}
}

func TestNextPause(t *testing.T) {
	t.Parallel()
	pause, total := time.Duration(0), time.Duration(0)
	for range 20 {
		if pause = nextPause(pause, time.Second); pause > 3*time.Second {
			t.Fatalf("pause of %s", pause)
		}
		total += pause
	}
	if total < 30*time.Second {
		t.Errorf("an engine that dies each second is started 20 times with %s of pauses", total)
	}
	if pause = nextPause(pause, time.Hour); pause != 0 {
		t.Errorf("pause of %s after a long life", pause)
	}
}

func TestTail(t *testing.T) {
	t.Parallel()
	out := newTail()
	for _, text := range []string{"Logging trace to x\n", strings.Repeat("y", 3*tailBytes), "\n\nlast\n"} {
		if n, err := out.Write([]byte(text)); n != len(text) || err != nil {
			t.Errorf("wrote %d, %v", n, err)
		}
	}
	if got := out.String(); !strings.HasSuffix(got, "yy | last") || len(got) > tailBytes {
		t.Errorf("%d bytes: %q", len(got), got)
	}
}

func FuzzReadGreeting(f *testing.F) {
	f.Add([]byte("\x00\x02ab\x15\x01\xd4\xa9\x03\x00\x01u\x01p"))
	f.Add([]byte("\x00\xff\xff\xff\xff\x7f"))
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := readGreeting(strings.NewReader(string(data)))
		if err == nil && string(g.raw) != string(data) {
			t.Errorf("%q was read as %q", data, g.raw)
		}
	})
}
