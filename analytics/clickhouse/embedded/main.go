package embedded

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"unsafe"

	"github.com/ebitengine/purego"
)

// Exit codes of the child.
const (
	exitEngine      = 1 // the engine failed
	exitUsage       = 2
	exitLibrary     = 3 // the library cannot be loaded
	exitNamespace   = 4 // the network namespace cannot be used
	exitConfinement = 5 // the kernel does not confine it to its files
)

// Descriptors of the child.
const (
	lifelineFd = 3 // closes when its parent ends; a byte before that asks it to stop
	socketFd   = 4 // the Unix socket, see passer
)

// Ports of the engine where nobody else is there, in a network namespace.
const (
	nativePort = 9000
	httpPort   = 8123
)

// What the engine is told at its terminal. It then serves until that is closed.
const (
	listenNative = "SYSTEM START LISTEN TCP;\n"
	listenHTTP   = "SYSTEM START LISTEN HTTP;\n"
)

// layout is where the engine's files are.
type layout struct{ library, config, data string }

// childOptions are the child's flags.
type childOptions struct {
	layout
	http      bool // serve HTTP too
	namespace bool // it is in a network namespace of its own
	prepare   bool // raise the loopback interface, if it is in a namespace
	confine   bool
}

// args are the flags, as parseArgs reads them.
func (o childOptions) args() []string {
	return []string{
		"-library=" + o.library, "-config=" + o.config, "-data=" + o.data, fmt.Sprintf("-http=%t", o.http),
		fmt.Sprintf("-namespace=%t", o.namespace), fmt.Sprintf("-prepare=%t", o.prepare), fmt.Sprintf("-confine=%t", o.confine),
	}
}

func parseArgs(args []string) (o childOptions, err error) {
	flags := flag.NewFlagSet("clickhouse", flag.ContinueOnError)
	flags.StringVar(&o.library, "library", "", "path of libchdb.so")
	flags.StringVar(&o.config, "config", "", "path of the engine's configuration")
	flags.StringVar(&o.data, "data", "", "directory of the engine's data")
	flags.BoolVar(&o.http, "http", false, "serve the HTTP interface too")
	flags.BoolVar(&o.namespace, "namespace", false, "run in the network namespace that was made for it")
	flags.BoolVar(&o.prepare, "prepare", false, "make ready what is given up before the engine is loaded")
	flags.BoolVar(&o.confine, "confine", false, "have the kernel deny all files but the engine's")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.library == "" || o.config == "" || o.data == "" {
		return o, errors.New("started by `leadgate serve` for itself; to use the store, see `leadgate sql`")
	}
	return o, nil
}

// Main is the child process, `leadgate clickhouse`; args are those behind that
// word. It returns the exit code when the engine has stopped. It is meant for
// a process of its own: the engine is never unloaded.
func Main(args []string) int {
	o, err := parseArgs(args)
	if err != nil {
		return failed(exitUsage, err)
	}
	if o.prepare {
		return prepare(o)
	}
	syscall.Umask(0o077)
	// A core of half a GiB, with contacts and passwords in it, would outlive what
	// is erased. One that cannot be forbidden is no reason not to start.
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
	signal.Ignore(syscall.SIGPIPE, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP) // our parent stops us, in its own order
	engine, err := loadEngine(o.library)
	if err != nil {
		return failed(exitLibrary, err)
	}
	terminal, err := openTerminal()
	if err != nil {
		return failed(exitEngine, err)
	}
	var stopping atomic.Bool
	go obey(os.NewFile(lifelineFd, "lifeline"), func() {
		stopping.Store(true)
		_ = terminal.Close()
	})
	ports, err := o.ports()
	if err != nil {
		return failed(exitEngine, err)
	}
	if err := servePorts(ports, &stopping); err != nil {
		return failed(exitEngine, err)
	}
	statements := listenNative
	if o.http {
		statements += listenHTTP
	}
	if _, err := terminal.WriteString(statements); err != nil {
		return failed(exitEngine, err)
	}
	args = []string{"clickhouse-local", "--config-file=" + o.config, "--path=" + o.data, "--listen_host=127.0.0.1", "--disable_suggestion",
		fmt.Sprintf("--tcp_port=%d", ports[nativeProtocol])}
	if o.http {
		args = append(args, fmt.Sprintf("--http_port=%d", ports[httpProtocol]))
	}
	if err = engine.run(args); err == nil && !stopping.Load() {
		err = errors.New("the engine ended by itself")
	}
	if err != nil {
		return failed(exitEngine, err)
	}
	return 0
}

func failed(code int, err error) int {
	fmt.Fprintf(os.Stderr, "leadgate clickhouse: %v\n", err)
	return code
}

// What the kernel may refuse; tests have it refused.
var (
	loopbackUp  = raiseLoopback
	confineSelf = confine
)

// prepare does what takes rights that the engine must not have, gives them up and
// executes this program again: rights belong to threads, of which the engine
// starts many, and a program begins with one. It returns only if it fails.
func prepare(o childOptions) int {
	runtime.LockOSThread()
	if o.namespace {
		if err := loopbackUp(); err != nil {
			return failed(exitNamespace, err)
		}
	}
	if err := shed(); err != nil {
		return failed(exitNamespace, err)
	}
	if o.confine {
		if err := confineSelf(o.layout); err != nil {
			return failed(exitConfinement, err)
		}
	}
	o.prepare = false
	program, err := ownProgram()
	if err != nil {
		return failed(exitEngine, err)
	}
	// The words before the flags, which brought us here, stay as they are.
	words := slices.Clone(os.Args[:len(os.Args)-len(o.args())])
	return failed(exitEngine, syscall.Exec(program, append(words, o.args()...), os.Environ())) //nolint:gosec // ourselves, with our own arguments
}

// ports are those that the engine is to listen on: in a namespace always the
// same, elsewhere free ones.
func (o childOptions) ports() (map[byte]int, error) {
	ports := map[byte]int{nativeProtocol: nativePort}
	if o.http {
		ports[httpProtocol] = httpPort
	}
	if o.namespace {
		return ports, nil
	}
	for protocol := range ports {
		l, err := listen(loopback(0))
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }() // after all are found, so that they differ
		ports[protocol] = portOf(l)
	}
	return ports, nil
}

// servePorts has connections to the engine passed to those who ask for them, from
// when it listens.
func servePorts(ports map[byte]int, stopping *atomic.Bool) error {
	file := os.NewFile(socketFd, "socket")
	defer func() { _ = file.Close() }()
	l, err := net.FileListener(file)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	p := &passer{listener: l.(*net.UnixListener), ports: ports, deaf: func(err error) {
		if !stopping.Load() {
			os.Exit(failed(exitEngine, fmt.Errorf("the engine does not listen any more: %w", err)))
		}
	}}
	go p.run()
	return nil
}

// obey calls stop when f has a byte, and ends the process when f does. Inserts
// that the engine confirmed are safe by then, so there is nothing to wait for.
func obey(f *os.File, stop func()) {
	if n, _ := f.Read(make([]byte, 1)); n > 0 {
		stop()
		_, _ = io.Copy(io.Discard, f)
	}
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
