package main

import (
	"net"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/leadgate/leadgate/analytics/clickhouse/clickhousetest"
)

// The demonstration must work, and its report must agree with what it sent:
// demo returns an error where it does not.
func TestIntegration_Demo(t *testing.T) {
	t.Parallel()
	clickhousetest.Library(t) // without it there is nothing to show
	binary := filepath.Join(t.TempDir(), "leadgate")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../leadgate").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	port, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	number := port.Addr().(*net.TCPAddr).Port
	if err := port.Close(); err != nil {
		t.Fatal(err)
	}
	if err := demo(t.Context(), binary, number, true); err != nil {
		t.Error(err)
	}
}

func TestPlanDay_IsTheSameForTheSameTime(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	a, b := planDay(now), planDay(now)
	if a.uniqueLeads != 68 || len(a.steps) != len(b.steps) || len(a.clicks) != len(b.clicks) {
		t.Errorf("%d leads, %d and %d steps", a.uniqueLeads, len(a.steps), len(b.steps))
	}
	for i := range a.clicks {
		for j := range a.clicks[i] {
			if a.clicks[i][j] != b.clicks[i][j] {
				t.Fatalf("click %d of stream %d differs", j, i)
			}
		}
	}
}
