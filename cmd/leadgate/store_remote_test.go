package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/leadgate/leadgate/analytics/clickhouse"
	"github.com/leadgate/leadgate/analytics/clickhouse/clickhousetest"
)

// A remote ClickHouse that refuses (nobody listens, then another password) and
// that has pending migrations: leads are taken, and counted after all of it.
func TestIntegration_RemoteRefuses(t *testing.T) {
	t.Parallel()
	server, _ := emptyStore(t)
	right, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	relay := newRelay(t, right.Host)
	right.Host = relay.address
	wrong := *right
	wrong.User = url.UserPassword(right.User.Username(), "wrong")
	text := func(u url.URL) string {
		return openForm + apiKey + fmt.Sprintf("drain: {stop_timeout: 1s}\nclickhouse: {migrate: false, url: %q}\n", u.String())
	}
	dir := t.TempDir()
	p := serve(t, dir, text(*right)) // nobody listens yet
	p.lead("a")
	p.says("ClickHouse cannot be used")
	p.unavailable(apiHeader)
	if said := p.refused("doctor"); !strings.Contains(said, "refused") {
		t.Errorf("doctor says %s", said)
	}
	p.stop()
	relay.start()

	p = serve(t, dir, text(wrong))
	p.lead("b")
	p.says("authentication failed")
	if said := p.refused("doctor"); !strings.Contains(said, "authentication failed") || strings.Contains(said, "wrong") {
		t.Errorf("doctor says %s", said)
	}
	p.stop()

	p = serve(t, dir, text(*right))
	p.lead("c")
	p.says("pending migrations")
	if said := p.refused("doctor"); !strings.Contains(said, "run `leadgate migrate`") {
		t.Errorf("doctor says %s", said)
	}
	if p.metric("leadgate_drain_lag_bytes 0") {
		t.Error("leads are counted although migrations are pending")
	}
	p.run("migrate")
	p.complete(3)
	if said := unwrapped(p.run("doctor")); !strings.Contains(said, "up to date") {
		t.Errorf("doctor says %s", said)
	}
	p.stop()
}

// emptyStore returns a server without the database that its URL names.
func emptyStore(t *testing.T) (server string, conn *clickhouse.Conn) {
	t.Helper()
	server = clickhousetest.URL(t, clickhousetest.Start(t), "elsewhere")
	conn, err := clickhouse.Open(clickhouse.Options{URL: server})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closes(t, conn) })
	return server, conn
}

// relay passes connections on to another address once it is started.
type relay struct {
	t       *testing.T
	address string
	to      string
	wait    sync.WaitGroup
}

func newRelay(t *testing.T, to string) *relay {
	t.Helper()
	return &relay{t: t, address: fmt.Sprintf("127.0.0.1:%d", freePort(t)), to: to}
}

// start listens until the test ends.
func (r *relay) start() {
	r.t.Helper()
	l, err := new(net.ListenConfig).Listen(r.t.Context(), "tcp", r.address)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = l.Close(); r.wait.Wait() })
	r.wait.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				if !errors.Is(err, net.ErrClosed) {
					r.t.Error(err)
				}
				return
			}
			r.wait.Go(func() { r.pass(client) })
		}
	})
}

func (r *relay) pass(client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := new(net.Dialer).DialContext(r.t.Context(), "tcp", r.to)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	done := make(chan struct{}, 2)
	copyAll := func(to io.Writer, from io.Reader) { _, _ = io.Copy(to, from); done <- struct{}{} }
	go copyAll(server, client)
	go copyAll(client, server)
	<-done
}
