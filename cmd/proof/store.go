package main

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"syscall"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/leadgate/leadgate/analytics/clickhouse/embedded"
)

// store is a ClickHouse that is not the gateway's own: an engine that the proof
// runs, behind a front (what it answers) and a link (how it is reached).
type store struct {
	engine *embedded.Engine
	front  *front
	link   *link
	conn   driver.Conn // straight to the engine
}

// useStore gives the gateway a ClickHouse of its own in place of the embedded
// one. Call it before start. The world's own end stops it.
func (w *world) useStore(ctx context.Context) (*store, error) {
	engine, err := embedded.Start(ctx, embedded.Options{
		Dir: filepath.Join(w.dir, "store"), Library: w.library,
		Command: []string{w.binary, "clickhouse"}, MaxMemoryBytes: 2 << 30,
		Listen: "127.0.0.1:0",
	})
	if err != nil {
		return nil, err
	}
	s := &store{engine: engine}
	w.onEnd(s.close)
	to, err := url.Parse(engine.URL())
	if err != nil {
		return nil, err
	}
	if s.front, err = newFront(to.Host); err != nil {
		return nil, err
	}
	if s.link, err = newLink("clickhouse", s.front.addr()); err != nil {
		return nil, err
	}
	options, err := clickhouse.ParseDSN(engine.URL())
	if err != nil {
		return nil, err
	}
	if s.conn, err = clickhouse.Open(options); err != nil {
		return nil, err
	}
	to.Host, to.Path = s.link.addr(), "/leadgate"
	w.configure(fmt.Sprintf("clickhouse: {url: %q, migrate: true}", to.String()))
	return s, nil
}

func (s *store) close() error {
	if s.conn != nil {
		_ = s.conn.Close()
	}
	if s.link != nil {
		s.link.cut()
	}
	if s.front != nil {
		s.front.close()
	}
	return s.engine.Close()
}

// exec executes statements straight on the engine.
func (s *store) exec(ctx context.Context, statements ...string) error {
	for _, statement := range statements {
		if err := s.conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// kill is kill -9 of the engine, which is then started again by its keeper.
func (s *store) kill() { _ = syscall.Kill(s.engine.PID(), syscall.SIGKILL) }
