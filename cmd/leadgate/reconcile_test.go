package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leadgate/leadgate/analytics/clickhouse"
)

func (w *works) reconcile(workspace string) map[string]clickhouse.Comparison {
	w.t.Helper()
	r := &reconciler{settings: w.settings, conn: w.conn, pause: time.Millisecond}
	list, err := r.run(w.t.Context(), clickhouse.Span{Workspace: workspace, From: w.clock.Add(-24 * time.Hour), To: w.clock.Add(24 * time.Hour), Examples: 3})
	if err != nil {
		w.t.Fatal(err)
	}
	byWhat := make(map[string]clickhouse.Comparison)
	for _, c := range list {
		byWhat[c.What] = c
	}
	return byWhat
}

func (w *works) exec(statement string) {
	w.t.Helper()
	if err := w.conn.Exec(w.t.Context(), statement); err != nil {
		w.t.Fatal(err)
	}
}

func TestIntegrationReconcile_FindsWhatIsPlanted(t *testing.T) {
	t.Parallel()
	w := newWorks(t)
	w.sendEverything()
	w.drained()
	clean := func(name string) {
		t.Helper()
		for _, workspace := range []string{"", "default"} {
			got := w.reconcile(workspace)
			for what, c := range got {
				if c.Different() {
					t.Errorf("%s: %s differs: %+v", name, what, c)
				}
			}
			if got["deliveries"].Found != 11 || got["events"].Found != 8 || got["origins"].Found != 8 || got["journal"].Found < 11 {
				t.Errorf("%s: %+v", name, got)
			}
		}
	}
	clean("at first")
	w.replay(everything)
	w.drained()
	clean("after a replay")
	// What was stored before the ids were listed is not known, and not missed.
	w.exec("ALTER TABLE deliveries_log UPDATE event_ids = [] WHERE delivery_id = '01KE0000000000000000000004' SETTINGS mutations_sync = 2")
	if got := w.reconcile(""); got["events"].Found != 7 || got["origins"].Extra != 0 || differences([]clickhouse.Comparison{got["events"]}) != 0 {
		t.Errorf("an old row: %+v", got)
	}
	if got := w.reconcile("nobody"); got["deliveries"].Expected != 0 || got["events"].Expected != 0 || got["origins"].Found != 0 {
		t.Errorf("another workspace: %+v", got)
	}

	lead := w.ask("SELECT lead_id FROM leads WHERE external_id = 'a'")
	w.exec("ALTER TABLE leads_log DELETE WHERE external_id = 'a' SETTINGS mutations_sync = 2")
	if c := w.reconcile("")["events"]; c.Missing != 1 || !slices.Equal(c.MissingIDs, []string{lead}) || c.Extra != 0 {
		t.Errorf("a lead is deleted: %+v", c)
	}
	w.exec("ALTER TABLE deliveries_log DELETE WHERE delivery_id = '01KE0000000000000000000005' SETTINGS mutations_sync = 2")
	got := w.reconcile("")
	if c := got["deliveries"]; c.Missing != 1 || !slices.Equal(c.MissingIDs, []string{"01KE0000000000000000000005"}) {
		t.Errorf("a delivery is deleted: %+v", c)
	}
	if c := got["origins"]; c.Extra != 2 { // its two touches
		t.Errorf("a delivery is deleted: %+v", c)
	}
	w.exec(fmt.Sprintf(`INSERT INTO leads_log (workspace, source, lead_id, delivery_id, received_at, version)
		VALUES ('default', 'shifty', 'planted', '01KE0000000000000000000004', fromUnixTimestamp(%d), 1)`, w.clock.Unix()))
	w.exec(fmt.Sprintf(`INSERT INTO touches_log (workspace, source, touch_id, visitor_id, delivery_id, received_at, occurred_at, version)
		VALUES ('default', 'shifty', 'planted2', 'v', '01KE0000000000000000000001', fromUnixTimestamp(%d), now64(6), 1)`, w.clock.Unix()))
	if c := w.reconcile("")["origins"]; c.Extra != 3 || !slices.Contains(c.ExtraIDs, "touch planted2") {
		t.Errorf("an extra event: %+v", c)
	}
	// A replay mends what is missing.
	w.replay(everything)
	w.drained()
	if c := w.reconcile("")["events"]; c.Different() {
		t.Errorf("after a replay: %+v", c)
	}
}

// exit runs another command beside the gateway and returns what it prints and
// its exit code.
func (p *process) exit(args ...string) (code int, stdout string) {
	p.t.Helper()
	cmd := p.command(p.t.Context(), args...)
	out, err := cmd.Output()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		p.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// The whole way with the real binary: count first, dry run, replay through the
// running gateway and without one, twice, and reconcile with its exit code.
func TestIntegration_ReplayAndReconcile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := serve(t, dir, "limits: {per_address: \"\", per_source: \"\"}\napi: {keys: [\"0123456789abcdef\"]}\n")
	for i := range 30 {
		p.post(200, "/in/landing", leadBody(fmt.Sprintf("p%d", i%25), ""), jsonHeader)
	}
	p.post(200, "/in/clicks", clickBody("v", "spring", 20), jsonHeader)
	p.counted()
	picture := func() string {
		p.t.Helper()
		return p.sql("SELECT * FROM leads ORDER BY lead_id") + p.sql("SELECT * FROM touches ORDER BY touch_id") +
			p.sql("SELECT * EXCEPT (version) FROM deliveries ORDER BY delivery_id") + p.sql("SELECT * FROM contacts ORDER BY contact_id")
	}
	before := picture()
	day := []string{"--from", time.Now().UTC().Add(-24 * time.Hour).Format(time.DateOnly), "--to", time.Now().UTC().Format(time.DateOnly)}

	info, err := os.Stat(filepath.Join(dir, "data", "control.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("control file: %v, %v", info, err)
	}
	if out := p.run(append([]string{"deliveries", "replay", "--dry-run"}, day...)...); out != "31 deliveries match\n" {
		t.Errorf("dry run: %s", out)
	}
	for range 2 {
		out := p.run(append([]string{"deliveries", "replay"}, day...)...)
		if !strings.Contains(out, "31 deliveries match") || !strings.Contains(out, "31 are replayed; the running gateway counts them now") {
			t.Errorf("replay: %s", out)
		}
		p.counted()
		if after := picture(); after != before {
			t.Fatalf("before\n%s\nafter\n%s", before, after)
		}
	}
	if out := p.run("quarantine", "replay"); out != "0 deliveries match\n" {
		t.Errorf("quarantine replay: %s", out)
	}
	if code, out := p.exit("deliveries", "replay", "nobody"); code != 1 || !strings.Contains(out, "0 deliveries match") {
		t.Errorf("an unknown id: %d %s", code, out)
	}
	if code, _ := p.exit("deliveries", "replay"); code != 2 {
		t.Errorf("nothing selected: %d", code)
	}
	const api = "/api/v1/deliveries/replay"
	key := "Authorization: Bearer 0123456789abcdef"
	p.post(401, api, `{"source":"landing"}`, "")
	p.post(400, api, `{"sauce":"landing"}`, key)
	p.post(422, api, `{}`, key)
	var answer replayAnswer
	if err := json.Unmarshal([]byte(p.post(200, api, `{"source":"landing","verdict":"accepted","limit":10}`, key)), &answer); err != nil ||
		answer.Matched != 25 || answer.Queued != 10 || answer.Next == "" {
		t.Errorf("by the API: %+v, %v", answer, err)
	}
	p.counted()
	if code, out := p.exit(append([]string{"reconcile"}, day...)...); code != 0 || !strings.Contains(out, "deliveries") {
		t.Errorf("reconcile: %d\n%s", code, out)
	}

	// Raw bytes that are gone are told of and disturb nothing.
	id := p.sql("SELECT min(delivery_id) FROM deliveries")
	p.run("sql", "--write", "--yes", "ALTER TABLE raw_log DELETE WHERE delivery_id = '"+id+"' SETTINGS mutations_sync = 2")
	if out := p.run(append([]string{"deliveries", "replay"}, day...)...); !strings.Contains(out, "31 deliveries match") ||
		!strings.Contains(out, id+": its raw bytes have expired") || !strings.Contains(out, "30 are replayed") {
		t.Errorf("with expired bytes: %s", out)
	}
	if out := p.run("deliveries", "show", id); !strings.Contains(out, "not kept any more (deliveries.raw_retention 30d)") {
		t.Errorf("show: %s", out)
	}
	p.counted()
	p.stop()
	if _, err := os.Stat(filepath.Join(dir, "data", "control.json")); !os.IsNotExist(err) {
		t.Errorf("a stopped gateway leaves its control file: %v", err)
	}
	if out := p.run(append([]string{"deliveries", "replay"}, day...)...); !strings.Contains(out, "30 are replayed; no gateway runs") {
		t.Errorf("without a gateway: %s", out)
	}
	p.start()
	p.counted()
	if after := picture(); after != before {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
	p.run("sql", "--write", "--yes", "ALTER TABLE leads_log DELETE WHERE external_id = 'p7' SETTINGS mutations_sync = 2")
	code, out := p.exit(append([]string{"reconcile", "--format", "json"}, day...)...)
	var found struct {
		Comparisons []clickhouse.Comparison
		Differences int
	}
	if err := json.Unmarshal([]byte(out), &found); err != nil || code != 1 || found.Differences != 1 || found.Comparisons[2].Missing != 1 {
		t.Errorf("a lead is gone: %d, %v\n%s", code, err, out)
	}
}

// The gateway is killed in the middle of a replay, again and again: what it
// counts stays the same, and the replay can be asked for once more.
func TestIntegration_KilledInAReplay(t *testing.T) {
	t.Parallel()
	p := serve(t, t.TempDir(), "limits: {per_address: \"\", per_source: \"\"}\ndrain: {batch_rows: 60}\n")
	for i := range 20 {
		p.post(200, "/in/clicks", clickBody(fmt.Sprintf("v%d", i), "spring", 10), jsonHeader)
		p.post(200, "/in/landing", leadBody(fmt.Sprintf("p%d", i), ""), jsonHeader)
	}
	p.counted()
	shape := "SELECT (SELECT count() FROM leads), (SELECT groupBitXor(cityHash64(* EXCEPT version)) FROM leads), (SELECT count() FROM touches), " +
		"(SELECT groupBitXor(cityHash64(* EXCEPT version)) FROM touches), (SELECT count() FROM deliveries), (SELECT groupArray(c) FROM (SELECT verdict, count() AS c FROM deliveries GROUP BY verdict ORDER BY verdict))"
	before := p.sql(shape)
	for round := range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		command := p.command(ctx, "deliveries", "replay", "--from", "2020-01-01")
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		p.until("under way", func() bool { // some of it is counted, or about to be
			_, text, err := p.admin("/metrics")
			return err == nil && (strings.Contains(text, "leadgate_replays_total{") || !strings.Contains(text, "\nleadgate_drain_lag_bytes 0\n"))
		})
		p.kill()
		_ = command.Wait() // it may have been cut off
		cancel()
		p.start()
		p.counted()
		if after := p.sql(shape); after != before {
			t.Fatalf("round %d: before %s\nafter %s", round, before, after)
		}
	}
	p.run("deliveries", "replay", "--from", "2020-01-01")
	p.counted()
	if after := p.sql(shape); after != before {
		t.Errorf("at last: before %s\nafter %s", before, after)
	}
	today := time.Now().UTC().Format(time.DateOnly)
	if code, out := p.exit("reconcile", "--from", "2020-01-01", "--to", today); code != 0 {
		t.Errorf("reconcile: %d\n%s", code, out)
	}
}
