package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// flood is a kind of hostile connections: what each of them sends, and then says no
// more.
type flood struct {
	name string
	sent string
	// again is how often it is sent, without an answer being read.
	again int
}

const (
	floodConnections = 5_000
	floodAddresses   = 100
	// floodMemory is the promise: the resident memory of the gateway, in MiB.
	floodMemory = 400
)

func floods(t *testing.T) []flood {
	t.Helper()
	post := func(source, header string) string {
		return "POST /in/" + source + " HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n" + header + "\r\n\r\n"
	}
	var small, bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	if _, err := w.Write(bytes.Repeat([]byte("message="), 100<<10)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	small.WriteString("name=x&message=" + strings.Repeat("x", 60_000))
	chunk := "8000\r\n" + strings.Repeat("x", 0x8000) + "\r\n"
	return []flood{
		{name: "idle"},
		{name: "half a header", sent: "POST /in/landing HTTP/1.1\r\nHost: a\r\nX-Long: " + strings.Repeat("x", 12<<10)},
		{name: "a length and a byte", sent: post("landing", "Content-Length: 1048000") + "x"},
		{name: "a length and 60 KB", sent: post("landing", "Content-Length: 1048000") + small.String()},
		{name: "costs without a token", sent: post("costs", "Content-Length: 33554000") + small.String()},
		{name: "half of 1 MB", sent: post("landing", "Content-Length: 1000000") + strings.Repeat("x", 500_000)},
		{name: "small ones but for a byte", sent: post("landing", fmt.Sprintf("Content-Length: %d", small.Len()+1)) + small.String()},
		{name: "chunks", sent: post("landing", "Transfer-Encoding: chunked") + strings.Repeat(chunk, 10)},
		{name: "bombs", sent: post("landing", fmt.Sprintf("Content-Encoding: gzip\r\nContent-Length: %d", bomb.Len())) + bomb.String()},
		{name: "half a bomb in chunks", sent: post("landing", "Content-Encoding: gzip\r\nTransfer-Encoding: chunked") + strings.Repeat(chunk, 2)},
		{name: "answers that nobody reads", sent: "GET /in/nobody HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\nX-Long: " + strings.Repeat("x", 4<<10) + "\r\n\r\n", again: 10},
		{name: "pipelined", sent: post("landing", "Content-Length: 7") + "email=x", again: 5},
	}
}

// A flood of each kind from many addresses leaves the gateway's memory within what
// is promised, and a visitor's form gets in meanwhile; afterwards the memory is
// given back.
func TestFlood(t *testing.T) {
	needFiles(t)
	p := serve(t, t.TempDir(), `
redis: {url: ""}
http: {read_timeout: 2s}
limits: {per_source: "", per_address: "20/s"}
sources:
  - {name: landing, type: form}
  - {name: costs, type: cost, secrets: [a-long-secret-of-costs]}
`)
	p.post(http.StatusOK, "/in/landing", "email=first@example.com", "Content-Type: application/x-www-form-urlencoded")
	idle := p.resident()
	for _, f := range floods(t) {
		began := time.Now()
		most, forms, slowest := p.flood(f)
		t.Logf("%-28s %4d MiB at most, %3d forms, the slowest %v; %v", f.name, most, forms, slowest.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
		if most >= floodMemory {
			t.Errorf("%s: %d MiB are resident, %d are promised", f.name, most, floodMemory)
		}
	}
	ended := time.Now()
	p.until("given back", func() bool { return p.resident() < idle+50 })
	t.Logf("idle %d MiB, %d MiB %v after the last connection", idle, p.resident(), time.Since(ended).Round(time.Millisecond))
}

// flood opens the connections, posts forms meanwhile, and closes the connections.
// It returns the most that was resident, in MiB, and how long the slowest form took.
func (p *process) flood(f flood) (most, forms int, slowest time.Duration) {
	p.t.Helper()
	ctx, stop := context.WithCancel(p.t.Context())
	defer stop()
	target := strings.TrimPrefix(p.url, "http://")
	var senders sync.WaitGroup
	var open atomic.Int64
	var failed atomic.Pointer[error]
	sent := []byte(strings.Repeat(f.sent, max(1, f.again)))
	work := make(chan int)
	var conns [floodConnections]net.Conn
	for range 128 {
		senders.Go(func() {
			for i := range work {
				d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+i%floodAddresses))}}
				c, err := d.DialContext(ctx, "tcp", target)
				if err != nil {
					failed.Store(&err)
					continue
				}
				conns[i] = c
				open.Add(1)
				// What does not fit in the buffers is left: the gateway does not read it.
				_ = c.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
				_, _ = c.Write(sent)
			}
		})
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range floodConnections {
			work <- i
		}
		close(work)
		senders.Wait()
	}()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for after := 0; after < 5; {
		select {
		case <-done:
			after++
		default:
		}
		most = max(most, p.resident())
		began := time.Now()
		p.post(http.StatusOK, "/in/landing", fmt.Sprintf("email=v%d@example.com", began.UnixNano()), "Content-Type: application/x-www-form-urlencoded")
		slowest = max(slowest, time.Since(began))
		forms++
		<-look.C
	}
	if n := open.Load(); n < floodConnections*9/10 {
		p.t.Errorf("%s: only %d connections were opened: %v", f.name, n, *failed.Load())
	}
	for _, c := range conns {
		if c != nil {
			_ = c.Close()
		}
	}
	p.until("without hostile connections", func() bool {
		_, text, err := p.admin("/metrics")
		_, rest, _ := strings.Cut(text, "\nleadgate_edge_connections ")
		value, _, _ := strings.Cut(rest, "\n")
		n, notNumber := strconv.ParseFloat(value, 64)
		return err == nil && notNumber == nil && n < 50
	})
	return most, forms, slowest
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
