package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"go.yaml.in/yaml/v3"
)

// patience bounds every wait for the gateway. It is no measure: what is waited
// for comes, or something is broken.
const patience = 2 * time.Minute

// gateway is the real binary on a directory of its own. Only one goroutine may
// start and end it; the rest is safe for concurrent use.
type gateway struct {
	binary, library string
	dir             string // holds config.yaml, data and what a scenario puts there
	url             string
	config          map[string]any
	client          *http.Client
	said            *output // what it wrote to standard error, over all starts

	mu    sync.Mutex
	cmd   *exec.Cmd
	ended chan struct{} // closed when cmd has ended
	err   error         // of Wait; readable when ended is closed
}

// baseConfig is what every scenario has, see configure.
const baseConfig = `
log: {level: info}
limits: {per_address: "", per_source: ""}
sources:
  - {name: landing, type: form, allowed_hosts: [www.example.com], options: {thank_you_url: "https://www.example.com/thanks"}}
  - {name: clicks, type: click}
  - {name: google, type: google-ads, secrets: [` + googleKey + `]}
  - {name: calls, type: callrail, secrets: [` + callRailKey + `]}
  - {name: mail, type: postmark, secrets: [` + mailPassword + `]}
  - {name: hooks, type: standard-webhooks, secrets: ["` + hookKey + `"]}
  - {name: crm, type: status, secrets: [` + token + `]}
  - {name: spend, type: cost, workspace: spend, secrets: [` + token + `], currency: EUR}
`

func newGateway(binary, library, dir string) (*gateway, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	g := &gateway{
		binary: binary, library: library, dir: dir, url: fmt.Sprintf("http://127.0.0.1:%d", port), said: &output{},
		client: &http.Client{
			Timeout:       15 * time.Second,
			Transport:     &http.Transport{MaxIdleConnsPerHost: 64},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	g.configure(baseConfig)
	g.configure(fmt.Sprintf("{listen: \"127.0.0.1:%d\", admin_listen: \"127.0.0.1:0\", public_url: %q, data_dir: %q}", port, g.url, g.dataDir()))
	return g, nil
}

// configure sets top-level keys of the configuration for the next start, in
// place of what they were. It panics on what is no YAML: that is our own text.
func (g *gateway) configure(text string) {
	more := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &more); err != nil {
		panic(fmt.Sprintf("configuration %q: %v", text, err))
	}
	if g.config == nil {
		g.config = map[string]any{}
	}
	maps.Copy(g.config, more)
}

func (g *gateway) dataDir() string    { return filepath.Join(g.dir, "data") }
func (g *gateway) journalDir() string { return filepath.Join(g.dataDir(), "journal") }
func (g *gateway) configPath() string { return filepath.Join(g.dir, "config.yaml") }

// start starts the gateway, with more environment if given, and waits until it
// takes deliveries.
func (g *gateway) start(ctx context.Context, env ...string) error {
	if err := g.launch(env...); err != nil {
		return err
	}
	return g.ready(ctx)
}

// launch starts the gateway and does not wait.
func (g *gateway) launch(env ...string) error {
	if g.running() {
		return errors.New("the gateway runs already")
	}
	text, err := yaml.Marshal(g.config)
	if err != nil {
		return err
	}
	if err := os.WriteFile(g.configPath(), text, 0o600); err != nil {
		return err
	}
	cmd := g.command(context.Background(), "serve")
	cmd.Env = append(cmd.Env, env...)
	cmd.Stderr = g.said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C reaches us alone
	fmt.Fprintf(g.said, "--- start %s\n", strings.Join(env, " "))
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	g.mu.Lock()
	g.cmd, g.ended = cmd, ended
	g.mu.Unlock()
	go func() {
		err := cmd.Wait()
		g.mu.Lock()
		g.err = err
		g.mu.Unlock()
		close(ended)
	}()
	return nil
}

// command is another leadgate command with the same configuration.
func (g *gateway) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, g.binary, append(args, "--config", g.configPath())...)
	cmd.Env = append(os.Environ(), "LEADGATE_LIBCHDB="+g.library)
	return cmd
}

// run executes another leadgate command and returns what it prints.
func (g *gateway) run(ctx context.Context, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := g.command(ctx, args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("leadgate %s: %w: %s", args[0], err, strings.TrimSpace(said.String()))
	}
	return out, nil
}

// ready waits until the gateway takes deliveries.
func (g *gateway) ready(ctx context.Context) error {
	return g.until(ctx, "ready", func() bool {
		status, _, err := g.get(ctx, "/readyz")
		return err == nil && status == http.StatusOK
	})
}

// counted waits until all that was acknowledged is in the store.
func (g *gateway) counted(ctx context.Context) error {
	return g.until(ctx, "drained", func() bool {
		lag, err := g.metric(ctx, "leadgate_drain_lag_bytes")
		return err == nil && lag == 0
	})
}

// metric returns the value of a metric without labels, or with the labels as
// /metrics prints them.
func (g *gateway) metric(ctx context.Context, name string) (float64, error) {
	text, err := g.metrics(ctx)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return 0, fmt.Errorf("no metric %s", name)
}

// metrics returns what the admin listener says. Where that is stands in the
// control file of the running gateway.
func (g *gateway) metrics(ctx context.Context) (string, error) {
	file, err := os.ReadFile(filepath.Join(g.dataDir(), "control.json"))
	if err != nil {
		return "", err
	}
	var control struct {
		AdminURL string `json:"admin_url"`
	}
	if err := json.Unmarshal(file, &control); err != nil {
		return "", err
	}
	_, text, err := g.ask(ctx, control.AdminURL+"/metrics")
	return text, err
}

// until waits for done. It fails if the gateway ends meanwhile.
func (g *gateway) until(ctx context.Context, what string, done func() bool) error {
	g.mu.Lock()
	ended := g.ended
	g.mu.Unlock()
	return await(ctx, what, func() (bool, error) {
		if done() {
			return true, nil
		}
		select {
		case <-ended:
			return false, fmt.Errorf("the gateway ended and never was %s", what)
		default:
			return false, nil
		}
	})
}

// await asks every 20 ms until it is done, for patience at most.
func await(ctx context.Context, what string, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("not %s: %w", what, ctx.Err())
		}
	}
}

func (g *gateway) get(ctx context.Context, path string) (int, string, error) {
	return g.ask(ctx, g.url+path)
}

func (g *gateway) ask(ctx context.Context, url string) (int, string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	return g.do(req)
}

func (g *gateway) do(req *http.Request) (int, string, error) {
	answer, err := g.client.Do(req)
	if err != nil {
		return 0, "", err
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, 4<<20))
	return answer.StatusCode, string(text), errors.Join(err, answer.Body.Close())
}

func (g *gateway) running() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.cmd == nil {
		return false
	}
	select {
	case <-g.ended:
		return false
	default:
		return true
	}
}

// pid of the gateway, 0 if it does not run.
func (g *gateway) pid() int {
	if !g.running() {
		return 0
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.cmd.Process.Pid
}

// kill is kill -9, and waits until the process is gone.
func (g *gateway) kill() {
	if pid := g.pid(); pid != 0 {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		<-g.ended
	}
}

// crashed waits until the gateway has killed itself.
func (g *gateway) crashed(ctx context.Context) error {
	if err := await(ctx, "crashed", func() (bool, error) { return !g.running(), nil }); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	var exit *exec.ExitError
	if errors.As(g.err, &exit) {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signal() == syscall.SIGKILL {
			return nil
		}
	}
	return fmt.Errorf("the gateway ended otherwise than by a crash: %w", g.err)
}

// stop is SIGTERM, and waits until the gateway has ended in good order.
func (g *gateway) stop(ctx context.Context) error {
	pid := g.pid()
	if pid == 0 {
		return nil
	}
	_ = syscall.Kill(pid, syscall.SIGTERM)
	if err := await(ctx, "stopped", func() (bool, error) { return !g.running(), nil }); err != nil {
		g.kill()
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err != nil {
		return fmt.Errorf("the gateway stopped with %w", g.err)
	}
	return nil
}

// enginePID is the process id of the embedded ClickHouse at this moment, as
// its runtime file tells it.
func (g *gateway) enginePID() (int, error) {
	text, err := os.ReadFile(filepath.Join(g.dataDir(), "clickhouse", "runtime.json"))
	if err != nil {
		return 0, err
	}
	var file struct {
		PID int `json:"pid"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return 0, err
	}
	return file.PID, nil
}

// killEngine is kill -9 of the embedded ClickHouse alone. If it is just being
// started again, nothing is killed; it tells whether something was.
func (g *gateway) killEngine() bool {
	pid, err := g.enginePID()
	return err == nil && pid > 1 && syscall.Kill(pid, syscall.SIGKILL) == nil
}

// engineAgain waits until another engine than the given one answers.
func (g *gateway) engineAgain(ctx context.Context, than int) error {
	return g.until(ctx, "with its engine again", func() bool {
		pid, err := g.enginePID()
		return err == nil && pid != than
	})
}

func freePort() (int, error) {
	for range 100 {
		// Below the ports that the kernel gives to clients: one of those could
		// take the port, or even connect to itself, while its server restarts.
		port := 10_000 + rand.IntN(20_000) //nolint:gosec // any free port will do
		l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("no free port")
}

// output collects what a process says. Its zero value is ready; it is safe for
// concurrent use.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer. Of a long story the end is kept.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.text.Len() > 4<<20 {
		o.text.Next(2 << 20)
	}
	return o.text.Write(p)
}

// String returns all of it.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
