package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/sync/errgroup"
	"golang.org/x/term"

	"github.com/leadgate/leadgate/analytics/clickhouse/embedded"
)

// plan is what the flags say.
type plan struct {
	binary, library, dir string
	seed                 uint64
	minutes              time.Duration
	only                 *regexp.Regexp
	keep                 bool
	parallel             int
	jsonPath             string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ok, err := prove(ctx)
	stop()
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "proof: "+err.Error())
		os.Exit(2)
	case !ok:
		os.Exit(1)
	}
}

func prove(ctx context.Context) (bool, error) {
	var p plan
	flag.StringVar(&p.binary, "leadgate", "", "the binary, built with -tags proof (built if empty)")
	flag.Uint64Var(&p.seed, "seed", 1, "what the random choices come from")
	minutes := flag.Float64("minutes", 0, "how long the scenarios that can go on do so; 0: once through")
	only := flag.String("only", "", "regular expression: the scenarios to run")
	flag.BoolVar(&p.keep, "keep", false, "keep the directories of scenarios that held, too")
	flag.IntVar(&p.parallel, "parallel", 1, "scenarios at a time")
	flag.StringVar(&p.jsonPath, "json", "", "file to write the table to, as JSON")
	list := flag.Bool("list", false, "list the scenarios")
	flag.Parse()
	var err error
	if p.only, err = regexp.Compile(*only); err != nil {
		return false, fmt.Errorf("-only: %w", err)
	}
	p.minutes = time.Duration(*minutes * float64(time.Minute))
	chosen := choose(&p)
	if len(chosen) == 0 {
		return false, fmt.Errorf("-only %q: no such scenario; see -list", *only)
	}
	if *list {
		for _, s := range chosen {
			fmt.Println(s.name)
		}
		return true, nil
	}
	release, err := p.prepare(ctx)
	if err != nil {
		return false, err
	}
	defer release()
	fmt.Printf("seed %d; %d scenarios; %s, %d processors\n", p.seed, len(chosen), runtime.GOOS+"/"+runtime.GOARCH, runtime.NumCPU())
	outcomes := runAll(ctx, &p, chosen)
	printTable(os.Stdout, outcomes)
	if p.jsonPath != "" {
		if err := writeJSON(p.jsonPath, outcomes); err != nil {
			return false, err
		}
	}
	for i := range outcomes {
		if !outcomes[i].passed() {
			return false, ctx.Err()
		}
	}
	return true, ctx.Err()
}

// prepare makes the directory of all worlds, builds the binary if none was
// given, and finds the engine. Release removes the directory if it is empty.
func (p *plan) prepare(ctx context.Context) (release func(), err error) {
	if p.library, err = embedded.FindLibrary(os.Getenv("LEADGATE_LIBCHDB")); err != nil {
		return func() {}, err
	}
	if p.dir, err = os.MkdirTemp("", "leadgate-proof-"); err != nil {
		return func() {}, err
	}
	if p.binary == "" {
		p.binary = filepath.Join(p.dir, "leadgate")
		if err = build(ctx, p.binary); err != nil {
			return func() {}, errors.Join(err, os.RemoveAll(p.dir))
		}
		return func() { _, _ = os.Remove(p.binary), os.Remove(p.dir) }, nil
	}
	if p.binary, err = filepath.Abs(p.binary); err != nil {
		return func() {}, err
	}
	return func() { _ = os.Remove(p.dir) }, nil
}

func build(ctx context.Context, binary string) error {
	// The gateway's module is not this one's, which stands at cmd/proof in it.
	own, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return fmt.Errorf("find the module: %w", err)
	}
	root := filepath.Join(filepath.Dir(strings.TrimSpace(string(own))), "..", "..")
	cmd := exec.CommandContext(ctx, "go", "build", "-tags", "proof", "-o", binary, "./cmd/leadgate")
	cmd.Dir = root
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the binary: %w: %s", err, said)
	}
	return nil
}

func choose(p *plan) []scenario {
	var chosen []scenario
	for _, s := range scenarios {
		if p.only.MatchString(s.name) {
			chosen = append(chosen, s)
		}
	}
	return chosen
}

// runAll plays the scenarios, p.parallel at a time; the outcomes stand in their
// order.
func runAll(ctx context.Context, p *plan, chosen []scenario) []outcome {
	outcomes := make([]outcome, len(chosen))
	bar := progress(len(chosen))
	var group errgroup.Group
	group.SetLimit(max(1, p.parallel))
	for i, s := range chosen {
		group.Go(func() error {
			bar.Describe(s.name)
			outcomes[i] = play(ctx, p, s)
			_ = bar.Add(1)
			return nil
		})
	}
	_ = group.Wait()
	_ = bar.Finish()
	return outcomes
}

// progress is a bar on a terminal, and nothing elsewhere.
func progress(steps int) *progressbar.ProgressBar {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return progressbar.DefaultSilent(int64(steps))
	}
	return progressbar.NewOptions(steps, progressbar.OptionSetWriter(os.Stderr), progressbar.OptionShowCount(),
		progressbar.OptionSetElapsedTime(true), progressbar.OptionClearOnFinish())
}
