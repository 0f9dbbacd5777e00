package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/leadgate/leadgate/ingest/edge"
)

// bodyMemory is what request bodies may take together, in bytes: what is
// configured, else a quarter of the machine's memory, at most
// edge.DefaultBodyMemory, and what the largest body needs.
func (s *Settings) bodyMemory() int64 {
	if s.HTTP.BodyMemory > 0 {
		return int64(s.HTTP.BodyMemory)
	}
	memory := int64(edge.DefaultBodyMemory)
	if have := machineMemory("/sys/fs/cgroup"); have > 0 {
		memory = min(memory, have/4)
	}
	return max(memory, edge.LeastBodyMemory(s.largestBody()))
}

// checkBodyMemory reports a configured size that the largest body does not fit in.
func (s *Settings) checkBodyMemory(problems *Problems) {
	if least := edge.LeastBodyMemory(s.largestBody()); s.HTTP.BodyMemory > 0 && int64(s.HTTP.BodyMemory) < least {
		problems.add("http.body_memory", "must be 0 (the default) or at least %v, four times the largest body that a source takes (got %v)",
			Bytes(least), s.HTTP.BodyMemory)
	}
	if s.HTTP.ConnectionsPerAddress < 1 {
		problems.add("http.connections_per_address", "must be at least 1 (got %d)", s.HTTP.ConnectionsPerAddress)
	}
}

// machineMemory is how much memory this process may use, in bytes: the machine's, or
// less if its control group (version 2, at root) has less; 0 if that is not known.
func machineMemory(root string) int64 {
	var have int64
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		have = int64(info.Totalram) * int64(info.Unit)
	}
	group, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return have
	}
	for line := range bytes.Lines(group) {
		path, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte("0::"))
		if !ok {
			continue
		}
		for dir := string(path); ; dir = filepath.Dir(dir) { // those above bound it too
			text, err := os.ReadFile(filepath.Join(root, dir, "memory.max"))
			if limit, notNumber := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64); err == nil && notNumber == nil && limit > 0 && (have == 0 || limit < have) {
				have = limit
			}
			if dir == "/" || dir == "." {
				break
			}
		}
	}
	return have
}

// fewFiles is the limit of open files below which a flood of connections keeps
// others out, before http.connections_per_address does.
const fewFiles = 8192

// openFiles reports how many files this process may have open, and whether that is
// few. Go raises the soft limit to the hard one at the start.
func openFiles() (limit uint64, few bool) {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &l) != nil {
		return 0, false
	}
	return l.Max, l.Max < fewFiles
}

// filesCheck is what /readyz?verbose says of it.
func filesCheck() check {
	limit, few := openFiles()
	if !few {
		return check{Name: "open files", State: stateOK, Detail: fmt.Sprintf("at most %d", limit)}
	}
	return check{
		Name: "open files", State: stateWarning,
		Detail: fmt.Sprintf("at most %d, and each connection is one: raise the hard limit to %d or more (LimitNOFILE= of systemd, ulimit -Hn)", limit, fewFiles),
	}
}
