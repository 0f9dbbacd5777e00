package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// front stands before a ClickHouse and reads of the native protocol just
// enough to know an insert and the server's answer to its rows. It can refuse
// inserts with the server's errors, and it can lose the answer to an insert
// that the server has done. It is safe for concurrent use.
type front struct {
	listener net.Listener
	to       string
	running  sync.WaitGroup

	mu      sync.Mutex
	codes   []int32 // to refuse inserts with, in turn
	skip    int     // how many answers still pass
	lose    int     // how many are then to be lost
	then    func()  // called for each of those
	refused int
	lost    int
	open    map[net.Conn]bool // nil when closed
}

func newFront(to string) (*front, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &front{listener: l, to: to, open: map[net.Conn]bool{}}
	f.running.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			f.running.Go(func() { f.serve(client) })
		}
	})
	return f, nil
}

func (f *front) addr() string { return f.listener.Addr().String() }

// close ends all connections and waits for what serves them.
func (f *front) close() {
	_ = f.listener.Close()
	f.mu.Lock()
	for c := range f.open {
		_ = c.Close()
	}
	f.open = nil
	f.mu.Unlock()
	f.running.Wait()
}

// refuse has every insert answered with one of the codes, in turn; none ends
// it.
func (f *front) refuse(codes ...int32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.codes = codes
}

// loseAnswers has the answers to n inserts lost, after the next skip ones, each
// after the server did it; then is called before the connection ends.
func (f *front) loseAnswers(skip, n int, then func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.skip, f.lose, f.then = skip, n, then
}

// done tells how many inserts were refused and how many answers lost.
func (f *front) done() (refused, lost int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.refused, f.lost
}

func (f *front) hold(c net.Conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open == nil {
		_ = c.Close()
		return false
	}
	f.open[c] = true
	return true
}

func (f *front) release(c net.Conn) {
	_ = c.Close()
	f.mu.Lock()
	delete(f.open, c)
	f.mu.Unlock()
}

// talk is one connection. An insert is a query, the columns told by the server,
// the rows of the client, the answer.
type talk struct {
	front          *front
	client, server net.Conn

	mu    sync.Mutex
	phase int
}

const (
	idle = iota
	asked
	told
	sent
)

func (f *front) serve(client net.Conn) {
	if !f.hold(client) {
		return
	}
	defer f.release(client)
	server, err := new(net.Dialer).DialContext(context.Background(), "tcp", f.to)
	if err != nil || !f.hold(server) {
		return
	}
	defer f.release(server)
	t := &talk{front: f, client: client, server: server}
	var upward sync.WaitGroup
	upward.Go(func() { t.up(); _ = server.(*net.TCPConn).CloseWrite() })
	t.down()
	_ = client.Close()
	upward.Wait()
}

var insertInto = []byte("INSERT INTO ")

// up carries what the client says.
func (t *talk) up() {
	buf := make([]byte, 64<<10)
	for {
		n, err := t.client.Read(buf)
		if err != nil {
			return
		}
		t.mu.Lock()
		if bytes.Contains(buf[:n], insertInto) && t.phase != told {
			t.phase = asked
			if code := t.front.nextRefusal(); code != 0 {
				t.mu.Unlock()
				_, _ = t.client.Write(exception(code))
				_ = t.client.(*net.TCPConn).CloseWrite()
				_ = t.client.SetReadDeadline(time.Now().Add(5 * time.Second))
				_, _ = io.Copy(io.Discard, t.client)
				return
			}
		} else if t.phase == told {
			t.phase = sent
		}
		t.mu.Unlock()
		if _, err := t.server.Write(buf[:n]); err != nil {
			return
		}
	}
}

// endOfStream is the packet that says that a query is done.
const endOfStream = 5

// down carries what the server says. The answer to an insert's rows may be
// held back until it is whole, and then be lost.
func (t *talk) down() {
	buf, held := make([]byte, 64<<10), []byte(nil)
	for {
		if held != nil { // an error, say, is let through
			_ = t.server.SetReadDeadline(time.Now().Add(time.Second))
		}
		n, err := t.server.Read(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			_ = t.server.SetReadDeadline(time.Time{})
			if _, err := t.client.Write(held); err != nil {
				return
			}
			held = nil
			continue
		}
		if err != nil {
			return
		}
		said := buf[:n]
		t.mu.Lock()
		if t.phase == asked {
			t.phase = told
		}
		answer := t.phase == sent
		whole := answer && said[n-1] == endOfStream
		if whole {
			t.phase = idle
		}
		t.mu.Unlock()
		switch {
		case whole && t.front.loses(true):
			return
		case answer && !whole && t.front.loses(false):
			held = append(held, said...)
			continue
		}
		if _, err := t.client.Write(append(held, said...)); err != nil {
			return
		}
		if held != nil {
			held = nil
			_ = t.server.SetReadDeadline(time.Time{})
		}
	}
}

func (f *front) nextRefusal() int32 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.codes) == 0 {
		return 0
	}
	f.refused++
	return f.codes[f.refused%len(f.codes)]
}

// loses tells whether an answer is to be lost. A whole one is then over.
func (f *front) loses(whole bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.lose == 0 || f.skip > 0 && !whole:
		return false
	case f.skip > 0:
		f.skip--
		return false
	case whole:
		f.lose--
		f.mu.Unlock()
		f.then()
		f.mu.Lock()
		f.lost++
	}
	return true
}

// exception is a packet that tells an error,
// https://clickhouse.com/docs/native-protocol/server#exception.
func exception(code int32) []byte {
	packet := binary.LittleEndian.AppendUint32([]byte{2}, uint32(code))
	for _, text := range []string{"DB::Exception", fmt.Sprintf("DB::Exception: the proof says no (%d)", code), ""} {
		packet = append(binary.AppendUvarint(packet, uint64(len(text))), text...)
	}
	return append(packet, 0) // no nested exception
}
