// Command demo shows Leadgate at work: it starts the gateway on a throw-away
// data directory with everything embedded, sends a day of traffic through its
// public door, waits until it is counted, and prints what the leads cost; then it
// sends one recorded delivery of every type, and prints what became of each.
//
// It is started by `make demo`; see README.md.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	leadgate := flag.String("leadgate", "bin/leadgate", "the binary to show")
	port := flag.Int("port", 8080, "port to serve on")
	exit := flag.Bool("exit", false, "exit after that instead of serving on")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := demo(ctx, os.Stdout, *leadgate, *port, *exit)
	stop()
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "demo: "+err.Error())
		os.Exit(1)
	}
}

func demo(ctx context.Context, out io.Writer, leadgate string, port int, exit bool) error {
	dir, err := os.MkdirTemp("", "leadgate-demo-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	root, err := repository()
	if err != nil {
		return err
	}
	asked, err := startPlatforms(ctx, root)
	if err != nil {
		return err
	}
	defer asked.stop()
	catalogue, err := catalogueSources(root, asked.url)
	if err != nil {
		return err
	}
	gateway, err := start(ctx, out, leadgate, dir, port, catalogue)
	if err != nil {
		return err
	}
	defer gateway.stop()
	if err := gateway.show(ctx, root); err != nil {
		return err
	}
	if exit {
		return nil
	}
	fmt.Fprintln(out, "\nserving; Ctrl-C ends it and removes the data")
	return gateway.wait(ctx)
}

// show sends everything and prints what comes of it.
func (g *gateway) show(ctx context.Context, root string) error {
	day := planDay(time.Now().UTC())
	fmt.Fprintf(g.out, "sending a day of traffic to %s\n", g.url)
	ledger, err := sendAll(ctx, g, day)
	if err != nil {
		return err
	}
	ledger.print(g.out)
	if err := g.waitCounted(ctx); err != nil {
		return err
	}
	if err := g.report(ctx, day); err != nil {
		return err
	}
	if err := g.compare(ctx, day); err != nil {
		return err
	}
	if err := g.catalogue(ctx, root); err != nil {
		return err
	}
	g.printNextSteps(day)
	return nil
}

// gateway is the running binary.
type gateway struct {
	binary, config, url string
	out                 io.Writer // what is shown
	cmd                 *exec.Cmd
	ended               chan struct{} // closed when it has ended
	err                 error         // why, to be read after that
}

// start writes a configuration with more sources, starts the gateway and waits
// until it can take leads.
func start(ctx context.Context, out io.Writer, leadgate, dir string, port int, more string) (*gateway, error) {
	binary, err := filepath.Abs(leadgate)
	if err != nil {
		return nil, err
	}
	g := &gateway{
		out: out, binary: binary, config: filepath.Join(dir, "config.yaml"),
		url: fmt.Sprintf("http://127.0.0.1:%d", port), ended: make(chan struct{}),
	}
	config := fmt.Sprintf(configText, port, g.url, filepath.Join(dir, "data")) + more
	if err := os.WriteFile(g.config, []byte(config), 0o600); err != nil {
		return nil, err
	}
	fmt.Fprintf(out, "starting Leadgate on %s with embedded ClickHouse and Redis\n", g.url)
	// Not CommandContext: the gateway is asked to stop, never killed first.
	g.cmd = exec.Command(binary, "serve", "--config", g.config) //nolint:noctx // see above
	g.cmd.Stderr = os.Stderr
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C reaches us alone
	if err := g.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w (run `make build`)", err)
	}
	go func() {
		g.err = g.cmd.Wait()
		close(g.ended)
	}()
	if err := g.waitReady(ctx); err != nil {
		g.stop()
		return nil, err
	}
	return g, nil
}

// stop asks the gateway to end and waits for it.
func (g *gateway) stop() {
	_ = g.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-g.ended:
	case <-time.After(30 * time.Second):
		_ = g.cmd.Process.Kill()
		<-g.ended
	}
}

func (g *gateway) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-g.ended:
		return fmt.Errorf("the gateway ended by itself: %w", g.err)
	}
}

func (g *gateway) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		if status, _, err := get(ctx, g.url+"/readyz"); err == nil && status == 200 {
			return nil
		}
		select {
		case <-g.ended:
			return errors.New("the gateway did not start; its own words stand above")
		case <-ctx.Done():
			return fmt.Errorf("the gateway is not ready: %w", ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// waitCounted waits until everything that was acknowledged is in ClickHouse.
func (g *gateway) waitCounted(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		if body, err := g.metrics(ctx); err == nil && drained(body) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the deliveries are not counted yet: %w", ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// metrics returns what the admin listener says. Where that is stands in the
// control file.
func (g *gateway) metrics(ctx context.Context) (string, error) {
	text, err := os.ReadFile(filepath.Join(filepath.Dir(g.config), "data", "control.json"))
	if err != nil {
		return "", err
	}
	var control struct {
		AdminURL string `json:"admin_url"`
	}
	if err := json.Unmarshal(text, &control); err != nil {
		return "", err
	}
	_, body, err := get(ctx, control.AdminURL+"/metrics")
	return body, err
}

// run executes the binary with this demo's configuration.
func (g *gateway) run(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, g.binary, append(args, "--config", g.config)...)
	cmd.Stderr = os.Stderr
	return cmd.Output()
}
