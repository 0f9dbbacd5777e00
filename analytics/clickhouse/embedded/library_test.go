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

// Who runs a command in a directory that others can write to does not load what
// they put there.
func TestFindLibrary_NotFromStrangers(t *testing.T) {
	t.Parallel()
	const pkg = "lib-linux-x64-gnu"
	planted := filepath.Join(t.TempDir(), filepath.FromSlash(moduleFolder), "node_modules", "@chdb", pkg, "libchdb.so")
	if err := os.MkdirAll(filepath.Dir(planted), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(planted, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	root := strings.TrimSuffix(planted, filepath.FromSlash("/"+moduleFolder+"/node_modules/@chdb/"+pkg+"/libchdb.so"))
	elsewhere := t.TempDir()
	refused := func(what string) {
		t.Helper()
		got, err := findLibrary("", []string{elsewhere, root}, pkg)
		if !errors.Is(err, ErrNoLibrary) || !strings.Contains(err.Error(), "LEADGATE_LIBCHDB") || !strings.Contains(err.Error(), what) {
			t.Errorf("got %q, %v", got, err)
		}
		for _, explicit := range []string{planted, ""} { // named, or beside the executable
			if got, err := findLibrary(explicit, []string{root, elsewhere}, pkg); got != planted || err != nil {
				t.Errorf("%q: got %q, %v", explicit, got, err)
			}
		}
	}
	if got, err := findLibrary("", []string{elsewhere, root}, pkg); got != planted || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if err := os.Chmod(planted, 0o602); err != nil {
		t.Fatal(err)
	}
	refused("every user")
	if os.Geteuid() != 0 {
		return // only root can give files away
	}
	for _, name := range []string{planted, filepath.Dir(planted)} {
		if err := errors.Join(os.Chmod(planted, 0o600), os.Chown(planted, 0, 0), os.Chown(name, 65534, 65534)); err != nil {
			t.Fatal(err)
		}
		refused("uid 65534")
	}
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
