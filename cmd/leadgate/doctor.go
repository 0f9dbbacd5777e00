package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

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
	for _, warning := range d.settings.warnings() {
		d.warn("configuration", warning, "")
	}
	d.dataDir()
	d.gateway(ctx)
	asked := d.gatewayChecks(ctx)
	d.fetching()
	if asked { // it looks itself, and knows since when
		return
	}
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
	d.disk()
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
