package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
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

// startChild starts a process and waits until it answers: in the best way that
// the kernel allows, which is remembered. If it does not answer, the process is
// gone on return; the child is then returned with the error.
func (e *Engine) startChild(ctx context.Context) (*child, error) {
	for {
		var err error
		if e.config, err = writeConfig(e.opts.Dir, e.users(), e.opts.MaxMemoryBytes); err != nil {
			return gone(), fmt.Errorf("engine configuration: %w; make %s writable or set data_dir", err, e.opts.Dir)
		}
		c, err := e.spawn()
		if err == nil {
			e.pid.Store(int64(c.cmd.Process.Pid))
			if err = e.awaitReady(ctx, c); err != nil {
				c.kill()
			}
		}
		if err != nil {
			if ctx.Err() == nil && e.adapt(err, c) {
				continue
			}
			return c, err
		}
		if err := e.tellRuntime(c.cmd.Process.Pid); err != nil {
			c.kill()
			return c, fmt.Errorf("engine runtime file: %w", err)
		}
		return c, nil
	}
}

// adapt reports whether to try again, in another way.
func (e *Engine) adapt(err error, c *child) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return c.cmd != nil && e.protection.adapt(err, c.cmd)
}

// spawn starts the process. The thread that does so waits for it, because the
// kernel takes that thread's end for the parent's.
func (e *Engine) spawn() (*child, error) {
	c := gone()
	protection := e.Protection()
	way := protection.Isolation
	o := childOptions{
		layout: layout{library: e.opts.Library, config: e.config, data: e.dataDir()},
		http:   e.opts.ListenHTTP != "", namespace: way != RestrictedPort, prepare: true, confine: protection.Unconfined == "",
	}
	theirs, ours, err := os.Pipe()
	if err != nil {
		return c, fmt.Errorf("start engine: %w", err)
	}
	socket, err := e.socket.File()
	if err != nil {
		_, _ = theirs.Close(), ours.Close()
		return c, fmt.Errorf("start engine: %w", err)
	}
	c.lifeline, c.exited = ours, make(chan struct{})
	args := append(e.opts.Command[1:len(e.opts.Command):len(e.opts.Command)], o.args()...)
	c.cmd = exec.CommandContext(context.Background(), e.opts.Command[0], args...)
	c.cmd.Dir = e.opts.Dir
	c.cmd.Env = []string{"HOME=" + homeDir(e.opts.Dir)} // nothing else: there may be secrets in it
	c.cmd.Stdout, c.cmd.Stderr = c.output, c.output
	c.cmd.ExtraFiles = []*os.File{theirs, socket} // lifelineFd and socketFd in the child
	c.cmd.SysProcAttr = childAttr(way)
	begun := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with us
		standBack()
		defer close(c.exited)
		err := e.opts.start(c.cmd, way)
		_, _ = theirs.Close(), socket.Close()
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

// gone is a child that never was.
func gone() *child {
	c := &child{output: newTail(), started: time.Now(), exited: make(chan struct{})}
	close(c.exited)
	return c
}

// stop asks the child to end in order.
func (c *child) stop() error {
	_, err := c.lifeline.Write([]byte{1})
	return err
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

// awaitReady returns when c answers. It waits in one go: the socket is accepted
// on as soon as the engine listens.
func (e *Engine) awaitReady(ctx context.Context, c *child) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answered := make(chan error, 1)
	go func() { answered <- e.ping(ctx) }()
	select {
	case err := <-answered:
		if err == nil {
			return nil
		}
		return fmt.Errorf("engine does not answer within %s: %w; see %s/engine.log", e.opts.StartTimeout, err, e.opts.Dir)
	case <-c.exited:
		return e.explain(c)
	case <-c.output.exception: // it stays at its terminal, and listens to nobody
		c.kill()
		return e.explain(c)
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
		return fmt.Errorf("engine: %w: %w", ErrPortBusy, failure)
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
	// exception is closed when the engine tells of one.
	exception chan struct{}

	mu   sync.Mutex
	text []byte
	told bool
}

const tailBytes = 2000

func newTail() *tail { return &tail{exception: make(chan struct{})} }

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if !t.told && bytes.Contains(t.text, []byte("DB::Exception")) {
		t.told = true
		close(t.exception)
	}
	if excess := len(t.text) - tailBytes; excess > 0 {
		t.text = append(t.text[:0], t.text[excess:]...)
	}
	return len(p), nil
}

// controls are what the engine's shell tells the terminal: escape sequences
// (ECMA-48) and control characters but line ends.
var controls = regexp.MustCompile(`\x1b(\[[0-?]*[ -/]*[@-~]|\][^\a\x1b]*(\a|\x1b\\)|[ -/]*[0-~])|[\x00-\x09\x0b-\x1f\x7f]`)

// chatter are lines of the engine's shell that say nothing.
var chatter = regexp.MustCompile(`^(Logging |ClickHouse local version |:\)|.* :\)|SYSTEM START LISTEN |Query id: |Ok\.$|0 rows in set|Bye\.$)`)

// String leaves out what the engine says at every start.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var kept []string
	for line := range bytes.Lines(t.text) {
		if line := strings.TrimSpace(controls.ReplaceAllString(string(line), "")); line != "" && !chatter.MatchString(line) {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, " | ")
}
