package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// ErrNoLibrary means that the engine library was not found or cannot be loaded.
var ErrNoLibrary = errors.New("engine library")

const moduleFolder = "analytics/clickhouse/embedded"

// FindLibrary returns the path of the engine library: explicit (the value of
// LEADGATE_LIBCHDB) if not empty, else libchdb.so beside the executable, else
// the one that npm put into the module's folder, looked for from the
// executable's and the working directory upwards. Errors: ErrNoLibrary
// (wrapped), naming every place looked at and the remedy.
//
// A library that only the working directory leads to must be root's or this
// user's, like the folder that it is in: in /tmp anybody could have put one for
// whoever runs a command there.
func FindLibrary(explicit string) (string, error) {
	var roots []string
	exe, err := os.Executable()
	if err == nil {
		if real, err := filepath.EvalSymlinks(exe); err == nil {
			exe = real
		}
		roots = append(roots, filepath.Dir(exe))
	}
	if wd, err := os.Getwd(); err == nil {
		roots = append(roots, wd)
	}
	return findLibrary(explicit, roots, libraryPackage(runtime.GOOS, runtime.GOARCH))
}

// findLibrary takes the executable's directory as the first of the roots.
func findLibrary(explicit string, roots []string, pkg string) (string, error) {
	if explicit != "" {
		if err := readable(explicit); err != nil {
			return "", fmt.Errorf("%w: LEADGATE_LIBCHDB: %w; set it to the path of libchdb.so, or unset it", ErrNoLibrary, err)
		}
		return filepath.Abs(explicit)
	}
	var looked, refused []string
	beside := 0 // so many of the places belong to the executable
	for i, root := range roots {
		if i == 1 {
			beside = len(looked)
		}
		if i == 0 {
			looked = append(looked, filepath.Join(root, "libchdb.so"))
		}
		for dir := root; ; dir = filepath.Dir(dir) {
			folder := filepath.Join(dir, filepath.FromSlash(moduleFolder))
			if strings.HasSuffix(dir, filepath.FromSlash(moduleFolder)) {
				folder = dir
			}
			if info, err := os.Stat(folder); err == nil && info.IsDir() {
				looked = append(looked, filepath.Join(folder, "node_modules", "@chdb", pkg, "libchdb.so"))
				break
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	for i, path := range looked {
		if readable(path) != nil {
			continue
		}
		if reason := strange(path); reason != "" && i >= beside && len(roots) > 1 {
			refused = append(refused, reason)
			continue
		}
		return path, nil
	}
	if len(refused) > 0 {
		return "", fmt.Errorf("%w: %s: if you trust it, set LEADGATE_LIBCHDB to its path", ErrNoLibrary, strings.Join(refused, ", "))
	}
	return "", fmt.Errorf("%w: not found (looked for %s); fetch it with `npm ci --prefix %s`, set LEADGATE_LIBCHDB to its path, or set clickhouse.url to a server of your own",
		ErrNoLibrary, strings.Join(looked, ", "), moduleFolder)
}

// strange reports who else may have made or can change a file, or "".
func strange(path string) string {
	for _, name := range []string{path, filepath.Dir(path)} {
		info, err := os.Stat(name)
		if err != nil {
			return err.Error()
		}
		owner, ok := info.Sys().(*syscall.Stat_t)
		if ok && owner.Uid != 0 && int(owner.Uid) != os.Geteuid() {
			return fmt.Sprintf("%s belongs to another user (uid %d)", name, owner.Uid)
		}
		if info.Mode().Perm()&0o002 != 0 {
			return name + " can be written by every user"
		}
	}
	return ""
}

func readable(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: not a file", path)
	}
	return nil
}

// libraryPackage is the npm package's name, without scope, for a platform.
func libraryPackage(goos, goarch string) string {
	if goarch == "amd64" {
		goarch = "x64"
	}
	name := "lib-" + goos + "-" + goarch
	if goos == "linux" {
		name += "-gnu"
	}
	return name
}
