package edge

import (
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// door is a listener that knows its open connections: the server cannot close
// those that have not spoken yet, nor end those that do not end.
type door struct {
	net.Listener
	crowd  *crowd
	mu     sync.Mutex
	open   map[*conn]struct{}
	closed bool
}

// Accept implements net.Listener.
func (d *door) Accept() (net.Conn, error) {
	var c *conn
	for c == nil {
		raw, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if address, ok := d.crowd.enter(raw); ok {
			c = &conn{Conn: raw, door: d, address: address}
		} else {
			_ = raw.Close() // nothing was sent
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		_ = c.Conn.Close()
		d.crowd.leave(c.address)
		return nil, net.ErrClosed
	}
	d.open[c] = struct{}{}
	return c, nil
}

// Close implements net.Listener. Closing twice is no error.
func (d *door) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil
	}
	d.closed = true
	return d.Listener.Close()
}

// drop closes the connections that match, under the hands of their handlers.
func (d *door) drop(match func(*conn) bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for c := range d.open {
		if match(c) {
			_ = c.Conn.Close() // its handler learns of it
		}
	}
}

func (d *door) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.open)
}

type conn struct {
	net.Conn
	door    *door
	address netip.Addr  // under which it is counted
	read    time.Time   // the deadline of reading
	write   time.Time   // the deadline of writing
	unread  bool        // the request's body was not read whole; only its handler uses it
	spoke   atomic.Bool // it has sent something
	linger  atomic.Bool // it was refused while still sending
	preface bool        // it began in the PROXY protocol
	once    sync.Once

	reading, writing time.Time // the deadlines in force
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	if err := enforce(c.read, &c.reading, c.Conn.SetReadDeadline); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(p)
	if n > 0 && !c.spoke.Load() {
		c.spoke.Store(true)
		c.preface = proxyPreface(p[:n])
	}
	return n, err
}

// Write implements net.Conn.
func (c *conn) Write(p []byte) (int, error) {
	if err := enforce(c.write, &c.writing, c.Conn.SetWriteDeadline); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// deadlineSlack is by how much a deadline may be late.
const deadlineSlack = 250 * time.Millisecond

// enforce sets a deadline, unless the one in force is about as good: the server
// wants three for each request, of which hardly any is ever reached.
func enforce(wanted time.Time, inForce *time.Time, set func(time.Time) error) error {
	if late := inForce.Sub(wanted); late >= 0 && late <= deadlineSlack {
		return nil
	}
	if !wanted.IsZero() {
		wanted = wanted.Add(deadlineSlack)
	}
	*inForce = wanted
	return set(wanted)
}

// SetReadDeadline implements net.Conn, for the reading that follows.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.read = t
	return nil
}

// SetWriteDeadline implements net.Conn, for the writing that follows.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.write = t
	return nil
}

// SetDeadline implements net.Conn, for the reading and writing that follow.
func (c *conn) SetDeadline(t time.Time) error {
	c.read, c.write = t, t
	return nil
}

// How long and how much a refused sender may go on.
const (
	lingerTime  = 2 * time.Second
	lingerBytes = 64 << 20
)

// Close implements net.Conn. After a refusal it first reads what is still
// coming: closing on unread bytes resets the connection, and the answer that
// says why is lost on its way.
func (c *conn) Close() (err error) {
	c.once.Do(func() {
		if tcp, ok := c.Conn.(*net.TCPConn); ok && c.linger.Load() {
			if tcp.CloseWrite() == nil && tcp.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
				_, _ = io.CopyN(io.Discard, tcp, lingerBytes) // however it ends, it ends
			}
		}
		err = c.Conn.Close()
		c.door.crowd.leave(c.address)
		c.door.mu.Lock()
		delete(c.door.open, c)
		c.door.mu.Unlock()
	})
	return err
}
