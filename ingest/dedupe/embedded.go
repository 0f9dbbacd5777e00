package dedupe

import (
	"bytes"
	"context"
	"net"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Embedded is a Redis inside this process, for an installation without one. It
// listens nowhere and starts empty, so the first claim says ErrEmpty. Its
// memory is the process's own: some 500 bytes for each event remembered.
type Embedded struct {
	server *miniredis.Miniredis
	client *redis.Client
	stop   chan struct{}
	done   chan struct{}
	once   sync.Once
}

// tick is how often keys past their time to live are let go. Each time visits
// every key, and nothing but memory depends on it.
const tick = time.Minute

// NewEmbedded starts an embedded Redis whose times to live run by now. Call
// Close to end it.
func NewEmbedded(now func() time.Time) *Embedded {
	if now == nil {
		now = time.Now
	}
	e := &Embedded{server: miniredis.NewMiniRedis(), stop: make(chan struct{}), done: make(chan struct{})}
	e.client = redis.NewClient(&redis.Options{
		Addr:                     "127.0.0.1:0", // nobody dials it, but a name would be looked up
		Protocol:                 2,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		PoolSize:                 4,
		ReadTimeout:              30 * time.Second,
		WriteTimeout:             30 * time.Second,
		Dialer: func(context.Context, string, string) (net.Conn, error) {
			conn, err := e.server.Dial()
			if err != nil {
				return nil, err
			}
			return newQueuedConn(conn), nil
		},
	})
	start := now()
	go e.run(now, start)
	return e
}

func (e *Embedded) run(now func() time.Time, last time.Time) {
	defer close(e.done)
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-e.stop:
			return
		case <-ticker.C:
			at := now()
			if passed := at.Sub(last); passed > 0 {
				e.server.FastForward(passed)
				last = at
			}
		}
	}
}

// Client returns the client of the embedded Redis, shared and safe for
// concurrent use. It is closed with the Redis.
func (e *Embedded) Client() *redis.Client { return e.client }

// Close ends the Redis and forgets everything in it.
func (e *Embedded) Close() error {
	var err error
	e.once.Do(func() {
		close(e.stop)
		<-e.done
		err = e.client.Close()
		e.server.Close()
	})
	return err
}

// queuedConn is an in-memory connection whose writes never wait for the reader.
// A bare net.Pipe has no buffer: a client that writes a whole pipeline before
// it reads, and a server that answers each command at once, would wait for each
// other for ever.
type queuedConn struct {
	net.Conn
	mu     sync.Mutex
	more   sync.Cond
	queue  bytes.Buffer
	err    error
	closed bool
	done   chan struct{}
}

func newQueuedConn(conn net.Conn) *queuedConn {
	q := &queuedConn{Conn: conn, done: make(chan struct{})}
	q.more.L = &q.mu
	go q.pump()
	return q
}

func (q *queuedConn) Write(p []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return 0, net.ErrClosed
	}
	if q.err != nil {
		return 0, q.err
	}
	q.more.Signal()
	return q.queue.Write(p)
}

func (q *queuedConn) pump() {
	defer close(q.done)
	buf := make([]byte, 32<<10)
	for {
		q.mu.Lock()
		for q.queue.Len() == 0 && !q.closed {
			q.more.Wait()
		}
		n, _ := q.queue.Read(buf) // fails only when empty
		if q.queue.Len() == 0 && q.queue.Cap() > 1<<20 {
			q.queue = bytes.Buffer{}
		}
		closed := q.closed
		q.mu.Unlock()
		if closed {
			return
		}
		if _, err := q.Conn.Write(buf[:n]); err != nil {
			q.mu.Lock()
			q.err = err
			q.mu.Unlock()
			return
		}
	}
}

// SetDeadline sets the deadline of reads: writes do not wait.
func (q *queuedConn) SetDeadline(t time.Time) error { return q.SetReadDeadline(t) }

// SetWriteDeadline does nothing: writes do not wait.
func (q *queuedConn) SetWriteDeadline(time.Time) error { return nil }

// Close ends the connection and waits for its goroutine.
func (q *queuedConn) Close() error {
	q.mu.Lock()
	q.closed = true
	q.more.Signal()
	q.mu.Unlock()
	err := q.Conn.Close()
	<-q.done
	return err
}
