package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// The Unix socket by which connections to the engine are had. Who may connect to
// it (our own user, by its mode) names a protocol by one byte and is answered by
// that byte and, beside it, a descriptor: a TCP connection that the child made
// within its network namespace (SCM_RIGHTS, unix(7)). The parent binds the socket
// and every child accepts on it, so while the engine is started again, those who
// ask wait.
const (
	socketName     = "engine.sock"
	nativeProtocol = 'n'
	httpProtocol   = 'h'
	// longestSocketPath in bytes; 103 on some systems, which have no other way.
	longestSocketPath = 107
)

// shortPath returns a path by which a socket can be bound or dialled. It is good
// until release is called.
func shortPath(path string) (short string, release func(), err error) {
	if len(path) <= longestSocketPath {
		return path, func() {}, nil
	}
	return throughDirectory(path)
}

// listenSocket binds the socket in dir, in place of one that a killed process
// left. Only we may connect.
func listenSocket(dir string) (*net.UnixListener, error) {
	path := filepath.Join(dir, socketName)
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("engine socket: %w", err)
	}
	short, release, err := shortPath(path)
	if err != nil {
		return nil, fmt.Errorf("engine socket: %w", err)
	}
	defer release()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: short, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("engine socket %s: %w", path, err)
	}
	l.SetUnlinkOnClose(false) // by its own path, see closeSocket
	if err := os.Chmod(path, 0o600); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("engine socket: %w", err)
	}
	return l, nil
}

func closeSocket(l *net.UnixListener, dir string) error {
	err := l.Close()
	if removed := os.Remove(filepath.Join(dir, socketName)); !os.IsNotExist(removed) {
		err = errors.Join(err, removed)
	}
	return err
}

// askSocket returns a connection to the engine that runs on dir. While the engine
// is started again it waits, until ctx ends.
func askSocket(ctx context.Context, dir string, protocol byte) (*net.TCPConn, error) {
	for {
		conn, err := askOnce(ctx, filepath.Join(dir, socketName), protocol)
		lost := errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
		if err == nil || !lost {
			return conn, err
		}
		select { // the child died meanwhile: another will accept
		case <-ctx.Done():
			return nil, fmt.Errorf("engine: %w (last: %w)", ctx.Err(), err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func askOnce(ctx context.Context, path string, protocol byte) (*net.TCPConn, error) {
	short, release, err := shortPath(path)
	if err != nil {
		return nil, fmt.Errorf("engine socket: %w", err)
	}
	defer release()
	asked, err := new(net.Dialer).DialContext(ctx, "unix", short)
	if err != nil {
		return nil, fmt.Errorf("engine socket %s: %w", path, err)
	}
	defer func() { _ = asked.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = asked.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err = asked.Write([]byte{protocol}); err == nil {
		var conn *net.TCPConn
		if conn, err = receive(asked.(*net.UnixConn)); err == nil {
			return conn, nil
		}
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return nil, fmt.Errorf("engine socket: %w", err)
}

// receive takes the connection that is passed.
func receive(from *net.UnixConn) (*net.TCPConn, error) {
	data, control := make([]byte, 1), make([]byte, syscall.CmsgSpace(4))
	n, size, _, _, err := from.ReadMsgUnix(data, control)
	if err == nil && n == 0 {
		err = io.EOF
	}
	if err != nil {
		return nil, err
	}
	messages, err := syscall.ParseSocketControlMessage(control[:size])
	if err != nil || len(messages) != 1 {
		return nil, errors.New("it passed no connection")
	}
	descriptors, err := syscall.ParseUnixRights(&messages[0])
	if err != nil || len(descriptors) != 1 {
		return nil, errors.New("it passed no connection")
	}
	file := os.NewFile(uintptr(descriptors[0]), "engine")
	defer func() { _ = file.Close() }()
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, err
	}
	return conn.(*net.TCPConn), nil
}

// passer is the child's side of the socket.
type passer struct {
	listener *net.UnixListener
	ports    map[byte]int // of the engine, by protocol
	// deaf is called when the engine does not listen any more.
	deaf func(error)
}

const passTimeout = 5 * time.Second

// run accepts until the listener is closed, once the engine listens.
func (p *passer) run() {
	for _, port := range p.ports {
		for {
			conn, err := new(net.Dialer).DialContext(context.Background(), "tcp", loopback(port))
			if err == nil {
				_ = conn.Close()
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	for {
		conn, err := p.listener.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(10 * time.Millisecond) // out of descriptors: they come back
			continue
		}
		go p.pass(conn)
	}
}

func (p *passer) pass(to *net.UnixConn) {
	defer func() { _ = to.Close() }()
	_ = to.SetDeadline(time.Now().Add(passTimeout))
	protocol := make([]byte, 1)
	if _, err := io.ReadFull(to, protocol); err != nil {
		return
	}
	port, known := p.ports[protocol[0]]
	if !known {
		return
	}
	conn, err := (&net.Dialer{Timeout: passTimeout}).Dial("tcp", loopback(port))
	if errors.Is(err, syscall.ECONNREFUSED) {
		p.deaf(err)
	}
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(descriptor uintptr) {
		_, _, _ = to.WriteMsgUnix(protocol, syscall.UnixRights(int(descriptor)), nil)
	})
}
