package embedded

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

const namespaces = true

// owned reports whether a directory is this user's own.
func owned(dir string) bool {
	var stat unix.Stat_t
	return unix.Stat(dir, &stat) == nil && int(stat.Uid) == os.Geteuid()
}

// childAttr has the kernel make the child's namespaces, and kill it when the
// thread that started it ends; see (*Engine).spawn, which keeps that thread. In a
// user namespace the one capability that raiseLoopback needs has to be ambient: a
// user other than 0 loses the others when it executes a program, see
// capabilities(7).
func childAttr(way Isolation) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	switch way {
	case NetworkNamespace:
		attr.Cloneflags = unix.CLONE_NEWNET
	case UserNamespace:
		attr.Cloneflags = unix.CLONE_NEWNET | unix.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Geteuid(), HostID: os.Geteuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getegid(), HostID: os.Getegid(), Size: 1}}
		attr.AmbientCaps = []uintptr{unix.CAP_NET_ADMIN}
	}
	return attr
}

// niceness of the engine: where processors are short, intake comes first and
// merges wait.
const niceness = 5

// standBack lowers the priority of the calling thread, and so that of the
// children it starts. It is no loss if the kernel refuses.
func standBack() { _ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, niceness) }

// raiseLoopback brings up lo in a new network namespace, see netdevice(7). The
// address 127.0.0.1 comes by itself.
func raiseLoopback() error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("loopback interface: %w", err)
	}
	defer func() { _ = unix.Close(socket) }()
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(socket, unix.SIOCGIFFLAGS, lo); err != nil {
		return fmt.Errorf("loopback interface: %w", err)
	}
	lo.SetUint16(lo.Uint16() | unix.IFF_UP)
	if err := unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, lo); err != nil {
		return fmt.Errorf("loopback interface: %w", err)
	}
	return nil
}

// engineCapabilities are what the engine may have of root's: over the files that
// it shares with root's other processes.
var engineCapabilities = map[uintptr]bool{
	unix.CAP_CHOWN: true, unix.CAP_DAC_OVERRIDE: true, unix.CAP_DAC_READ_SEARCH: true, unix.CAP_FOWNER: true,
}

// shed has the calling thread give up the capabilities that the engine must not
// have; they are gone with the next program that it executes.
func shed() error {
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("ambient capabilities: %w", err)
	}
	for c := uintptr(0); c <= unix.CAP_LAST_CAP; c++ {
		if !engineCapabilities[c] {
			// A kernel refuses those that it does not know, and all where we have no
			// right to: then there is nothing to give up either.
			_ = unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0)
		}
	}
	return nil
}

// throughDirectory returns a short path for one that is too long for a socket
// address (108 bytes with the final 0, unix(7)): that of its opened directory. It
// is good until release is called.
func throughDirectory(path string) (short string, release func(), err error) {
	dir, err := unix.Open(filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", nil, &os.PathError{Op: "open", Path: filepath.Dir(path), Err: err}
	}
	return filepath.Join("/proc/self/fd", strconv.Itoa(dir), filepath.Base(path)), func() { _ = unix.Close(dir) }, nil
}

// ownProgram is this program, also when another has taken its place on disk.
func ownProgram() (string, error) { return "/proc/self/exe", nil }
