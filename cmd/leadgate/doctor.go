package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"

	"github.com/leadgate/leadgate/analytics/clickhouse/embedded"
	"github.com/leadgate/leadgate/analytics/schema"
	"github.com/leadgate/leadgate/ingest/redact"
)

func (a *app) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "Look at everything Leadgate needs, and say what to do", Args: cobra.NoArgs,
		Long: `Doctor checks the configuration, the data directory, what waits to be fetched and
the tokens for that, the engine library, ClickHouse, Redis and the gateway itself. It exits with 1 if something is wrong;
warnings alone do not count. It may run beside the gateway.`,
		Example: "  leadgate doctor --config config.yaml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			settings, err := a.settings()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), time.Minute)
			defer cancel()
			d := &doctor{app: a, settings: settings}
			d.examine(ctx)
			return d.print(a.stdout)
		},
	}
}

// finding is what was seen of one thing, and what to do about it.
type finding struct {
	state   string // ok, warning, fault
	subject string
	seen    string
	remedy  string
}

type doctor struct {
	app      *app
	settings *Settings
	findings []finding
}

func (d *doctor) ok(subject, format string, args ...any) {
	d.findings = append(d.findings, finding{"ok", subject, fmt.Sprintf(format, args...), ""})
}

func (d *doctor) warn(subject, seen, remedy string) {
	d.findings = append(d.findings, finding{"warning", subject, seen, remedy})
}

func (d *doctor) fault(subject string, err error, remedy string) {
	d.findings = append(d.findings, finding{"fault", subject, err.Error(), remedy})
}

func (d *doctor) examine(ctx context.Context) {
	d.ok("configuration", "%d sources, %d API keys", len(d.settings.Intakes), len(d.settings.APIKeys))
	if len(d.settings.APIKeys) == 0 {
		d.warn("API", "no keys: /api/v1 refuses everybody", "set api.keys if reports are to be had over HTTP")
	}
	d.dataDir()
	d.gateway(ctx)
	d.gatewayChecks(ctx)
	d.fetching()
	d.store(ctx)
	d.redis(ctx)
}

func (d *doctor) dataDir() {
	dir := d.settings.DataDir
	if err := makeDataDir(dir); err != nil {
		d.fault("data directory", err, "chown it to the user of the gateway, or set data_dir")
		return
	}
	d.ok("data directory", "%s is writable", dir)
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		d.fault("disk", err, "check the mount of data_dir")
		return
	}
	free := Bytes(disk.Bavail * uint64(disk.Bsize))
	seen := fmt.Sprintf("%v free of %v", free, Bytes(disk.Blocks*uint64(disk.Bsize)))
	used := Bytes(sizeOf(filepath.Join(dir, "journal")))
	if free+used < d.settings.Journal.MaxBytes {
		d.warn("disk", seen, fmt.Sprintf("the journal may grow to %v: free space, or lower journal.max_bytes", d.settings.Journal.MaxBytes))
		return
	}
	d.ok("disk", "%s; the journal holds %v of at most %v", seen, used, d.settings.Journal.MaxBytes)
}

// sizeOf adds up the files in a directory; one that is not there is empty.
func sizeOf(dir string) (size int64) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil {
			size += info.Size()
		}
	}
	return size
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
		kind = "embedded, at " + st.conn.Address()
	}
	d.ok("ClickHouse", "%s %s", version, kind)
	switch pending, err := schema.Pending(ctx, st.conn); {
	case err != nil:
		d.fault("tables", err, "run `leadgate migrate` with this version of leadgate")
	case len(pending) > 0:
		d.fault("tables", fmt.Errorf("pending migrations: %v", pending), "run `leadgate migrate`")
	default:
		d.ok("tables", "up to date")
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
	seen := fmt.Sprintf("%s, maxmemory-policy %s, %s used", health.Version, health.Policy, humanize.IBytes(uint64(max(0, health.UsedMemory))))
	if health.Masters > 0 {
		seen = fmt.Sprintf("%d masters; %s: %s", health.Masters, health.Address, seen)
	}
	switch advice := health.Advice(); {
	case health.Evicts:
		d.fault("Redis", errors.New(seen+": it may evict our keys"), advice)
	case advice != "":
		d.warn("Redis", seen, advice)
	default:
		d.ok("Redis", "%s", seen)
	}
}

// ofCluster tells whether a server is a node of a cluster. One that does not
// say is none.
func ofCluster(ctx context.Context, client redis.UniversalClient) bool {
	info, err := client.Info(ctx, "cluster").Result()
	return err == nil && strings.Contains(info, "cluster_enabled:1")
}

// print writes the findings and returns an error if there is a fault.
func (d *doctor) print(w io.Writer) error {
	t := newTable()
	t.SetColumnConfigs([]table.ColumnConfig{
		{Number: 3, WidthMax: 64, WidthMaxEnforcer: text.WrapSoft}, {Number: 4, WidthMax: 48, WidthMaxEnforcer: text.WrapSoft},
	})
	t.AppendHeader(table.Row{"", "what", "seen", "what to do"})
	faults := 0
	for _, f := range d.findings {
		if f.state == "fault" {
			faults++
		}
		t.AppendRow(table.Row{f.state, redact.Line(f.subject), redact.Text(f.seen), redact.Text(f.remedy)})
	}
	fmt.Fprintln(w, t.Render())
	if faults > 0 {
		return fmt.Errorf("%d faults", faults)
	}
	return nil
}
