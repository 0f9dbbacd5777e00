package embedded

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	"github.com/ebitengine/purego"
)

// Exit codes of the child.
const (
	exitEngine  = 1 // the engine failed
	exitUsage   = 2
	exitLibrary = 3 // the library cannot be loaded
)

// lifelineFd is the child's end of the pipe that closes when its parent ends.
const lifelineFd = 3

// blocking is the statement during which the engine serves. It wakes up twice
// a second, which costs nothing, so that it can be killed. The engine's own
// session is the only one without a user name in system.processes.
const (
	blocking = "SELECT sleepEachRow(0.5) FROM numbers(1000000000000000) " +
		"SETTINGS max_threads = 1, max_block_size = 1, max_execution_time = 0 FORMAT Null"
	stopServing = "KILL QUERY WHERE user = '' ASYNC"
)

// Main is the child process, `leadgate clickhouse`; args are those behind that
// word. It returns the exit code when the engine has stopped. It is meant for
// a process of its own: the engine is never unloaded.
func Main(args []string) int {
	flags := flag.NewFlagSet("clickhouse", flag.ContinueOnError)
	library := flags.String("library", "", "path of libchdb.so")
	config := flags.String("config", "", "path of the engine's configuration")
	data := flags.String("data", "", "directory of the engine's data")
	tcp := flags.Int("tcp-port", 0, "port of the native protocol")
	http := flags.Int("http-port", 0, "port of the HTTP interface")
	lifeline := flags.Bool("lifeline", false, "die when file descriptor 3 is closed")
	if err := flags.Parse(args); err != nil {
		return exitUsage
	}
	if *library == "" || *config == "" || *data == "" || *tcp == 0 || *http == 0 {
		fmt.Fprintln(os.Stderr, "leadgate clickhouse: started by `leadgate serve` for itself; to use the store, see `leadgate sql`")
		return exitUsage
	}
	syscall.Umask(0o077)
	signal.Ignore(syscall.SIGPIPE, syscall.SIGINT, syscall.SIGTERM) // our parent stops us, in its own order
	if *lifeline {
		go dieWith(os.NewFile(lifelineFd, "lifeline"))
	}
	engine, err := loadEngine(*library)
	if err != nil {
		fmt.Fprintf(os.Stderr, "leadgate clickhouse: %v\n", err)
		return exitLibrary
	}
	err = engine.run([]string{"clickhouse-local",
		"--config-file=" + *config,
		"--path=" + *data,
		fmt.Sprintf("--tcp_port=%d", *tcp),
		fmt.Sprintf("--http_port=%d", *http),
		"--listen_host=127.0.0.1",
		"--query=SYSTEM START LISTEN TCP; SYSTEM START LISTEN HTTP; " + blocking,
	})
	if err != nil && !strings.Contains(err.Error(), "QUERY_WAS_CANCELLED") {
		fmt.Fprintf(os.Stderr, "leadgate clickhouse: %v\n", err)
		return exitEngine
	}
	return 0
}

// dieWith ends the process when f does. Inserts that the engine confirmed are
// safe by then, so there is nothing to wait for.
func dieWith(f *os.File) {
	_, _ = io.Copy(io.Discard, f)
	_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
}

// engineLibrary is the part of the C interface that is used, see
// https://github.com/chdb-io/chdb/blob/main/programs/local/chdb.h.
type engineLibrary struct {
	query       func(argc int32, argv unsafe.Pointer) unsafe.Pointer
	resultError func(result unsafe.Pointer) string
}

func loadEngine(path string) (*engineLibrary, error) {
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", path, err)
	}
	var engine engineLibrary
	for name, function := range map[string]any{
		"chdb_query_cmdline": &engine.query,
		"chdb_result_error":  &engine.resultError,
	} {
		address, err := purego.Dlsym(handle, name)
		if err != nil {
			return nil, fmt.Errorf("load %s: not an engine library of a version we know: %w", path, err)
		}
		purego.RegisterFunc(function, address)
	}
	return &engine, nil
}

// run calls the engine like its command line and returns when it ends.
func (e *engineLibrary) run(args []string) error {
	argv := make([]*byte, len(args)+1)
	for i, arg := range args {
		text := append([]byte(arg), 0)
		argv[i] = &text[0]
	}
	var pin runtime.Pinner
	defer pin.Unpin()
	for _, text := range argv[:len(args)] {
		pin.Pin(text)
	}
	pin.Pin(&argv[0])
	result := e.query(int32(len(args)), unsafe.Pointer(&argv[0]))
	if result == nil {
		return errors.New("the engine gave no result")
	}
	if text := e.resultError(result); text != "" {
		return errors.New(strings.TrimSpace(text))
	}
	return nil
}
