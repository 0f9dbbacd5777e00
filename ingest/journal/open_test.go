package journal

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestLog_Lock(t *testing.T) {
	t.Parallel()
	opts := Options{Dir: t.TempDir()}
	l := mustOpen(t, opts)
	_, err := Open(opts)
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), opts.Dir) || !strings.Contains(err.Error(), "stop it") {
		t.Errorf("second open: %v", err)
	}
	// A real second process.
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childDir+"="+opts.Dir, childDir+"_FIRST=0")
	if out, err := child.CombinedOutput(); err == nil || !strings.Contains(string(out), "in use by another process") {
		t.Errorf("second process: %v: %s", err, out)
	}
	mustClose(t, l)
	mustOpen(t, opts)
}

func TestOpen_Refusals(t *testing.T) {
	t.Parallel()
	f := func(opts Options, want string) {
		t.Helper()
		l, err := Open(opts)
		if err == nil {
			mustClose(t, l)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	f(Options{}, "no directory")
	f(Options{Dir: t.TempDir(), SegmentBytes: -1}, "SegmentBytes must not be negative")
	f(Options{Dir: t.TempDir(), MaxRecordBytes: 2 << 30}, "1 GiB")
	f(Options{Dir: t.TempDir(), Retention: -1}, "Retention must not be negative")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f(Options{Dir: file}, "is a file")
	f(Options{Dir: filepath.Join(file, "below")}, "not a directory")
	f(Options{Dir: t.TempDir(), OpenFile: (&faults{open: func(string) error { return fs.ErrPermission }}).OpenFile}, "may write there")

	// Another format version is neither damage nor ours to change.
	newer := t.TempDir()
	text := appendHeader(nil, header{number: 1})
	text[3]++
	sum := blockSum(text)
	text[4], text[5], text[6], text[7] = byte(sum>>24), byte(sum>>16), byte(sum>>8), byte(sum)
	if err := os.WriteFile(segmentPath(newer, 1), text, 0o600); err != nil {
		t.Fatal(err)
	}
	f(Options{Dir: newer}, "another version")
	if left, err := os.ReadFile(segmentPath(newer, 1)); err != nil || !bytes.Equal(left, text) {
		t.Error("the refused log was changed")
	}
}

func TestLog_FilesArePrivate(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "journal")
	l := mustOpen(t, Options{Dir: dir, SegmentBytes: 100})
	appendMany(t, l, 20, payload)
	check := func(path string, want fs.FileMode) {
		t.Helper()
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %v, want %v", filepath.Base(path), got, want)
		}
	}
	check(dir, 0o700)
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) < 4 {
		t.Fatal(entries, err)
	}
	for _, entry := range entries {
		check(filepath.Join(dir, entry.Name()), 0o600)
	}
}
