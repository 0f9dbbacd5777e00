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
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/leadgate/leadgate/analytics/clickhouse/embedded"
)

// bench is one run of the program.
type bench struct {
	self, leadgate, library, dir string
	root                         string // of the module

	rounds      int
	time        time.Duration // of one measurement
	connections int
	backlog     int
	flood       int // hostile connections
	only        *regexp.Regexp
	jsonPath    string
	markdown    string
	profiles    string // where profiles of the gateway go

	growth     bool
	journalled sizes
	keys       sizes
	waiting    int
}

// sizes are numbers with commas between them.
type sizes []int

func (s *sizes) String() string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(*s), " ", ","), "[]")
}

func (s *sizes) Set(text string) error {
	*s = nil
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return err
		}
		*s = append(*s, n)
	}
	return nil
}

func main() {
	switch {
	case len(os.Args) > 2 && os.Args[1] == "clickhouse": // the engine's child is this program again
		os.Exit(embedded.Main(os.Args[2:]))
	case len(os.Args) > 1 && os.Args[1] == "server":
		exit(runServer(os.Args[2:]))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	exit(err)
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: "+err.Error())
		os.Exit(1)
	}
	os.Exit(0)
}

func run(ctx context.Context) (err error) {
	b := new(bench)
	flag.StringVar(&b.leadgate, "leadgate", "", "the binary (built if empty)")
	flag.IntVar(&b.rounds, "rounds", 3, "how often each subject has its turn")
	flag.DurationVar(&b.time, "time", 3*time.Second, "how long one measurement takes")
	flag.IntVar(&b.connections, "connections", 64, "kept-alive connections of the load")
	flag.IntVar(&b.backlog, "backlog", 150_000, "deliveries in the journal when the drain is measured")
	flag.IntVar(&b.flood, "flood", 5_000, "hostile connections, of all kinds")
	only := flag.String("only", "", "regular expression: the parts to run, by the names of the goals")
	flag.StringVar(&b.jsonPath, "json", "", "file to write the results to, as JSON")
	flag.StringVar(&b.markdown, "markdown", "", "file to write the tables to, as Markdown")
	flag.BoolVar(&b.growth, "growth", false, "measure what grows instead: cost by size, starts after a crash, intake beside other work")
	b.journalled, b.keys = sizes{1_000, 10_000, 100_000, 1_000_000, 4_500_000, 10_000_000}, sizes{100_000, 1_000_000, 10_000_000}
	flag.Var(&b.journalled, "journalled", "growth: deliveries in the journal")
	flag.Var(&b.keys, "keys", "growth: keys in Redis")
	flag.IntVar(&b.waiting, "waiting", 2_000_000, "growth: deliveries that wait while new ones come")
	flag.StringVar(&b.profiles, "profile", "", "directory for profiles of the gateway under each load")
	flag.Parse()
	if b.only, err = regexp.Compile(*only); err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	if b.profiles != "" {
		if err := os.MkdirAll(b.profiles, 0o750); err != nil {
			return err
		}
	}
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	if b.library, err = embedded.FindLibrary(os.Getenv("LEADGATE_LIBCHDB")); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "leadgate-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	module, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return fmt.Errorf("find the module: %w", err)
	}
	b.root = filepath.Dir(strings.TrimSpace(string(module)))
	if b.leadgate == "" {
		b.leadgate = filepath.Join(b.dir, "leadgate")
		if err := b.build(ctx); err != nil {
			return err
		}
	}
	return b.run(ctx)
}

func (b *bench) build(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", b.leadgate, "./cmd/leadgate")
	cmd.Dir = b.root
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the binary: %w: %s", err, said)
	}
	return forget(b.leadgate)
}

// forget has a file read from disk anew, as it is where it was not just linked:
// the linker leaves it in memory in pages of 2 MiB, and what of them nobody reads
// would count as memory of the process too.
func forget(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was read only
	if err := file.Sync(); err != nil {
		return err
	}
	return unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED)
}
