// Package flood opens many connections to a gateway on this machine that take
// what they can and never come to an end, for tests and benchmarks.
//
// Its law: it connects to loopback addresses only, and to no more than it is told.
package flood

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Kind is what a connection sends, once. Then it says no more and reads nothing.
type Kind struct {
	Name string
	Sent []byte
}

// Kinds returns all of them: posts to a source of forms, and to one that takes large
// bodies of who has its token, which none of them has.
func Kinds(form, guarded string) ([]Kind, error) {
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	_, err := w.Write([]byte("message=" + strings.Repeat("lead ", 160<<10)))
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, err
	}
	post := func(source, header, body string) []byte {
		return []byte("POST /in/" + source + " HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n" + header + "\r\n\r\n" + body)
	}
	x := func(n int) string { return strings.Repeat("x", n) }
	chunk := fmt.Sprintf("%x\r\n%s\r\n", 32<<10, x(32<<10))
	return []Kind{
		{"idle", nil},
		{"half a header", []byte("POST /in/" + form + " HTTP/1.1\r\nHost: a\r\nX-Long: " + x(12<<10))},
		{"a length and a byte", post(form, "Content-Length: 1048000", "x")},
		{"a length and 60 KB", post(form, "Content-Length: 1048000", x(60_000))},
		{"32 MB without a token", post(guarded, "Content-Length: 33000000", x(60_000))},
		{"half of 1 MB", post(form, "Content-Length: 1048000", x(500_000))},
		{"60 KB but for a byte", post(form, "Content-Length: 60000", x(59_999))},
		{"chunks", post(form, "Transfer-Encoding: chunked", strings.Repeat(chunk, 10))},
		{"compressed", post(form, fmt.Sprintf("Content-Encoding: gzip\r\nContent-Length: %d", bomb.Len()), bomb.String())},
		{"compressed in chunks", post(form, "Content-Encoding: gzip\r\nTransfer-Encoding: chunked", chunk+chunk)},
		{"answers that nobody reads", bytes.Repeat([]byte("GET /in/nobody HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\n\r\n"), 40)},
		{"pipelined", bytes.Repeat(post(form, "Content-Length: 7", "email=x"), 5)},
	}, nil
}

// Load is a number of open connections.
type Load struct {
	Addr        string // of the gateway
	Connections int
	Addresses   int    // of 127.0.1.0/24 that they come from, in turn
	Kinds       []Kind // that they are of, in turn
	// Replace has each closed after this time, and replaced by another; 0: never.
	Replace time.Duration

	open   atomic.Int64
	failed atomic.Pointer[error]
}

const (
	dialers     = 64                    // at once
	patience    = 10 * time.Millisecond // for what the buffers do not take
	dialTimeout = 30 * time.Second
)

// Run opens the connections, calls opened when each has sent what it could, and
// keeps them until ctx ends; then it closes them.
func (f *Load) Run(ctx context.Context, opened func()) error {
	if f.Addresses < 1 || f.Addresses > 250 || f.Connections < 1 || len(f.Kinds) == 0 {
		return errors.New("flood: a connection, a kind and 1 to 250 addresses are needed")
	}
	slots := make(chan struct{}, dialers)
	var first, all sync.WaitGroup
	first.Add(f.Connections)
	for i := range f.Connections {
		all.Go(func() {
			sent := sync.OnceFunc(first.Done)
			defer sent()
			life := f.Replace * time.Duration(1+i%97) / 97 // the first: later they are not all replaced at once
			for again := true; again && ctx.Err() == nil; again = f.Replace > 0 {
				f.connect(ctx, i, life, slots, sent)
				life = f.Replace
			}
		})
	}
	first.Wait()
	opened()
	all.Wait()
	return nil
}

// connect opens a connection, sends, and waits until its time is over.
func (f *Load) connect(ctx context.Context, i int, life time.Duration, slots chan struct{}, sent func()) {
	slots <- struct{}{}
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+i%f.Addresses))}, Timeout: dialTimeout}
	c, err := d.DialContext(ctx, "tcp", f.Addr)
	if err == nil {
		f.open.Add(1)
		defer f.open.Add(-1)
		defer func() { _ = c.Close() }()
		_ = c.SetWriteDeadline(time.Now().Add(patience))
		_, _ = c.Write(f.Kinds[i%len(f.Kinds)].Sent) // what is not taken is not taken
	} else if ctx.Err() == nil {
		f.failed.Store(&err)
	}
	<-slots
	sent()
	var over <-chan time.Time
	if f.Replace > 0 {
		over = time.After(life)
	}
	select {
	case <-over:
	case <-ctx.Done():
	}
}

// Open returns how many connections are open, as far as this side knows, and why
// one could not be opened, if so.
func (f *Load) Open() (int, error) {
	if err := f.failed.Load(); err != nil {
		return int(f.open.Load()), *err
	}
	return int(f.open.Load()), nil
}
