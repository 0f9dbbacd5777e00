package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/redis/go-redis/v9"

	"github.com/leadgate/leadgate/analytics/clickhouse"
	"github.com/leadgate/leadgate/analytics/clickhouse/embedded"
	"github.com/leadgate/leadgate/analytics/schema"
	"github.com/leadgate/leadgate/ingest/dedupe"
)

// drift tells what tables lack.
func (d *doctor) drift(ctx context.Context, conn *clickhouse.Conn) {
	switch drift, err := schema.FindDrift(ctx, conn, d.settings.schemaParams()); {
	case err != nil:
		d.fault("tables", err, "see the server's log")
	case drift.Blocks():
		d.fault("tables", errors.New("missing: "+drift.String()), "run `leadgate migrate`")
	case drift.Count() > 0:
		d.warn("tables", "missing: "+drift.String(), "run `leadgate migrate`")
	}
	if broken, err := schema.BrokenParts(ctx, conn); err == nil && len(broken) > 0 {
		d.fault("tables", errors.New(brokenText(broken)), "")
	}
}

func (d *doctor) gateway(ctx context.Context) {
	url := localURL(d.settings.Listen)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
	if err != nil {
		d.fault("gateway", err, "check listen")
		return
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		d.warn("gateway", "not running on "+d.settings.Listen, "start it with `leadgate serve`")
		return
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(answer.Body, 4096)) // the status says enough
		d.fault("gateway", fmt.Errorf("cannot take leads: %s", body), "see its log")
		return
	}
	d.ok("gateway", "takes leads on %s", d.settings.Listen)
}

func (d *doctor) store(ctx context.Context) {
	if d.settings.ClickHouseURL == "" {
		library, err := embedded.FindLibrary(d.app.getenv("LEADGATE_LIBCHDB"))
		if err != nil {
			d.fault("engine library", err, "run `make engine`, or set LEADGATE_LIBCHDB to the path of libchdb.so")
			return
		}
		d.ok("engine library", "%s", library)
	}
	st, err := d.app.reachStore(ctx, d.settings)
	if err != nil {
		d.fault("ClickHouse", err, "check clickhouse.url, the server and the network; deliveries are kept meanwhile")
		return
	}
	defer func() { _ = st.Close() }()
	version, err := st.conn.Version(ctx)
	if err != nil {
		d.fault("ClickHouse", err, "see the server's log")
		return
	}
	kind := "at " + st.conn.Address()
	if d.settings.ClickHouseURL == "" {
		kind = "embedded"
		c := isolationCheck(st.access.Protection())
		d.findings = append(d.findings, finding{state: c.State, subject: c.Name, seen: c.Detail})
	}
	d.ok("ClickHouse", "%s %s", version, kind)
	switch pending, err := schema.Pending(ctx, st.conn); {
	case err != nil:
		d.fault("tables", err, "run `leadgate migrate` with this version of leadgate")
	case len(pending) > 0:
		d.fault("tables", fmt.Errorf("pending migrations: %v", pending), "run `leadgate migrate`")
	default:
		d.ok("tables", "up to date")
		d.drift(ctx, st.conn)
	}
}

func (d *doctor) redis(ctx context.Context) {
	if d.settings.RedisURL == "" {
		d.ok("Redis", "embedded")
		return
	}
	client, err := redisClient(d.settings.RedisURL)
	if err != nil {
		d.fault("Redis", err, "correct redis.url")
		return
	}
	defer func() { _ = client.Close() }()
	d.inspectRedis(ctx, client)
}

func (d *doctor) inspectRedis(ctx context.Context, client redis.UniversalClient) {
	if _, one := client.(*redis.Client); one && ofCluster(ctx, client) {
		d.fault("Redis", errors.New("it is a node of a cluster, which takes its own keys only"), "name several nodes in redis.url, or add ?cluster=true")
		return
	}
	health, err := d.settings.memory(client, time.Now).Inspect(ctx)
	if err != nil {
		d.fault("Redis", err, "check redis.url, the server and the network; deliveries are kept meanwhile")
		return
	}
	seen := redisSeen(health)
	switch advice := health.Advice(); {
	case health.Evicts:
		d.fault("Redis", errors.New(seen+": it may evict our keys"), advice)
	case advice != "":
		d.warn("Redis", seen, advice)
	default:
		d.ok("Redis", "%s", seen)
	}
}

// redisSeen is a Redis in a line.
func redisSeen(health dedupe.Health) string {
	seen := fmt.Sprintf("%s, maxmemory-policy %s, %s used", health.Version, health.Policy, humanize.IBytes(uint64(max(0, health.UsedMemory))))
	if health.Masters > 0 {
		seen = fmt.Sprintf("%d masters; %s: %s", health.Masters, health.Address, seen)
	}
	return seen
}

// ofCluster tells whether a server is a node of a cluster. One that does not
// say is none.
func ofCluster(ctx context.Context, client redis.UniversalClient) bool {
	info, err := client.Info(ctx, "cluster").Result()
	return err == nil && strings.Contains(info, "cluster_enabled:1")
}
