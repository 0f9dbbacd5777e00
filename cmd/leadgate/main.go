// Command leadgate is the lead-capture gateway: see README.md, or run
// `leadgate --help`.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	_ "time/tzdata" // zones must be known on machines without the database

	"github.com/redis/go-redis/v9"

	"github.com/leadgate/leadgate/analytics/clickhouse/embedded"
	"github.com/leadgate/leadgate/ingest/redact"
)

// version is set by the linker.
var version = "dev"

func main() {
	// The engine's child process must not pay for, or trip over, the rest.
	if len(os.Args) > 1 && os.Args[1] == "clickhouse" && len(os.Args) > 2 {
		os.Exit(embedded.Main(os.Args[2:]))
	}
	redis.SetLogger(silent{}) // what it has to say comes back as errors, too
	os.Exit(run(context.Background(), os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}

// usageError is a call that was put wrongly: exit code 2.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// silent is a logger of go-redis that says nothing.
type silent struct{}

// Printf implements go-redis's logger.
func (silent) Printf(context.Context, string, ...any) {}

// run executes one command line and returns its exit code: 0 done, 1 failed,
// 2 not understood.
func run(ctx context.Context, args, environ []string, stdin io.Reader, stdout, stderr io.Writer) int {
	out, errs := redact.NewWriter(stdout), redact.NewWriter(stderr)
	app := &app{environ: environ, stdin: stdin, stdout: out, stderr: errs, rawStdout: stdout, rawStderr: stderr}
	root := app.rootCommand()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(out)
	root.SetErr(errs)
	err := root.ExecuteContext(ctx)
	err = errors.Join(err, out.Flush())
	var usage usageError
	var problems Problems
	switch {
	case err == nil:
		return 0
	case errors.As(err, &problems):
		fmt.Fprintln(errs, problems.Error())
	default:
		fmt.Fprintln(errs, "leadgate: "+err.Error())
	}
	if errors.As(err, &usage) {
		return 2
	}
	return 1
}
