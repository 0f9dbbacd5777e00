package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest/journal"
)

// smallDisk mounts a file system of so many MiB. In CI it must be possible.
func smallDisk(t *testing.T, dir string, mebibytes int) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm,mode=0700", mebibytes))
	if (errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES)) && os.Getenv("CI") == "" {
		t.Skipf("no right to mount a small file system: %v", err)
	}
	if err != nil {
		t.Fatalf("mount a small file system (it needs root): %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
}

// largeForm is a form of nearly 1 MiB that does not compress well.
func largeForm(t *testing.T, n int) string {
	t.Helper()
	noise := make([]byte, 740<<10)
	_, _ = rand.Read(noise)
	return fmt.Sprintf(`{"email":"large%d@example.com","message":%q}`, n, base64.StdEncoding.EncodeToString(noise))
}

func (p *process) isReady() bool {
	p.t.Helper()
	status, text, err := p.do(http.MethodGet, "/readyz", nil, "")
	if err != nil || status != http.StatusOK && status != http.StatusServiceUnavailable {
		p.t.Fatalf("/readyz: %d %s, %v", status, text, err)
	}
	return status == http.StatusOK
}

// reconciles compares all that came in during this test.
func (p *process) reconciles() {
	p.t.Helper()
	now := time.Now().UTC()
	from, to := now.AddDate(0, 0, -1).Format(time.DateOnly), now.AddDate(0, 0, 1).Format(time.DateOnly)
	if code, out := p.exit("reconcile", "--from", from, "--to", to); code != 0 {
		p.t.Errorf("reconcile: exit code %d\n%s", code, out)
	}
}

// A small disk is filled with large forms. The gateway says that it is not ready
// before it refuses one; all that it took is counted without anybody freeing
// space; and it takes leads again once there is some.
func TestIntegration_SmallDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	smallDisk(t, data, 240)
	p := serve(t, dir, `limits: {per_address: "", per_source: ""}`)
	filler := filepath.Join(data, "filler")
	if err := os.WriteFile(filler, make([]byte, 80<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	taken, unready := 0, false
	for ; ; taken++ {
		unready = unready || !p.isReady()
		status, text, err := p.do(http.MethodPost, "/in/landing", []byte(largeForm(t, taken)), "Content-Type: application/json")
		if err == nil && status == http.StatusServiceUnavailable && strings.Contains(text, `"full"`) {
			break
		}
		if err != nil || status != http.StatusOK || taken > 1000 {
			t.Fatalf("form %d: %d %s, %v", taken, status, text, err)
		}
	}
	if !unready {
		t.Error("a post was refused while /readyz said ready")
	}
	space, err := journal.SpaceOf(data)
	if err != nil || space.Free < 40<<20 || taken < 20 {
		t.Errorf("refused after %d forms with %d MiB free, %v", taken, space.Free>>20, err)
	}
	if code, out := p.exit("doctor"); code != 1 || !strings.Contains(out, "reserved for the drain") {
		t.Errorf("doctor: exit code %d\n%s", code, out)
	}
	p.counted()
	space, _ = journal.SpaceOf(data)
	t.Logf("%d forms, %d MiB free when counted", taken, space.Free>>20)
	if got := p.sql("SELECT count() FROM leads WHERE verdict = 'unique'"); got != fmt.Sprint(taken) {
		t.Errorf("%s leads of %d", got, taken)
	}
	p.reconciles()
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	p.until("ready again", p.isReady)
	p.post(http.StatusOK, "/in/landing", largeForm(t, taken), "Content-Type: application/json")
	p.counted()
	p.reconciles()
}
