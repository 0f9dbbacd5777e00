package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
)

// What can keep an engine from starting, besides ErrNoLibrary.
var (
	ErrLocked   = errors.New("directory is in use by another process")
	ErrPortBusy = errors.New("port is in use")
)

// Options of an engine. Zero values mean the defaults told.
type Options struct {
	// Dir holds the engine's data, configuration and log. Made if missing.
	Dir string
	// Library is the path of libchdb.so; FindLibrary("") if empty.
	Library string
	// Command starts the child; {os.Executable(), "clickhouse"} by default.
	Command []string
	// Listen, if not empty, is where a proxy for the native protocol listens, like
	// 127.0.0.1:0 for a free port: for programs that cannot use Dial. It passes on
	// only who knows the password.
	Listen string
	// ListenHTTP, if not empty, is the same for the engine's HTTP interface, whose
	// requests are passed on unread.
	ListenHTTP string
	// Reader, if its Listen is not empty, may read some tables at a port of its own.
	Reader Reader
	// MaxMemoryBytes that the engine may use; half of the machine's if 0.
	MaxMemoryBytes int64
	// StartTimeout is how long to wait until it answers; 1 minute if 0.
	StartTimeout time.Duration
	// StopTimeout is how long Close waits before it kills; 10 s if 0.
	StopTimeout time.Duration
	Log         *slog.Logger // discards if nil
	// OnRestart is told of each restart: how many there were, and how long the
	// child that died had lived. It must not block.
	OnRestart func(restarts int, lived time.Duration)

	// ways of isolation to try, and start to start the child in one; tests have
	// them refused.
	ways  []Isolation
	start func(child *exec.Cmd, way Isolation) error
}

// Reader is a user for programs of others, such as BI tools: it can read, within
// bounds, and nothing else.
type Reader struct {
	// Listen is host:port of the native protocol; empty for no reader.
	Listen string
	// Password of the user ReaderName.
	Password string
	// Tables and views that it may read, as database.name.
	Tables []string
}

// ReaderName is the name of the user that Options.Reader is about.
const ReaderName = "reader"

// Engine is a running child. It is safe for concurrent use. The goroutines
// that it needs end with Close.
type Engine struct {
	Client
	opts   Options
	lock   *flock.Flock
	config string
	socket *net.UnixListener // the children accept on it
	doors  []*door
	// readerAddr is where the reader's port listens, if it does.
	readerAddr string
	child      *child // the one running now; of the keeper alone after Start
	pid        atomic.Int64
	restarts   atomic.Int64
	life       context.Context // ends with Close
	end        context.CancelFunc
	stopped    chan struct{} // closed when the keeper has ended
	closeErr   error         // readable when stopped is closed

	mu         sync.Mutex
	protection protection
}

// Start starts the engine on a directory and returns when it answers. Ctx
// bounds the start only; call Close to end it. Errors: ErrNoLibrary,
// ErrLocked, ErrPortBusy (wrapped), or what the engine said.
func Start(ctx context.Context, opts Options) (*Engine, error) {
	e := &Engine{opts: opts, stopped: make(chan struct{})}
	e.life, e.end = context.WithCancel(context.Background())
	if err := e.complete(); err != nil {
		return nil, err
	}
	if err := e.makeDirs(); err != nil {
		return nil, fmt.Errorf("engine directory: %w; make it writable or set data_dir", err)
	}
	if err := e.takeLock(); err != nil {
		return nil, err
	}
	if err := e.launch(ctx); err != nil {
		return nil, errors.Join(err, e.release())
	}
	e.file.Protection = e.Protection()
	e.warn()
	e.openReader()
	go e.keep()
	return e, nil
}

// complete fills in defaults.
func (e *Engine) complete() error {
	o := &e.opts
	if o.StartTimeout == 0 {
		o.StartTimeout = time.Minute
	}
	if o.StopTimeout == 0 {
		o.StopTimeout = 10 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.OnRestart == nil {
		o.OnRestart = func(int, time.Duration) {}
	}
	var err error
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return fmt.Errorf("engine directory: %w", err)
	}
	if len(o.Command) == 0 {
		executable, err := os.Executable()
		if err != nil {
			return fmt.Errorf("engine command: %w", err)
		}
		o.Command = []string{executable, "clickhouse"}
	}
	if o.start == nil {
		o.start = func(child *exec.Cmd, _ Isolation) error { return child.Start() }
	}
	if o.Library, err = FindLibrary(o.Library); err != nil {
		return err
	}
	e.Client = newClient(o.Dir)
	return nil
}

// makeDirs makes the directories, which are nobody else's business.
func (e *Engine) makeDirs() error {
	for _, dir := range []string{e.dataDir(), homeDir(e.opts.Dir)} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	return os.Chmod(e.opts.Dir, 0o700) //nolint:gosec // a directory
}

func (e *Engine) dataDir() string { return filepath.Join(e.opts.Dir, "db") }

func (e *Engine) takeLock() error {
	e.lock = flock.New(filepath.Join(e.opts.Dir, "lock"), flock.SetPermissions(0o600))
	locked, err := e.lock.TryLock()
	if err != nil {
		return fmt.Errorf("engine directory %s: lock: %w; make it writable or set data_dir", e.opts.Dir, err)
	}
	if !locked {
		return fmt.Errorf("engine directory %s: %w; stop the other leadgate or set another data_dir", e.opts.Dir, ErrLocked)
	}
	return nil
}

// launch opens what the engine is reached by and starts the first child.
func (e *Engine) launch(ctx context.Context) error {
	e.protection = protection{ways: e.opts.ways, unconfined: confinable()}
	if e.protection.ways == nil {
		e.protection.ways = waysFor(e.opts.Dir)
	}
	var err error
	if e.socket, err = listenSocket(e.opts.Dir); err != nil {
		return err
	}
	if err := e.openDoors(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, e.opts.StartTimeout)
	defer cancel()
	began := time.Now()
	for attempt := 1; ; {
		e.child, err = e.startChild(ctx)
		switch {
		case errors.Is(err, errOrphan) && time.Since(began) < orphanTime:
			select {
			case <-time.After(200 * time.Millisecond):
			case <-ctx.Done():
				return err
			}
			continue
		case err == nil, attempt == 3, !errors.Is(err, ErrPortBusy) && !errors.Is(err, errAborted):
			return err
		}
		e.opts.Log.Warn("engine did not start, trying again", "attempt", attempt, "err", err)
		attempt++
	}
}

// orphanTime is how long to wait for an engine whose parent was killed: it gets
// its own kill at once, but on a busy machine takes seconds to be gone.
const orphanTime = 20 * time.Second

// openDoors opens the proxies that were asked for.
func (e *Engine) openDoors() (err error) {
	if e.opts.Listen != "" {
		if e.proxy, err = e.openDoor(e.opts.Listen, nativeProtocol, e.porter(ownerName, e.file.Password)); err != nil {
			return err
		}
	}
	if e.opts.ListenHTTP != "" {
		e.httpProxy, err = e.openDoor(e.opts.ListenHTTP, httpProtocol, anyone)
	}
	return err
}

// porter admits one user.
func (e *Engine) porter(user, password string) func(*net.TCPConn) ([]byte, bool) {
	return porter{user, password, filepath.Join(e.dataDir(), "metadata")}.admit
}

// openDoor returns the address at which it listens.
func (e *Engine) openDoor(address string, protocol byte, admit func(*net.TCPConn) ([]byte, bool)) (string, error) {
	l, err := listen(address)
	if err != nil {
		return "", err
	}
	e.doors = append(e.doors, newDoor(l, admit, func(ctx context.Context) (*net.TCPConn, error) {
		return askSocket(ctx, e.opts.Dir, protocol)
	}))
	return l.Addr().String(), nil
}

// openReader opens the reader's port. Without it the engine serves on: leads are
// not to wait for those who read them.
func (e *Engine) openReader() {
	if !e.reads() {
		if e.opts.Reader.Listen != "" {
			e.opts.Log.Error("engine: the port for the reader is not opened, because file() could read every file of this user there", "listen", e.opts.Reader.Listen)
		}
		return
	}
	var err error
	if e.readerAddr, err = e.openDoor(e.opts.Reader.Listen, nativeProtocol, e.porter(ReaderName, e.opts.Reader.Password)); err != nil {
		e.opts.Log.Error("engine: the port for the reader is not opened", "err", err)
	}
}

// reads reports whether there is a reader: only where the kernel keeps the engine
// from files that are none of its own.
func (e *Engine) reads() bool { return e.opts.Reader.Listen != "" && e.Protection().Unconfined == "" }

// ReaderAddr is where the reader's port listens, or empty.
func (e *Engine) ReaderAddr() string { return e.readerAddr }

// release closes what launch opened and gives the directory back.
func (e *Engine) release() error {
	var errs []error
	for _, d := range e.doors {
		errs = append(errs, d.close())
	}
	if e.socket != nil {
		errs = append(errs, closeSocket(e.socket, e.opts.Dir))
	}
	return errors.Join(append(errs, e.lock.Unlock())...)
}

// listen takes a port.
func listen(address string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("engine: %w: %w; set another port, or stop what uses it", ErrPortBusy, err)
	}
	return l, nil
}

func portOf(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// PID is the child's process id at this moment.
func (e *Engine) PID() int { return int(e.pid.Load()) }

// Restarts counts how often the child died and was started again.
func (e *Engine) Restarts() int { return int(e.restarts.Load()) }

// Close stops the engine: gracefully, then by force. It returns when the
// child is gone. Further calls do the same and return the same.
func (e *Engine) Close() error {
	e.end()
	<-e.stopped
	return e.closeErr
}

// keep runs until Close and starts the child again whenever it dies alone.
func (e *Engine) keep() {
	defer close(e.stopped)
	pause := time.Duration(0)
	for {
		select {
		case <-e.life.Done():
			e.closeErr = e.shutdown()
			return
		case <-e.child.exited:
		}
		lived := time.Since(e.child.started)
		if pause = nextPause(pause, lived); !e.revive(lived, pause) {
			e.closeErr = e.shutdown()
			return
		}
	}
}

// nextPause is 0 after a child that lived long, else it doubles up to 3 s.
func nextPause(pause, lived time.Duration) time.Duration {
	switch {
	case lived > 10*time.Second:
		return 0
	case pause == 0:
		return 100 * time.Millisecond
	}
	return min(2*pause, 3*time.Second)
}

// revive starts a new child in place of the dead one, after a pause if the
// last ones died young. It returns false when the engine is to stop instead.
func (e *Engine) revive(lived, pause time.Duration) bool {
	restarts := int(e.restarts.Add(1))
	e.opts.Log.Error("engine died, starting it again", "took", lived, "restarts", restarts, "err", e.child.failure())
	e.opts.OnRestart(restarts, lived)
	if restarts > 1 && pause > 0 {
		select {
		case <-e.life.Done():
			return false
		case <-time.After(pause):
		}
	}
	ctx, cancel := context.WithTimeout(e.life, e.opts.StartTimeout)
	defer cancel()
	c, err := e.startChild(ctx)
	e.child = c
	if err != nil && e.life.Err() == nil {
		e.opts.Log.Error("engine does not start", "err", err)
	}
	return e.life.Err() == nil
}

// shutdown ends the child and gives the directory back.
func (e *Engine) shutdown() error {
	err := os.Remove(filepath.Join(e.opts.Dir, runtimeName))
	if os.IsNotExist(err) {
		err = nil
	}
	select {
	case <-e.child.exited:
	default:
		late := time.NewTimer(e.opts.StopTimeout)
		defer late.Stop()
		stop := e.child.stop()
		if stop == nil {
			select {
			case <-e.child.exited:
			case <-late.C:
				stop = context.DeadlineExceeded
			}
		}
		e.child.kill()
		if stop != nil {
			e.opts.Log.Warn("engine did not stop by itself, and was killed if it was there", "err", stop, "engine", e.child.failure())
		}
	}
	return errors.Join(err, e.release())
}
