package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.yaml.in/yaml/v3"

	"github.com/leadgate/leadgate/analytics/clickhouse/embedded"
)

// subject is something that takes deliveries.
type subject struct {
	name string
	pipe string // the program of bin/pipes that it is, if any
	most int    // connections of a load, if not as many as there are
	// store has it use ClickHouse and Redis; else they are away.
	store bool
	start func(ctx context.Context, s *site) error
}

// site is one subject, started, with what it needs.
type site struct {
	bench   *bench
	dir     string
	engine  *embedded.Engine // nil if away
	redis   *process
	redisAt string
	store   driver.Conn

	// What start fills in.
	process *process
	addr    string
	adminAt string // serves the gateway's metrics
	debugAt string // serves the gateway's profiles, if they are wanted
	paths   map[kind]string
	// drained waits until what was accepted is in the store; nil where an
	// answer means that it is.
	drained func(ctx context.Context) error
	// count is the query that counts what is in the store; "" for nothing.
	count string
}

// open starts a subject with a Redis and a ClickHouse of its own.
func (b *bench) open(ctx context.Context, subj subject) (s *site, err error) {
	dir, err := os.MkdirTemp(b.dir, "site-")
	if err != nil {
		return nil, err
	}
	s = &site{bench: b, dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("%s: %w", subj.name, err), s.close())
		}
	}()
	if subj.store {
		if s.redis, s.redisAt, err = startRedis(ctx, dir); err != nil {
			return s, err
		}
		s.engine, err = embedded.Start(ctx, embedded.Options{
			Dir: filepath.Join(dir, "engine"), Library: b.library, Listen: "127.0.0.1:0", ListenHTTP: "127.0.0.1:0",
		})
		if err != nil {
			return s, err
		}
		options, err := clickhouse.ParseDSN(s.engine.URL())
		if err != nil {
			return s, err
		}
		if s.store, err = clickhouse.Open(options); err != nil {
			return s, err
		}
	}
	return s, subj.start(ctx, s)
}

func (s *site) close() error {
	var err error
	if s.process != nil {
		s.process.stop()
	}
	if s.store != nil {
		err = s.store.Close()
	}
	if s.engine != nil {
		err = errors.Join(err, s.engine.Close())
	}
	if s.redis != nil {
		s.redis.kill()
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// rows counts what is in the store.
func (s *site) rows(ctx context.Context) (n uint64, err error) {
	if s.store == nil || s.count == "" {
		return 0, errNoRows
	}
	err = s.store.QueryRow(ctx, s.count).Scan(&n)
	return n, err
}

// around are the pids of ClickHouse and Redis, but for what is measured itself.
func (s *site) around() (pids []int) {
	if s.engine != nil && s.process != nil {
		pids = append(pids, s.engine.PID())
	}
	return append(pids, s.memory()...)
}

// memory is Redis' pid.
func (s *site) memory() []int {
	if s.redis == nil {
		return nil
	}
	return []int{s.redis.pid()}
}

// helper starts this program again as one of the small servers.
func (s *site) helper(ctx context.Context, name string) (err error) {
	if s.addr, err = freeAddr(); err != nil {
		return err
	}
	s.paths = map[kind]string{jsonForm: "/", htmlForm: "/", webhook: "/", beacon: "/"}
	args := []string{"server", name, s.addr}
	if s.engine != nil {
		args = append(args, s.engine.URL(), s.redisAt)
		if err := s.table(ctx); err != nil {
			return err
		}
	}
	if s.process, err = launch(s.bench.self, args...); err != nil {
		return err
	}
	return s.process.await(ctx, "listening", answers("http://"+s.addr+"/healthz"))
}

// table makes the one table that the scripts write to.
func (s *site) table(ctx context.Context) error {
	s.count = "SELECT count() FROM default.bench_leads"
	return s.store.Exec(ctx, `CREATE TABLE default.bench_leads (id String, email String, phone String, name String,
		page_url String, received_at DateTime64(6), raw String) ENGINE = MergeTree ORDER BY id`)
}

// own are the pids of what is measured: ClickHouse itself if nothing else is.
func (s *site) own() []int {
	if s.process == nil {
		return []int{s.engine.PID()}
	}
	return []int{s.process.pid()}
}

// gatewayOptions vary the gateway's configuration.
type gatewayOptions struct {
	shared bool   // the limits are counted in Redis
	relay  *relay // ClickHouse is reached by it
	away   bool   // Redis and ClickHouse are not reached, although they run
}

// apiKey is for the reports.
const apiKey = "a-key-for-the-bench"

// gateway starts the real binary, everything on.
func gateway(o gatewayOptions) func(context.Context, *site) error {
	return func(ctx context.Context, s *site) (err error) {
		if s.addr, err = freeAddr(); err != nil {
			return err
		}
		if s.adminAt, err = freeAddr(); err != nil {
			return err
		}
		s.paths = map[kind]string{jsonForm: "/in/landing", htmlForm: "/in/landing", webhook: "/in/hooks", beacon: "/in/clicks"}
		config := map[string]any{
			"listen": s.addr, "admin_listen": s.adminAt, "public_url": "http://" + s.addr, "data_dir": s.data(),
			"api": map[string]any{"keys": []string{apiKey}}, "journal": map[string]any{"max_bytes": roomy},
			"limits": map[string]any{"per_source": "1000000/s", "per_address": "1000000/s", "shared": o.shared},
			"redis":  map[string]any{"url": "redis://127.0.0.1:1/0"},
			"clickhouse": map[string]any{
				"url": "clickhouse://leadgate:leadgate@127.0.0.1:1/leadgate", "migrate": true,
			},
			"sources": []map[string]any{
				{"name": "landing", "type": "form"}, {"name": "clicks", "type": "click"},
				{"name": "hooks", "type": "standard-webhooks", "secrets": []string{hookKey}},
				{"name": "costs", "type": "cost", "secrets": []string{hookKey}},
			},
		}
		if s.bench.profiles != "" {
			if s.debugAt, err = freeAddr(); err != nil {
				return err
			}
			config["debug_listen"] = s.debugAt
		}
		s.count, s.drained = "", nil
		if s.engine != nil && !o.away {
			config["redis"] = map[string]any{"url": "redis://" + s.redisAt + "/0"}
			config["clickhouse"] = map[string]any{"url": s.engine.URL(), "migrate": true}
			if o.relay != nil {
				url, err := o.relay.to(s.engine.URL())
				if err != nil {
					return err
				}
				config["clickhouse"] = map[string]any{"url": url, "migrate": true}
			}
			s.count = "SELECT (SELECT count() FROM leadgate.leads) + (SELECT count() FROM leadgate.touches)"
			s.drained = s.lagIsGone
		}
		text, err := yaml.Marshal(config)
		if err != nil {
			return err
		}
		path := filepath.Join(s.dir, "config.yaml")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			return err
		}
		if s.process, err = launch(s.bench.leadgate, "serve", "--config", path); err != nil {
			return err
		}
		if err := s.process.await(ctx, "ready", answers("http://"+s.addr+"/readyz")); err != nil || s.count == "" || o.relay != nil {
			return err
		}
		// It is ready before its store is; what asks the store waits for that. A relay
		// may be cut.
		return s.process.await(ctx, "counting", func() bool {
			usable, err := s.metric(ctx, "leadgate_store_usable")
			return err == nil && usable == 1
		})
	}
}

// lagIsGone waits until nothing waits in the journal.
func (s *site) lagIsGone(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	for {
		lag, err := s.metric(ctx, "leadgate_drain_lag_bytes")
		if err == nil && lag == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%v bytes of the journal are not in ClickHouse: %w", lag, errors.Join(err, ctx.Err()))
		case <-s.process.ended:
			return fmt.Errorf("the gateway ended: %s", s.process.said.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
}
