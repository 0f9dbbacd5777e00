package embedded

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Isolation is how the engine's port is kept from the other users of the
// machine.
type Isolation string

// The ways of isolation, the best first.
const (
	// NetworkNamespace: the engine is alone in a network namespace. It takes root
	// with CAP_SYS_ADMIN.
	NetworkNamespace Isolation = "network namespace"
	// UserNamespace: the same, made by an unprivileged user by way of a user
	// namespace.
	UserNamespace Isolation = "user and network namespace"
	// RestrictedPort: every local user can connect to the engine's port, and only
	// the engine's own users and their passwords keep strangers out.
	RestrictedPort Isolation = "restricted port"
)

// waysFor returns the ways that may work for this process on a directory, the
// best first. Root within a user namespace cannot read what others own.
func waysFor(dir string) []Isolation {
	var ways []Isolation
	if namespaces && os.Geteuid() == 0 {
		ways = append(ways, NetworkNamespace)
	}
	if namespaces && owned(dir) {
		ways = append(ways, UserNamespace)
	}
	return append(ways, RestrictedPort)
}

// protection is what keeps others from the engine and the engine from our files.
type protection struct {
	ways []Isolation // those not refused yet; the first is in use
	// refused is why a better way than ways[0] is not in use; nil if it is the best.
	refused error
	// unconfined is why the engine can read every file that we can; nil if it
	// cannot.
	unconfined error
}

// adapt looks at how a child failed and reports whether another way is worth a
// try: where the kernel refuses namespaces or the confinement to files.
func (p *protection) adapt(err error, child *exec.Cmd) bool {
	code := -1
	if child.ProcessState != nil {
		code = child.ProcessState.ExitCode()
	}
	switch {
	case code == exitConfinement && p.unconfined == nil:
		p.unconfined = err
		return true
	case len(p.ways) < 2, code != exitNamespace && child.Process != nil, errors.Is(err, os.ErrNotExist):
		return false
	}
	p.refused = fmt.Errorf("no %s: %w", p.ways[0], err)
	p.ways = p.ways[1:]
	return true
}

// Protection says how a running engine is kept from the other users of the
// machine, and the gateway's files from the engine.
type Protection struct {
	Isolation Isolation `json:"isolation"`
	// Restricted is why other local users can connect to the engine's port, although
	// they are refused there; empty if they cannot.
	Restricted string `json:"restricted,omitempty"`
	// Unconfined is why the engine may read files besides its own; empty if the
	// kernel keeps it from them.
	Unconfined string `json:"unconfined,omitempty"`
}

// Protection is that of the engine at this moment.
func (e *Engine) Protection() Protection {
	e.mu.Lock()
	defer e.mu.Unlock()
	p := Protection{Isolation: e.protection.ways[0]}
	switch {
	case p.Isolation == RestrictedPort && e.protection.refused == nil:
		p.Restricted = "no namespaces on this system"
	case p.Isolation == RestrictedPort:
		p.Restricted = e.protection.refused.Error()
	}
	if e.protection.unconfined != nil {
		p.Unconfined = e.protection.unconfined.Error()
	}
	return p
}

// warn logs what protection there is not.
func (e *Engine) warn() {
	p := e.Protection()
	if p.Restricted != "" {
		e.opts.Log.Warn("engine: other local users can connect to its port, where they are refused; allow network namespaces to close it to them", "err", p.Restricted)
	}
	if p.Unconfined != "" {
		e.opts.Log.Warn("engine: the kernel does not confine it to its own files; that takes Linux 5.19 or newer with Landlock", "err", p.Unconfined)
	}
}

// homeDir is where the engine's shell has its history.
func homeDir(dir string) string { return filepath.Join(dir, "home") }
