package edge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"syscall"
	"time"
)

// Listen opens the address that an Edge is to serve. A failure names the
// remedy.
func Listen(ctx context.Context, addr string) (net.Listener, error) {
	var config net.ListenConfig
	ln, err := config.Listen(ctx, "tcp", addr)
	switch {
	case err == nil:
		return ln, nil
	case errors.Is(err, syscall.EADDRINUSE):
		_, port, _ := net.SplitHostPort(addr)
		return nil, fmt.Errorf("listen on %s: another process has this port: stop it (ss -ltnp 'sport = :%s' shows which it is) or set another address with listen: %w", addr, port, err)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("listen on %s: ports below 1024 need a privilege: set another address with listen, or give the binary cap_net_bind_service: %w", addr, err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("listen on %s: this machine does not have the address: set another with listen: %w", addr, err)
	}
	return nil, fmt.Errorf("listen on %s: %w", addr, err)
}

// Run listens and serves until ctx ends, then shuts down. It returns when all
// it started has ended; nil means that no request was cut off.
func (e *Edge) Run(ctx context.Context) error {
	ln, err := Listen(ctx, e.o.Listen)
	if err != nil {
		return err
	}
	return e.RunOn(ctx, ln)
}

// RunOn is Run with a listener that is open already. It closes it.
func (e *Edge) RunOn(ctx context.Context, ln net.Listener) error {
	served := make(chan error, 1)
	go func() { served <- e.Serve(ln) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.o.ShutdownTimeout)
	defer cancel()
	return errors.Join(e.Shutdown(deadline), <-served)
}

// Serve answers connections from ln until Shutdown, and closes it.
func (e *Edge) Serve(ln net.Listener) error {
	d := &door{Listener: ln, open: make(map[*conn]struct{}), crowd: e.crowd}
	e.mu.Lock()
	if e.stopping.Load() {
		e.mu.Unlock()
		return d.Close()
	}
	e.doors = append(e.doors, d)
	e.mu.Unlock()
	if err := e.app.Listener(d); err != nil {
		return fmt.Errorf("serve %s: %w", ln.Addr(), err)
	}
	return nil
}

// Shutdown takes no more connections, closes those that wait for a request,
// and waits for those in flight until ctx ends; then it cuts them off and
// returns an error. Serve returns when it begins.
func (e *Edge) Shutdown(ctx context.Context) error {
	e.mu.Lock()
	e.stopping.Store(true)
	doors := slices.Clone(e.doors)
	e.mu.Unlock()
	defer e.cut()
	for _, d := range doors {
		_ = d.Close() // it takes no connection either way
		d.drop(func(c *conn) bool { return !c.spoke.Load() })
	}
	err := e.app.ShutdownWithContext(ctx)
	if err == nil {
		return nil
	}
	// Handlers that heed their context now answer 503 by themselves.
	e.cut()
	waitFor(cutTime, func() bool { return connections(doors) == 0 })
	for _, d := range doors {
		d.drop(func(*conn) bool { return true })
	}
	if !waitFor(time.Second, func() bool { return connections(doors) == 0 }) {
		return fmt.Errorf("shut down the edge: %d requests do not end: %w", connections(doors), err)
	}
	return fmt.Errorf("shut down the edge: requests that were not over at the deadline were cut off: %w", err)
}

// cutTime is what requests get to answer that they were cut off.
const cutTime = 200 * time.Millisecond

func connections(doors []*door) (n int) {
	for _, d := range doors {
		n += d.count()
	}
	return n
}

func waitFor(limit time.Duration, done func() bool) bool {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(limit); time.Now().Before(end); <-tick.C {
		if done() {
			return true
		}
	}
	return done()
}

// Connections returns how many connections are open.
func (e *Edge) Connections() int {
	e.mu.Lock()
	doors := slices.Clone(e.doors)
	e.mu.Unlock()
	return connections(doors)
}

// BodyMemory returns how many bytes are reserved for request bodies.
func (e *Edge) BodyMemory() int64 { return e.bodies.reserved() }
