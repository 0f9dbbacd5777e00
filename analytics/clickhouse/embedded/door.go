package embedded

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// door is a TCP port before one of the engine's own, for programs that cannot
// take a connection by the Unix socket. It lets in whom the engine would not
// refuse, so that nobody else gets to talk to the engine at all, and turns every
// end of a client into an orderly one; on Linux the kernel moves the bytes
// (splice). Connections that come while the engine is restarted wait for it.
type door struct {
	listener net.Listener
	// admit reads what it must of a new connection and returns that, or false.
	admit    func(*net.TCPConn) (read []byte, ok bool)
	upstream func(context.Context) (*net.TCPConn, error) // to the engine
	mu       sync.Mutex
	open     map[net.Conn]struct{} // nil when closed
	running  sync.WaitGroup
}

// mostConnections that a door has at a time: descriptors are for intake first.
const mostConnections = 500

// reviveWait is for how long a new connection waits for the engine.
const reviveWait = 5 * time.Second

// anyone is admitted where the engine itself copes with strangers.
func anyone(*net.TCPConn) ([]byte, bool) { return nil, true }

// newDoor starts to serve at l.
func newDoor(l net.Listener, admit func(*net.TCPConn) ([]byte, bool), upstream func(context.Context) (*net.TCPConn, error)) *door {
	d := &door{listener: l, admit: admit, upstream: upstream, open: make(map[net.Conn]struct{})}
	d.running.Go(func() {
		for {
			c, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				time.Sleep(10 * time.Millisecond) // out of descriptors: they come back
				continue
			}
			d.running.Go(func() { d.serve(c.(*net.TCPConn)) })
		}
	})
	return d
}

// close ends all connections and returns when nothing of the door runs.
func (d *door) close() error {
	err := d.listener.Close()
	d.mu.Lock()
	for c := range d.open {
		_ = c.Close()
	}
	d.open = nil
	d.mu.Unlock()
	d.running.Wait()
	return err
}

// hold has c closed with the door. It returns false if that is closed or full.
func (d *door) hold(c net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open == nil || len(d.open) >= 2*mostConnections {
		return false
	}
	d.open[c] = struct{}{}
	return true
}

func (d *door) release(c net.Conn) {
	_ = c.Close()
	d.mu.Lock()
	delete(d.open, c)
	d.mu.Unlock()
}

func (d *door) serve(client *net.TCPConn) {
	defer d.release(client)
	if !d.hold(client) {
		return
	}
	read, ok := d.admit(client)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), reviveWait)
	engine, err := d.upstream(ctx)
	cancel()
	if err != nil {
		return
	}
	defer d.release(engine)
	if !d.hold(engine) {
		return
	}
	if _, err := engine.Write(read); err == nil {
		join(client, engine)
	}
}

// join copies both ways until the engine has said all. A client that is gone
// is told to the engine as an orderly end, never as a reset.
func join(client, engine *net.TCPConn) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(engine, client)
		_ = engine.CloseWrite()
	}()
	if _, err := io.Copy(client, engine); err != nil {
		_, _ = io.Copy(io.Discard, engine)
	}
	_ = client.Close()
	<-done
}
