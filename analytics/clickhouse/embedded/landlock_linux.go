package embedded

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Rights over files, https://docs.kernel.org/userspace-api/landlock.html. What is
// not named here is not restricted: to execute, and to truncate.
const (
	mayRead  = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	mayWrite = unix.LANDLOCK_ACCESS_FS_WRITE_FILE
	mayMake  = unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_MAKE_SYM |
		unix.LANDLOCK_ACCESS_FS_MAKE_FIFO | unix.LANDLOCK_ACCESS_FS_MAKE_SOCK | unix.LANDLOCK_ACCESS_FS_MAKE_CHAR |
		unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR |
		unix.LANDLOCK_ACCESS_FS_REFER
	mayDoAll = mayRead | mayWrite | mayMake
	// ofFiles are the rights that a rule about a file may name.
	ofFiles = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE
)

// confinable reports why the kernel cannot confine the engine to its files, or
// nil. Before ABI 2 a confined process can link nothing into another directory,
// which mutations do.
func confinable() error {
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return fmt.Errorf("landlock: %w", errno)
	}
	if abi < 2 {
		return fmt.Errorf("landlock: ABI %d, want 2 or newer", abi)
	}
	return nil
}

// confine keeps the calling thread, and the programs that it executes, from all
// files but those that the engine needs: its own data, the libraries, and what
// the system says of itself. The directory of the engine's configuration can only
// be written to (its logs), for it also holds our passwords.
func confine(l layout) error {
	rules := map[string]uint64{
		filepath.Dir(l.config): mayWrite | unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE,
		l.config:               mayRead, usersPath(filepath.Dir(l.config)): mayRead,
		l.data: mayDoAll, homeDir(filepath.Dir(l.config)): mayDoAll,
		l.library: mayRead,
		"/proc":   mayRead, "/sys/fs/cgroup": mayRead, "/sys/devices/system": mayRead,
		"/lib": mayRead, "/lib64": mayRead, "/usr/lib": mayRead, "/usr/lib64": mayRead, "/usr/share/zoneinfo": mayRead,
		"/etc/ld.so.cache": mayRead, "/etc/localtime": mayRead, "/etc/hosts": mayRead, "/etc/host.conf": mayRead,
		"/etc/nsswitch.conf": mayRead, "/etc/resolv.conf": mayRead, "/etc/gai.conf": mayRead,
		"/dev/urandom": mayRead, "/dev/random": mayRead,
		"/dev/null": mayRead | mayWrite, "/dev/ptmx": mayRead | mayWrite, "/dev/pts": mayRead | mayWrite, "/dev/tty": mayRead | mayWrite,
	}
	if err := addLoaded(rules); err != nil {
		return err
	}
	attr := unix.LandlockRulesetAttr{Handled_access_fs: mayDoAll}
	set, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr.Handled_access_fs), 0)
	if errno != 0 {
		return fmt.Errorf("landlock: %w", errno)
	}
	defer func() { _ = unix.Close(int(set)) }()
	for path, rights := range rules {
		if err := addRule(int(set), path, rights); err != nil {
			return fmt.Errorf("landlock: %s: %w", path, err)
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("landlock: %w", err)
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, set, 0, 0); errno != 0 {
		return fmt.Errorf("landlock: %w", errno)
	}
	return nil
}

// addLoaded adds this program and the directories of the libraries that it has
// loaded: where those are depends on the system, see proc_pid_maps(5).
func addLoaded(rules map[string]uint64) error {
	executable, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return err
	}
	defer func() { _ = maps.Close() }()
	lines := bufio.NewScanner(maps)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 6 || !strings.HasPrefix(fields[5], "/") {
			continue
		}
		path := strings.Join(fields[5:], " ")
		if path != executable && strings.Contains(filepath.Base(path), ".so") {
			path = filepath.Dir(path)
		}
		if rules[path] == 0 {
			rules[path] = mayRead
		}
	}
	return lines.Err()
}

// addRule gives rights to a file or to all beneath a directory. What is not there
// needs none.
func addRule(set int, path string, rights uint64) error {
	file, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(file) }()
	var stat unix.Stat_t
	if err := unix.Fstat(file, &stat); err != nil {
		return err
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFDIR {
		rights &= ofFiles
	}
	attr := unix.LandlockPathBeneathAttr{Allowed_access: rights, Parent_fd: int32(file)}
	if _, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(set), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&attr)), 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}
