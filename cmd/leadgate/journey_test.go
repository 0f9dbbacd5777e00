package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/leadgate/leadgate/analytics/clickhouse/clickhousetest"
	"github.com/leadgate/leadgate/ingest/redistest"
)

const jsonHeader = "Content-Type: application/json"

func clickBody(visitor, campaign string, n int) string {
	clicks := make([]map[string]string, n)
	for i := range clicks {
		clicks[i] = map[string]string{
			"visitor_id": fmt.Sprintf("%s-%d", visitor, i),
			"url":        "https://www.example.com/?utm_source=yandex&utm_medium=cpc&utm_campaign=" + campaign,
		}
	}
	text, _ := json.Marshal(clicks) // strings only
	return string(text)
}

func leadBody(person, visitor string) string {
	return fmt.Sprintf(`{"id":%q,"name":"Test Person","email":"%s@example.com","visitor_id":%q}`, person, person, visitor)
}

const examplesConfig = `
limits: {per_address: "", per_source: ""}
costs:
  rules:
    - {workspace: rule, source: yandex, medium: cpc, per: click, price: "100.00", currency: RUB}
sources:
  - {name: clicks-rule, type: click, workspace: rule}
  - {name: form-rule, type: form, workspace: rule}
  - {name: clicks-file, type: click, workspace: file}
  - {name: form-file, type: form, workspace: file}
  - {name: costs-file, type: cost, workspace: file, secrets: [import-token], currency: RUB}
`

// The worked examples of the design, from real deliveries: 200 clicks at 100
// and 10 leads by a price rule; 110 clicks at 200 and 60 leads by a cost file.
func TestIntegration_WorkedExamples(t *testing.T) {
	t.Parallel()
	p := serve(t, t.TempDir(), examplesConfig)
	p.post(200, "/in/clicks-rule", clickBody("r", "spring", 200), jsonHeader)
	for i := range 10 {
		p.post(200, "/in/form-rule", leadBody(fmt.Sprintf("rule%d", i), fmt.Sprintf("r-%d", i)), jsonHeader)
	}
	today := time.Now().UTC().Format(time.DateOnly)
	file := filepath.Join(t.TempDir(), "costs.csv")
	text := "date,source,medium,campaign,cost,currency,clicks,impressions\n" + today + ",yandex,cpc,summer,22000.00,RUB,110,5000\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p.run("import", "costs", file, "--source", "costs-file")
	p.run("import", "costs", file, "--source", "costs-file") // again: nothing is added
	p.post(200, "/in/clicks-file", clickBody("f", "summer", 60), jsonHeader)
	for i := range 60 {
		p.post(200, "/in/form-file", leadBody(fmt.Sprintf("file%d", i), fmt.Sprintf("f-%d", i)), jsonHeader)
	}
	p.post(200, "/in/form-file", leadBody("file7", "f-7"), jsonHeader)           // a retry
	p.post(200, "/in/form-file", leadBody2("again", "file8", "f-8"), jsonHeader) // the same person
	p.counted()

	for workspace, want := range map[string]map[string]any{
		"rule": {"cost": "20000.00", "currency": "RUB", "clicks": 200., "leads": 10., "lead_rate": 0.05, "cpl": "2000.00"},
		"file": {"cost": "22000.00", "currency": "RUB", "clicks": 110., "leads": 60., "lead_rate": 60. / 110, "cpl": "366.67"},
	} {
		answer := p.cpl("--workspace", workspace, "--from", today, "--to", today, "--by", "channel,campaign")
		if len(answer.Rows) != 1 || answer.Rows[0]["channel"] != "Paid Search" {
			t.Fatalf("%s: rows %v", workspace, answer.Rows)
		}
		for key, value := range want {
			if got := answer.Rows[0][key]; got != value {
				t.Errorf("%s: %s is %v, want %v", workspace, key, got, value)
			}
		}
	}
	if got := p.sql("SELECT verdict, count() FROM leads WHERE workspace = 'file' GROUP BY verdict ORDER BY verdict"); got != "duplicate\t1\nunique\t60" {
		t.Errorf("verdicts: %s", got)
	}
	if got := p.sql("SELECT countIf(verdict = 'duplicate') FROM deliveries WHERE source = 'form-file'"); got != "1" {
		t.Errorf("%s duplicate deliveries, want 1", got)
	}
}

func leadBody2(id, person, visitor string) string {
	return fmt.Sprintf(`{"id":%q,"name":"Test Person","email":"%s@example.com","visitor_id":%q}`, id, person, visitor)
}

// A crash at any moment, again and again: what got a 2xx is there once.
func TestIntegration_KilledGatewayLosesNothing(t *testing.T) {
	t.Parallel()
	p := serve(t, t.TempDir(), `limits: {per_address: "", per_source: ""}`)
	var mu sync.Mutex
	accepted := map[string]bool{}
	for round := range 3 {
		var senders sync.WaitGroup
		for sender := range 8 {
			senders.Go(func() {
				for i := range 1000 {
					person := fmt.Sprintf("p%d-%d-%d", round, sender, i)
					status, _, err := p.do(http.MethodPost, "/in/landing", []byte(leadBody(person, "")), jsonHeader)
					if err != nil {
						return
					}
					if status == http.StatusOK {
						mu.Lock()
						accepted[person] = true
						mu.Unlock()
					}
				}
			})
		}
		p.until("busy", func() bool { mu.Lock(); defer mu.Unlock(); return len(accepted) > 300*(round+1) })
		p.kill()
		senders.Wait()
		p.start()
	}
	p.counted()
	stored := map[string]int{}
	for line := range strings.Lines(p.sql("SELECT external_id, count() FROM leads GROUP BY external_id") + "\n") {
		id, n, _ := strings.Cut(strings.TrimSpace(line), "\t")
		stored[id], _ = strconv.Atoi(n)
	}
	lost, doubled := 0, 0
	for person := range accepted {
		switch n := stored[person]; {
		case n == 0:
			lost++
		case n > 1:
			doubled++
		}
	}
	t.Logf("%d accepted over 3 kills", len(accepted))
	if lost > 0 || doubled > 0 {
		t.Errorf("of %d accepted, %d lost and %d doubled", len(accepted), lost, doubled)
	}
}

// With Redis and ClickHouse both away leads are accepted, and counted when
// both are there.
func TestIntegration_StoresAway(t *testing.T) {
	t.Parallel()
	engine := clickhousetest.Start(t)
	behind, err := url.Parse(engine.URL())
	if err != nil {
		t.Fatal(err)
	}
	redisPort, storePort := freePort(t), freePort(t)
	front := *behind
	front.Host = fmt.Sprintf("127.0.0.1:%d", storePort)
	p := serve(t, t.TempDir(), fmt.Sprintf("redis: {url: \"redis://127.0.0.1:%d/0\"}\nclickhouse: {url: %q, migrate: true}\n", redisPort, front.String()))
	for i := range 20 {
		p.post(200, "/in/landing", leadBody(fmt.Sprintf("away%d", i), ""), jsonHeader)
	}
	forward(t, front.Host, behind.Host)
	startRedis(t, redisPort)
	p.counted()
	if got := p.sql("SELECT count(), countIf(verdict = 'unique') FROM leads"); got != "20\t20" {
		t.Errorf("%s leads, want 20", got)
	}
	if got := p.run("dedupe", "rebuild"); !strings.Contains(got, "rebuilt") {
		t.Errorf("rebuild said %s", got)
	}
	p.post(200, "/in/landing", leadBody("away3", ""), jsonHeader)
	p.counted()
	if got := p.sql("SELECT count() FROM leads"); got != "20" {
		t.Errorf("%s leads after a retry, want 20", got)
	}
	p.stop()
}

// forward lets what connects to one address reach the other.
func forward(t *testing.T, from, to string) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", from)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			front, err := listener.Accept()
			if err != nil {
				return
			}
			back, err := new(net.Dialer).DialContext(context.Background(), "tcp", to)
			if err != nil {
				_ = front.Close()
				continue
			}
			for _, pair := range [][2]net.Conn{{front, back}, {back, front}} {
				go func() {
					_, _ = io.Copy(pair[0], pair[1])
					_ = pair[0].Close()
				}()
			}
		}
	}()
}

func startRedis(t *testing.T, port int) {
	t.Helper()
	cmd := exec.Command(redistest.Binary(t), "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

// Low load: a lone lead is in the store well within a second.
func TestIntegration_LoneLeadIsCountedSoon(t *testing.T) {
	t.Parallel()
	p := serve(t, t.TempDir(), "")
	p.post(200, "/in/landing", leadBody("warm-up", ""), jsonHeader)
	p.counted()
	p.post(200, "/in/landing", leadBody("lone", ""), jsonHeader)
	p.counted()
	if got := p.sql("SELECT count() FROM leads WHERE verdict = 'unique'"); got != "2" {
		t.Errorf("%s leads, want 2", got)
	}
	p.stop()
	// What a stop leaves behind is there without the gateway.
	if got := p.sql("SELECT count() FROM leads"); got != "2" {
		t.Errorf("%s leads after a stop, want 2", got)
	}
}

// What cannot be written by the deadline stays on disk, and a second signal
// does not wait for the deadline.
func TestIntegration_StopWithStoreAway(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := serve(t, dir, "drain: {stop_timeout: 10m}\nclickhouse: {url: \"clickhouse://127.0.0.1:1/leadgate\"}\n")
	p.post(200, "/in/landing", leadBody("kept", ""), jsonHeader)
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.until("stopping", func() bool { return strings.Contains(p.said.String(), "stopping") })
	if _, _, err := p.do(http.MethodPost, "/in/landing", []byte(leadBody("late", "")), jsonHeader); err == nil {
		t.Error("a stopping gateway took a delivery")
	}
	p.stop() // the second signal
	if !strings.Contains(p.said.String(), "the rest stays in the journal") {
		t.Errorf("it does not say what is left:\n%s", p.said)
	}
	if err := os.Remove(p.config); err != nil {
		t.Fatal(err)
	}
	p = serve(t, dir, "") // the same data directory, with a store
	p.counted()
	if got := p.sql("SELECT external_id FROM leads"); got != "kept" {
		t.Errorf("after a restart the store has %q", got)
	}
}
