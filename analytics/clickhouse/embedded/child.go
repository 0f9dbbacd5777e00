package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"
)

// child is one process of the engine.
type child struct {
	cmd      *exec.Cmd
	lifeline *os.File // closing it ends the child
	output   *tail
	started  time.Time
	exited   chan struct{} // closed when the process is gone
	err      error         // of Wait; readable when exited is closed
}

// startChild starts a process and waits until it answers. If it does not, the
// process is gone on return; the child is then returned with the error.
func (e *Engine) startChild(ctx context.Context) (*child, error) {
	c, err := e.spawn()
	if err != nil {
		return c, err
	}
	e.pid.Store(int64(c.cmd.Process.Pid))
	if err := e.awaitReady(ctx, c); err != nil {
		c.kill()
		return c, err
	}
	file := runtimeFile{PID: c.cmd.Process.Pid, URL: e.URL(), HTTPURL: e.HTTPURL()}
	if err := writeRuntime(e.opts.Dir, file); err != nil {
		c.kill()
		return c, fmt.Errorf("engine runtime file: %w", err)
	}
	return c, nil
}

// spawn starts the process. The thread that does so waits for it, because the
// kernel takes that thread's end for the parent's.
func (e *Engine) spawn() (*child, error) {
	c := &child{output: &tail{}, started: time.Now(), exited: make(chan struct{})}
	if err := e.choosePorts(); err != nil {
		close(c.exited)
		return c, err
	}
	theirs, ours, err := os.Pipe()
	if err != nil {
		close(c.exited)
		return c, fmt.Errorf("start engine: %w", err)
	}
	c.lifeline = ours
	args := append(e.opts.Command[1:len(e.opts.Command):len(e.opts.Command)],
		"-library="+e.opts.Library, "-config="+e.config, "-data="+e.dataDir(),
		fmt.Sprintf("-tcp-port=%d", e.native.Load()), fmt.Sprintf("-http-port=%d", e.http.Load()), "-lifeline")
	c.cmd = exec.CommandContext(context.Background(), e.opts.Command[0], args...)
	c.cmd.Dir = e.opts.Dir
	c.cmd.Stdout, c.cmd.Stderr = c.output, c.output
	c.cmd.ExtraFiles = []*os.File{theirs} // descriptor lifelineFd in the child
	c.cmd.SysProcAttr = childAttr()
	begun := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with us
		standBack()
		defer close(c.exited)
		err := c.cmd.Start()
		_ = theirs.Close()
		if begun <- err; err == nil {
			c.err = c.cmd.Wait()
		}
		_ = ours.Close()
	}()
	if err := <-begun; err != nil {
		<-c.exited
		return c, fmt.Errorf("start engine: %w", err)
	}
	return c, nil
}

func (c *child) kill() {
	if c.lifeline != nil {
		_ = c.lifeline.Close()
	}
	if c.cmd != nil && c.cmd.Process != nil {
		_ = c.cmd.Process.Kill()
	}
	<-c.exited
}

// failure says how a process that is gone ended, with what it said last.
func (c *child) failure() error {
	text := c.output.String()
	switch {
	case text == "" && c.err == nil:
		return errors.New("it ended without a word")
	case text == "":
		return c.err
	case c.err == nil:
		return errors.New(text)
	}
	return fmt.Errorf("%w: %s", c.err, text)
}

// awaitReady returns when both listeners of c answer.
func (e *Engine) awaitReady(ctx context.Context, c *child) error {
	for {
		// No hurry: a handshake that is given up makes the engine abort.
		attempt, cancel := context.WithTimeout(ctx, 10*time.Second)
		err := ping(attempt, e.url("clickhouse", e.nativeHost()))
		if err == nil {
			var conn net.Conn
			dialer := net.Dialer{}
			if conn, err = dialer.DialContext(attempt, "tcp", e.httpHost()); err == nil {
				_ = conn.Close()
			}
		}
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-c.exited:
			return e.explain(c)
		case <-ctx.Done():
			return fmt.Errorf("engine does not answer within %s: %w (last: %w); see %s/engine.log", e.opts.StartTimeout, ctx.Err(), err, e.opts.Dir)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// explain turns the end of a child that never answered into an error that
// names the fault and the remedy.
func (e *Engine) explain(c *child) error {
	failure := c.failure()
	var exit *exec.ExitError
	switch text := failure.Error(); {
	case errors.As(c.err, &exit) && exit.ExitCode() == exitLibrary:
		return fmt.Errorf("%w: %s cannot be loaded: %s; fetch it again with `npm ci --prefix %s`, or set LEADGATE_LIBCHDB to another",
			ErrNoLibrary, e.opts.Library, c.output, moduleFolder)
	case strings.Contains(text, "Address already in use"):
		return fmt.Errorf("engine: %s or %s: %w: %w", e.nativeHost(), e.httpHost(), ErrPortBusy, failure)
	case strings.Contains(text, "Cannot lock file"):
		return fmt.Errorf("engine directory %s: %w: %w: %w", e.opts.Dir, ErrLocked, errOrphan, failure)
	}
	if errors.As(c.err, &exit) && !exit.Exited() {
		failure = fmt.Errorf("%w: %w", errAborted, failure)
	}
	return fmt.Errorf("engine ended at its start: %w; see %s/engine.log", failure, e.opts.Dir)
}

// errOrphan means that an engine uses the directory although its lock is ours:
// the child of a parent that was killed.
var errOrphan = errors.New("an engine without its parent still runs")

// errAborted means that a signal ended the child: now and then the engine
// aborts by itself, and is well when it is started again.
var errAborted = errors.New("aborted")

// tail keeps the last lines of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailBytes = 2000

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if excess := len(t.text) - tailBytes; excess > 0 {
		t.text = append(t.text[:0], t.text[excess:]...)
	}
	return len(p), nil
}

// String leaves out what the engine says at every start.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var kept []string
	for line := range bytes.Lines(t.text) {
		if line := strings.TrimSpace(string(line)); line != "" && !strings.HasPrefix(line, "Logging ") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, " | ")
}
