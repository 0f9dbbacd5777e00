package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/leadgate/leadgate/cmd/internal/flood"
)

const (
	floodConnections = 5_000
	floodAddresses   = 100
	// floodMemory is the promise: the resident memory of the gateway, in MiB.
	floodMemory = 400
)

// A flood of each kind from many addresses leaves the gateway's memory within what
// is promised, and a visitor's form gets in meanwhile; afterwards the memory is
// given back.
func TestFlood(t *testing.T) { // not parallel: it takes the machine
	needFiles(t)
	dir := t.TempDir()
	p := prepareServe(t, dir, `
http: {read_timeout: 2s}
limits: {per_source: "", per_address: "20/s"}
sources:
  - {name: landing, type: form}
  - {name: costs, type: cost, secrets: [a-long-secret-of-costs]}
`)
	p.binary = filepath.Join(dir, "leadgate") // this test's own may have the race detector, which takes memory
	if said, err := exec.CommandContext(t.Context(), "go", "build", "-o", p.binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	p.start()
	p.form()
	idle := p.resident()
	kinds, err := flood.Kinds("landing", "costs")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range kinds {
		began := time.Now()
		most, forms := p.flood(kind)
		t.Logf("%-28s %4d MiB at most, %3d forms meanwhile; %v", kind.Name, most, forms, time.Since(began).Round(time.Millisecond))
		if most >= floodMemory {
			t.Errorf("%s: %d MiB are resident, less than %d are promised", kind.Name, most, floodMemory)
		}
	}
	ended := time.Now()
	p.until("given back", func() bool { return p.resident() < idle+50 })
	t.Logf("idle %d MiB, %d MiB %v after the last connection", idle, p.resident(), time.Since(ended).Round(time.Millisecond))
}

// flood opens connections of a kind, has forms posted meanwhile, and waits until the
// gateway has none of them any more. It returns the most that was resident, in MiB,
// and how many forms were taken.
func (p *process) flood(kind flood.Kind) (most, forms int) {
	p.t.Helper()
	ctx, stop := context.WithCancel(p.t.Context())
	defer stop()
	f := &flood.Load{
		Addr: strings.TrimPrefix(p.url, "http://"), Connections: floodConnections, Addresses: floodAddresses, Kinds: []flood.Kind{kind},
	}
	opened, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- f.Run(ctx, func() { close(opened) }) }()
	pace := time.NewTicker(60 * time.Millisecond) // 20 a second are allowed
	defer pace.Stop()
	for after := 0; after < 5; <-pace.C {
		select {
		case <-opened:
			after++
		default:
		}
		p.form()
		forms++
		most = max(most, p.resident())
	}
	if n, err := f.Open(); n < floodConnections {
		p.t.Errorf("%s: only %d connections were opened: %v", kind.Name, n, err)
	}
	stop()
	if err := <-ended; err != nil {
		p.t.Error(err)
	}
	p.until("without hostile connections", func() bool {
		_, text, err := p.admin("/metrics")
		_, rest, _ := strings.Cut(text, "\nleadgate_edge_connections ")
		value, _, _ := strings.Cut(rest, "\n")
		n, notNumber := strconv.ParseFloat(value, 64)
		return err == nil && notNumber == nil && n < 50
	})
	return most, forms
}

// form posts what a visitor would, from an address that no flood comes from.
func (p *process) form() {
	p.t.Helper()
	p.post(http.StatusOK, "/in/landing", fmt.Sprintf("email=v%d@example.com", time.Now().UnixNano()), "Content-Type: application/x-www-form-urlencoded")
}

// resident is the memory of the gateway alone, in MiB; its engine is another
// process.
func (p *process) resident() int {
	p.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")))
			if err != nil {
				p.t.Fatal(err)
			}
			return kib >> 10
		}
	}
	p.t.Fatal("no VmRSS")
	return 0
}

// needFiles skips where too few files may be open; in CI that is a failure.
func needFiles(t *testing.T) {
	t.Helper()
	limit, _ := openFiles()
	if limit >= 2*floodConnections {
		return
	}
	text := fmt.Sprintf("%d files may be open, and this needs %d: raise the hard limit", limit, 2*floodConnections)
	if os.Getenv("CI") != "" {
		t.Fatal(text)
	}
	t.Skip(text)
}
