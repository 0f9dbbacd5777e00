package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// process is a child of ours.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
	said  tail
}

// tail keeps the end of what a process says.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.text = append(t.text, p...); len(t.text) > 8<<10 {
		t.text = t.text[len(t.text)-4<<10:]
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}

func launch(name string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(name, args...), ended: make(chan struct{})} //nolint:noctx // stop ends it
	p.cmd.Stdout, p.cmd.Stderr = &p.said, &p.said
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { _ = p.cmd.Wait(); close(p.ended) }()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// stop asks it to end, and makes it after a while.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(20 * time.Second):
		p.kill()
	}
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// await asks until it is so, the process has ended, or a minute is over.
func (p *process) await(ctx context.Context, what string, is func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for !is() {
		select {
		case <-p.ended:
			return fmt.Errorf("it ended instead of %s: %s", what, p.said.String())
		case <-ctx.Done():
			return fmt.Errorf("not %s: %w: %s", what, ctx.Err(), p.said.String())
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil
}

func answers(url string) func() bool {
	return func() bool {
		res, err := http.Get(url) //nolint:gosec,noctx // loopback; await bounds it
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	}
}

func listens(addr string) func() bool {
	return func() bool {
		conn, err := net.Dial("tcp", addr) //nolint:noctx // loopback
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // at once
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// startRedis starts an empty redis-server that keeps nothing on disk.
func startRedis(ctx context.Context, dir string) (*process, string, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, "", err
	}
	_, port, _ := strings.Cut(addr, ":")
	p, err := launch("redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", dir)
	if err != nil {
		return nil, "", fmt.Errorf("%w: apt-get install redis-server", err)
	}
	err = p.await(ctx, "a redis-server that answers", listens(addr))
	if err != nil {
		p.kill()
	}
	return p, addr, err
}

// usage is what processes have used.
type usage struct {
	CPU      time.Duration
	Resident int // MiB
}

// ticks is the kernel's USER_HZ, which has been 100 on Linux for ever.
const ticks = 100

// used adds up what processes have used since they started. Those that are
// gone count for nothing.
func used(pids []int) (u usage) {
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		// The name in brackets may hold blanks.
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if len(fields) < 22 {
			continue
		}
		for _, at := range []int{11, 12} { // utime, stime
			n, _ := strconv.ParseInt(fields[at], 10, 64)
			u.CPU += time.Duration(n) * time.Second / ticks
		}
		pages, _ := strconv.Atoi(fields[21])
		u.Resident += pages * os.Getpagesize() >> 20
	}
	return u
}

// watch notes the largest resident memory until stop is called.
func watch(pids []int) (stop func() int) {
	var most atomic.Int64
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for tick := time.NewTicker(50 * time.Millisecond); ; {
			most.Store(max(most.Load(), int64(used(pids).Resident)))
			select {
			case <-tick.C:
			case <-quit:
				tick.Stop()
				return
			}
		}
	}()
	return func() int {
		close(quit)
		<-done
		return int(most.Load())
	}
}

var errNoRows = errors.New("the rows cannot be counted")
