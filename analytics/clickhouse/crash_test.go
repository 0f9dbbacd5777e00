package clickhouse_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/leadgate/leadgate/analytics/clickhouse"
	"github.com/leadgate/leadgate/analytics/clickhouse/clickhousetest"
	"github.com/leadgate/leadgate/analytics/clickhouse/embedded"
	"github.com/leadgate/leadgate/analytics/schema"
	"github.com/leadgate/leadgate/ingest"
)

// until tries a batch again, as the drain does, until it is in.
func until(t *testing.T, sink *clickhouse.Sink, b ingest.Batch) (tries int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; tries++ {
		err := sink.Write(t.Context(), b)
		if err == nil {
			return tries + 1
		}
		var rejected *ingest.RejectedError
		if errors.As(err, &rejected) || time.Now().After(deadline) {
			t.Fatalf("batch %s: %v", b.ID, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// mortal starts an engine of the test's own, with all tables, that can be killed.
func mortal(t *testing.T) (engine *embedded.Engine, conn *clickhouse.Conn, kill func()) {
	t.Helper()
	engine = clickhousetest.Start(t)
	conn, err := clickhouse.Open(clickhouse.Options{URL: clickhousetest.URL(t, engine, "leadgate")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := schema.Migrate(t.Context(), conn, schema.Params{RawTTL: 36_500 * 24 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	return engine, conn, func() {
		if err := syscall.Kill(engine.PID(), syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Error(err)
		}
	}
}

// The engine is killed while batches go in. Each must be there once in the
// tables themselves, not only in the views.
func TestIntegrationSink_EngineKilled(t *testing.T) {
	t.Parallel()
	engine, conn, kill := mortal(t)
	var killAfter string // the table
	sink := clickhouse.NewSink(conn, clickhouse.SinkOptions{Inserted: func(table string, _ int, _ time.Duration) {
		if table == killAfter {
			killAfter = ""
			kill() // between two tables of a batch
		}
	}})
	const batches, size = 8, 100
	tries := 0
	for n := range batches {
		var events []ingest.Event
		for i := range size {
			events = append(events, lead(n*size+i, noon.AddDate(0, i%2, 0)))
		}
		var timer *time.Timer
		if n%2 == 0 {
			killAfter = []string{"contacts_log", "leads_log", "raw_log", "deliveries_log"}[n/2%4]
		} else {
			timer = time.AfterFunc(time.Duration(n)*7*time.Millisecond, kill) // in the middle of an insert, mostly
		}
		tries += until(t, sink, batch(fmt.Sprintf("b%d", n), events...))
		if timer != nil {
			timer.Stop()
		}
	}
	t.Logf("%d batches in %d tries, %d restarts", batches, tries, engine.Restarts())
	if engine.Restarts() < batches/2 {
		t.Errorf("%d restarts, want at least %d", engine.Restarts(), batches/2)
	}
	n := batches * size
	want(t, conn, countAll, fmt.Sprintf("%d|%d|%d|%d", n, n, n, n))
	want(t, conn, "SELECT uniqExact(lead_id) FROM leads", fmt.Sprint(n))
}

// A batch is in, but its sender never hears so.
func TestIntegrationSink_AnswerLost(t *testing.T) {
	t.Parallel()
	conn := clickhousetest.Open(t)
	u, err := url.Parse(clickhousetest.URL(t, clickhousetest.Engine(t), conn.Database()))
	if err != nil {
		t.Fatal(err)
	}
	relay := newRelay(t, u.Host)
	u.Host = relay.listener.Addr().String()
	far, err := clickhouse.Open(clickhouse.Options{URL: u.String(), MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = far.Close() })
	sink := clickhouse.NewSink(far, clickhouse.SinkOptions{})
	write(t, conn, batch("b0", lead(0, noon)))
	for n := 1; n <= 5; n++ {
		b := batch(fmt.Sprintf("b%d", n), lead(n, noon), lead(n+100, noon.AddDate(0, 1, 0)))
		if err := sink.Write(t.Context(), b); err != nil { // settings are known and the connection is there
			t.Fatal(err)
		}
		c := batch(fmt.Sprintf("c%d", n), lead(n+200, noon))
		relay.mute.Store(true)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		err := sink.Write(ctx, c)
		cancel()
		relay.mute.Store(false)
		var rejected *ingest.RejectedError
		if err == nil || errors.As(err, &rejected) {
			t.Fatalf("without an answer: %v; want an error that asks for another try", err)
		}
		until(t, sink, c)
		until(t, sink, b)
	}
	want(t, conn, countAll, "16|16|16|16")
}

// relay passes bytes on; while mute it passes no answers back.
type relay struct {
	listener net.Listener
	mute     atomic.Bool
}

func newRelay(t *testing.T, to string) *relay {
	t.Helper()
	r := &relay{}
	r.listener = relayed(t, to, func(client, server net.Conn) {
		go func() { _, _ = io.Copy(server, client); _ = server.Close() }()
		go func() { _, _ = io.Copy(r.muted(client), server); _ = client.Close() }()
	})
	return r
}

// relayed has each connection passed on, with one of its own to a server.
func relayed(t *testing.T, to string, pass func(client, server net.Conn)) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", to)
			if err != nil {
				_ = client.Close()
				continue
			}
			pass(client, server)
		}
	}()
	return l
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// muted loses what is written while the relay is mute. The insert's first
// answer, which tells the columns, must pass: the block is sent after it.
func (r *relay) muted(w io.Writer) io.Writer {
	answers := 0
	return writerFunc(func(p []byte) (int, error) {
		if !r.mute.Load() {
			answers = 0
			return w.Write(p)
		}
		if answers++; answers == 1 {
			return w.Write(p)
		}
		return len(p), nil
	})
}

// A server that was killed may know a batch's token and not have its rows. What
// is tried again must be stored all the same.
func TestIntegrationSink_TokenWithoutRows(t *testing.T) {
	t.Parallel()
	conn := clickhousetest.Open(t)
	sink := clickhouse.NewSink(conn, clickhouse.SinkOptions{})
	b := batch("b1", lead(1, noon))
	if err := conn.Exec(t.Context(), "RENAME TABLE deliveries_log TO deliveries_away"); err != nil {
		t.Fatal(err)
	}
	if err := sink.Write(t.Context(), b); err == nil {
		t.Fatal("no error without a table")
	}
	want(t, conn, "SELECT count() FROM leads", "1")
	for _, statement := range []string{"ALTER TABLE leads_log DELETE WHERE 1 SETTINGS mutations_sync = 2", "RENAME TABLE deliveries_away TO deliveries_log"} {
		if err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	want(t, conn, "SELECT count() FROM leads", "0")
	if err := sink.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	want(t, conn, countAll, "1|1|1|1")
}
