package main

import (
	"context"
	"net/http"
	"sync"

	"github.com/leadgate/leadgate/analytics/clickhouse"
	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/drain"
)

// openStore makes what opens the store. Nothing waits for that, and nothing that
// is wrong with the store ends the gateway. A connection to a server is there at
// once, since it asks nothing before it is used.
func (g *gateway) openStore(a *app) error {
	open := func(ctx context.Context) (*store, error) { return a.openStore(ctx, g.settings, g.log) }
	g.store = newSupervisor(g.settings, g.log, g.hooks.now, open)
	g.onClose(g.store.Close)
	if g.settings.ClickHouseURL == "" {
		return nil
	}
	var err error
	g.store.store, err = open(context.Background())
	return err
}

// streams reports whether the drain may join batches, see clickhouse.Conn: the
// embedded engine, which is not open yet, lets it.
func (s *supervisor) streams() bool {
	conn, err := s.conn()
	return err != nil || conn.Streams()
}

// reachable returns the connection, unless the store was away when it was last
// looked at. Errors: *awayError.
func (s *supervisor) reachable() (*clickhouse.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.store == nil || s.reach.err != nil {
		return nil, &awayError{s.reach.err}
	}
	return s.store.conn, nil
}

// withConn answers with what f makes of the store's connection, and 503 while
// there is none.
func (s *supervisor) withConn(f func(*clickhouse.Conn) http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		conn, err := s.reachable()
		if err != nil {
			w.Header().Set("Retry-After", "5")
			writeError(w, http.StatusServiceUnavailable, "unavailable", "the store cannot answer now")
			return
		}
		f(conn).ServeHTTP(w, req)
	})
}

// checkedSink writes once the tables fit. The sink is made with the first
// connection, which stays.
type checkedSink struct {
	usable func(context.Context) (*clickhouse.Conn, error)
	make   func(*clickhouse.Conn) *clickhouse.Sink
	once   sync.Once
	sink   *clickhouse.Sink
}

func (c *checkedSink) open(ctx context.Context) (*clickhouse.Sink, error) {
	conn, err := c.usable(ctx)
	if err != nil {
		return nil, err
	}
	c.once.Do(func() { c.sink = c.make(conn) })
	return c.sink, nil
}

// Write implements drain.Sink.
func (c *checkedSink) Write(ctx context.Context, batch ingest.Batch) error {
	sink, err := c.open(ctx)
	if err != nil {
		return err
	}
	return sink.Write(ctx, batch)
}

// join is the drain's Options.Join.
func (c *checkedSink) join(ctx context.Context, id string) (drain.Joined, error) {
	sink, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	return sink.Join(ctx, id)
}
