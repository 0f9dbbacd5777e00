package embedded

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
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
	// TCPPort and HTTPPort on 127.0.0.1; free ones are chosen if 0.
	TCPPort, HTTPPort int
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
}

// Engine is a running child. It is safe for concurrent use. The goroutines
// that it needs end with Close.
type Engine struct {
	opts     Options
	lock     *flock.Flock
	config   string
	password string
	doors    []*door
	child    *child       // the one running now; of the keeper alone after Start
	native   atomic.Int64 // the child's own ports, which change
	http     atomic.Int64
	pid      atomic.Int64
	restarts atomic.Int64
	life     context.Context // ends with Close
	end      context.CancelFunc
	stopped  chan struct{} // closed when the keeper has ended
	closeErr error         // readable when stopped is closed
}

// Start starts the engine on a directory and returns when it answers. Ctx
// bounds the start only; call Close to end it. Errors: ErrNoLibrary,
// ErrLocked, ErrPortBusy (wrapped), or what the engine said.
func Start(ctx context.Context, opts Options) (*Engine, error) {
	e := &Engine{opts: opts, password: rand.Text(), stopped: make(chan struct{})}
	e.life, e.end = context.WithCancel(context.Background())
	if err := e.complete(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(e.dataDir(), 0o700); err != nil {
		return nil, fmt.Errorf("engine directory: %w; make it writable or set data_dir", err)
	}
	if err := e.takeLock(); err != nil {
		return nil, err
	}
	if err := e.launch(ctx); err != nil {
		return nil, errors.Join(err, e.closeDoors(), e.lock.Unlock())
	}
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
	if o.Library, err = FindLibrary(o.Library); err != nil {
		return err
	}
	return nil
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

// launch opens the door and starts the first child.
func (e *Engine) launch(ctx context.Context) error {
	var err error
	if e.config, err = writeConfig(e.opts.Dir, e.password, e.opts.MaxMemoryBytes); err != nil {
		return fmt.Errorf("engine configuration: %w; make %s writable or set data_dir", err, e.opts.Dir)
	}
	native, err := listen(e.opts.TCPPort)
	if err != nil {
		return err
	}
	guard := porter{e.password, filepath.Join(e.dataDir(), "metadata")}
	e.doors = append(e.doors, newDoor(native, guard.admit, e.nativeHost))
	http, err := listen(e.opts.HTTPPort)
	if err != nil {
		return err
	}
	e.doors = append(e.doors, newDoor(http, anyone, e.httpHost))
	e.opts.TCPPort, e.opts.HTTPPort = portOf(native), portOf(http)
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

func (e *Engine) closeDoors() error {
	var errs []error
	for _, d := range e.doors {
		errs = append(errs, d.close())
	}
	return errors.Join(errs...)
}

// listen takes a port of the loopback interface, any if 0.
func listen(port int) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", loopback(port))
	if err != nil {
		return nil, fmt.Errorf("engine: %w: %w; set another port, or stop what uses it", ErrPortBusy, err)
	}
	return l, nil
}

// choosePorts finds two free ports for the child.
func (e *Engine) choosePorts() error {
	for _, port := range []*atomic.Int64{&e.native, &e.http} {
		l, err := listen(0)
		if err != nil {
			return err
		}
		defer func() { _ = l.Close() }() // after both are found, so that they differ
		port.Store(int64(portOf(l)))
	}
	return nil
}

func portOf(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// nativeHost and httpHost are where the child serves at this moment.
func (e *Engine) nativeHost() string { return loopback(int(e.native.Load())) }
func (e *Engine) httpHost() string   { return loopback(int(e.http.Load())) }

// URL is where clickhouse-go connects, with the password. It stays the same
// over restarts of the child.
func (e *Engine) URL() string { return e.url("clickhouse", loopback(e.opts.TCPPort)) }

// HTTPURL is the engine's HTTP interface, with the password.
func (e *Engine) HTTPURL() string { return e.url("http", loopback(e.opts.HTTPPort)) }

func (e *Engine) url(scheme, host string) string {
	u := url.URL{Scheme: scheme, User: url.UserPassword(userName, e.password), Host: host}
	return u.String()
}

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
		ctx, cancel := context.WithTimeout(context.Background(), e.opts.StopTimeout)
		defer cancel()
		kill := withConn(e.url("clickhouse", e.nativeHost()), func(conn clickhouse.Conn) error { return conn.Exec(ctx, stopServing) })
		if kill == nil {
			select {
			case <-e.child.exited:
			case <-ctx.Done():
				kill = ctx.Err()
			}
		}
		e.child.kill()
		if kill != nil {
			e.opts.Log.Warn("engine did not stop by itself, and was killed if it was there", "err", kill, "engine", e.child.failure())
		}
	}
	return errors.Join(err, e.closeDoors(), e.lock.Unlock())
}
