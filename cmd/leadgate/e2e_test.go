package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leadgate/leadgate/analytics/clickhouse/clickhousetest"
	"github.com/leadgate/leadgate/analytics/clickhouse/embedded"
)

// TestMain lets the test binary be the gateway, and the engine of one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "clickhouse" {
		os.Exit(embedded.Main(os.Args[2:]))
	}
	if os.Getenv("BE_LEADGATE") == "1" {
		main()
	}
	redis.SetLogger(silent{})
	os.Exit(m.Run())
}

func freePort(t *testing.T) int {
	t.Helper()
	for range 100 {
		// Below the ports that the kernel gives to clients: one of those could
		// take the port, or even connect to itself, while its server restarts.
		port := 10_000 + rand.IntN(20_000)
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			_ = l.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

// output collects what a process says.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// process is a running gateway.
type process struct {
	t       *testing.T
	url     string
	config  string
	library string
	binary  string   // empty: this test's own
	starter []string // a program and its arguments that start it; none if empty
	env     []string // besides the test's
	cmd     *exec.Cmd
	said    *output
	ended   chan struct{}
	err     error
}

// serve starts a gateway with the given lines of configuration besides listen
// and data_dir, and waits until it can take leads.
func serve(t *testing.T, dir, text string) *process {
	t.Helper()
	p := prepareServe(t, dir, text)
	p.start()
	return p
}

// prepareServe is serve without the start.
func prepareServe(t *testing.T, dir, text string) *process {
	t.Helper()
	port := freePort(t)
	config := filepath.Join(dir, "config.yaml")
	if !strings.Contains(text, "admin_listen:") {
		text = "admin_listen: 127.0.0.1:0\n" + text
	}
	text = fmt.Sprintf("listen: 127.0.0.1:%d\npublic_url: http://127.0.0.1:%d\ndata_dir: %s\n%s", port, port, filepath.Join(dir, "data"), text)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return &process{t: t, url: fmt.Sprintf("http://127.0.0.1:%d", port), config: config, library: clickhousetest.Library(t)}
}

func (p *process) command(ctx context.Context, args ...string) *exec.Cmd {
	binary := p.binary
	if binary == "" {
		binary = os.Args[0]
	}
	words := slices.Concat(p.starter, args, []string{"--config", p.config})
	if len(p.starter) == 0 {
		words = append([]string{binary}, words...)
	}
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Env = slices.Concat(os.Environ(), []string{"BE_LEADGATE=1", "LEADGATE_LIBCHDB=" + p.library}, p.env)
	return cmd
}

func (p *process) start() {
	p.t.Helper()
	p.cmd, p.said, p.ended = p.command(context.Background(), "serve"), &output{}, make(chan struct{})
	p.cmd.Stderr = p.said
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	cmd, ended := p.cmd, p.ended
	go func() { p.err = cmd.Wait(); close(ended) }()
	p.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		if p.t.Failed() {
			p.t.Logf("the gateway said:\n%s", p.said)
		}
	})
	p.ready()
}

// ready waits until the gateway can take leads.
func (p *process) ready() {
	p.t.Helper()
	p.until("ready", func() bool {
		select {
		case <-p.ended:
			p.t.Fatalf("the gateway ended: %v\n%s", p.err, p.said)
		default:
		}
		status, _, err := p.do(http.MethodGet, "/readyz", nil, "")
		return err == nil && status == http.StatusOK
	})
}

// kill ends the gateway as a crash would.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// stop ends the gateway as an operator would.
func (p *process) stop() {
	p.t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
		if p.err != nil {
			p.t.Errorf("stopped with %v\n%s", p.err, p.said)
		}
	case <-time.After(30 * time.Second):
		p.t.Fatalf("does not stop\n%s", p.said)
	}
}

func (p *process) until(what string, done func() bool) {
	p.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(60 * time.Second); !done(); <-tick.C {
		if time.Now().After(deadline) {
			p.t.Fatalf("not %s within a minute\n%s", what, p.said)
		}
	}
}

// do sends one request; header lines are "Key: value" separated by newlines.
func (p *process) do(method, path string, body []byte, header string) (int, string, error) {
	return p.send(method, p.url+path, body, header)
}

func (p *process) send(method, url string, body []byte, header string) (int, string, error) {
	req, err := http.NewRequestWithContext(p.t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	for line := range strings.Lines(header) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		req.Header.Set(key, value)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text), errors.Join(err, answer.Body.Close())
}

// post sends a delivery that must be answered with the given status.
func (p *process) post(want int, path, body, header string) string {
	p.t.Helper()
	status, text, err := p.do(http.MethodPost, path, []byte(body), header)
	if err != nil || status != want {
		p.t.Fatalf("POST %s: %d %s, %v; want %d", path, status, text, err, want)
	}
	return text
}

// counted waits until everything acknowledged is in the store.
func (p *process) counted() {
	p.t.Helper()
	p.until("counted", func() bool {
		_, text, err := p.admin("/metrics")
		return err == nil && strings.Contains(text, "\nleadgate_drain_lag_bytes 0\n")
	})
}

// control is what the running gateway says of itself.
func (p *process) control() (c control, err error) {
	text, err := os.ReadFile(filepath.Join(filepath.Dir(p.config), "data", "control.json"))
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	return c, err
}

// admin asks the admin listener.
func (p *process) admin(path string) (int, string, error) {
	c, err := p.control()
	if err != nil {
		return 0, "", err
	}
	return p.send(http.MethodGet, c.AdminURL+path, nil, "")
}

// run executes another command beside the gateway and returns what it prints.
func (p *process) run(args ...string) string {
	p.t.Helper()
	cmd := p.command(p.t.Context(), args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		p.t.Fatalf("leadgate %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out)
}

func (p *process) sql(query string) string {
	p.t.Helper()
	return strings.TrimSpace(p.run("sql", query, "--format", "TSV"))
}

type cplAnswer struct {
	Query  map[string]any   `json:"query"`
	Rows   []map[string]any `json:"rows"`
	Totals map[string]any   `json:"totals"`
	Notes  []string         `json:"notes"`
}

func (p *process) cpl(args ...string) cplAnswer {
	p.t.Helper()
	var answer cplAnswer
	text := p.run(append([]string{"report", "cpl", "--format", "json"}, args...)...)
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		p.t.Fatalf("%v: %s", err, text)
	}
	return answer
}
