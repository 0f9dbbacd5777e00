//go:build proof

package main

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/drain"
	"github.com/leadgate/leadgate/ingest/journal"
	"github.com/leadgate/leadgate/ingest/pending"
)

// hooks break the gateway as the environment says; see cmd/proof/doc.go.
type hooks struct {
	crash *crasher
	disk  *diskFault // nil if none
	clock string     // file with an offset, empty for none
}

func newHooks(getenv func(string) string) (hooks, error) {
	h := hooks{crash: &crasher{left: map[string]int{}}, clock: getenv("PROOF_CLOCK_FILE")}
	var err error
	if plan := getenv("PROOF_CRASH"); plan != "" {
		if h.crash.left, err = parseCrashes(plan); err != nil {
			return h, err
		}
	}
	if plan := getenv("PROOF_FS"); plan != "" {
		if h.disk, err = parseDiskFault(plan); err != nil {
			return h, err
		}
	}
	return h, nil
}

// now is the clock of receipt, journal, drain and memory.
func (h hooks) now() time.Time {
	if h.clock == "" {
		return time.Now()
	}
	return time.Now().Add(offset(h.clock))
}

// offset reads how wrong the clock is to be. A file that is missing, or being
// written, is none.
func offset(path string) time.Duration {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	d, err := time.ParseDuration(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return d
}

// crasher kills the process at the n-th passing of a point.
type crasher struct {
	mu   sync.Mutex
	left map[string]int
}

func parseCrashes(plan string) (map[string]int, error) {
	left := map[string]int{}
	for part := range strings.SplitSeq(plan, ",") {
		point, n, ok := strings.Cut(part, ":")
		hits, err := strconv.Atoi(n)
		if !ok || err != nil || hits < 1 {
			return nil, fmt.Errorf("PROOF_CRASH: not point:n (got %q)", part)
		}
		left[point] = hits
	}
	return left, nil
}

func (c *crasher) at(point string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := c.left[point]; n > 0 {
		if c.left[point] = n - 1; n == 1 {
			fmt.Fprintf(os.Stderr, "proof: crash at %s\n", point)
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // nothing more is done by this goroutine, nor under the lock
		}
	}
}

// diskFault makes writes or fsyncs of segments fail.
type diskFault struct {
	operation string // write or sync
	err       error
	mu        sync.Mutex
	after     int // that many work
	times     int // then that many fail; negative: for ever
}

func parseDiskFault(plan string) (*diskFault, error) {
	d := &diskFault{times: -1}
	for i, part := range strings.Split(plan, ":") {
		name, value, _ := strings.Cut(part, "=")
		n, err := strconv.Atoi(cmp.Or(value, "0"))
		switch {
		case i == 0 && (part == "write" || part == "sync"):
			d.operation = part
		case i == 1 && part == "EIO":
			d.err = syscall.EIO
		case i == 1 && part == "ENOSPC":
			d.err = syscall.ENOSPC
		case i > 1 && err == nil && name == "after":
			d.after = n
		case i > 1 && err == nil && name == "for":
			d.times = n
		default:
			return nil, fmt.Errorf("PROOF_FS: not like write:EIO:after=3 or write:ENOSPC:after=3:for=2 (got %q)", plan)
		}
	}
	if d.err == nil {
		return nil, fmt.Errorf("PROOF_FS: no error named (got %q)", plan)
	}
	return d, nil
}

// fails returns the error that the operation is to have, nil mostly.
func (d *diskFault) fails(operation string) error {
	if d == nil || operation != d.operation {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.after > 0:
		d.after--
		return nil
	case d.times == 0:
		return nil
	case d.times > 0:
		d.times--
	}
	return d.err
}

func (h hooks) journal(o journal.Options) journal.Options {
	o.Now, o.Hook = h.now, h.crash.at
	o.OpenFile = func(path string, flag int, perm fs.FileMode) (journal.File, error) {
		file, err := os.OpenFile(path, flag, perm)
		if err != nil {
			return nil, err
		}
		return &brittleFile{File: file, hooks: h, name: fileKind(path)}, nil
	}
	return o
}

// fileKind is the name of a journal's file in the names of points.
func fileKind(path string) string {
	switch base := filepath.Base(path); {
	case strings.HasPrefix(base, "commit"):
		return "pointer"
	case strings.HasSuffix(base, ".torn"):
		return "torn"
	default:
		return "journal"
	}
}

// brittleFile is a journal's file that fails where it is told to. Its points
// are journal.write.before and so on; those of a segment's header are
// journal.header.….
type brittleFile struct {
	*os.File
	hooks hooks
	name  string
}

// WriteAt implements io.WriterAt.
func (f *brittleFile) WriteAt(p []byte, offset int64) (int, error) {
	operation := ".write"
	if f.name == "journal" {
		if offset == 0 {
			operation = ".header"
		} else if err := f.hooks.disk.fails("write"); err != nil {
			return 0, &os.PathError{Op: "write", Path: f.Name(), Err: err}
		}
	}
	f.hooks.crash.at(f.name + operation + ".before")
	if half := len(p) / 2; f.hooks.crash.armed(f.name+operation+".torn") && half > 0 {
		if n, err := f.File.WriteAt(p[:half], offset); err != nil {
			return n, err
		}
		f.hooks.crash.at(f.name + operation + ".torn")
	}
	n, err := f.File.WriteAt(p, offset)
	f.hooks.crash.at(f.name + operation + ".after")
	return n, err
}

// Sync implements journal.File.
func (f *brittleFile) Sync() error {
	if f.name == "journal" {
		if err := f.hooks.disk.fails("sync"); err != nil {
			return &os.PathError{Op: "sync", Path: f.Name(), Err: err}
		}
	}
	err := f.File.Sync()
	f.hooks.crash.at(f.name + ".sync.after")
	return err
}

// Truncate implements journal.File.
func (f *brittleFile) Truncate(size int64) error {
	f.hooks.crash.at(f.name + ".truncate.before")
	err := f.File.Truncate(size)
	f.hooks.crash.at(f.name + ".truncate.after")
	return err
}

// armed tells whether a point is in the plan.
func (c *crasher) armed(point string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.left[point] > 0
}

func (h hooks) drain(o drain.Options) drain.Options {
	o.Now = h.now
	o.Log = brittleLog{o.Log, h.crash}
	o.Deduper = brittleDeduper{o.Deduper, h.crash}
	o.Sink = brittleSink{o.Sink, h.crash}
	if join := o.Join; join != nil {
		o.Join = func(ctx context.Context, id string) (drain.Joined, error) {
			joined, err := join(ctx, id)
			return brittleJoined{joined, h.crash}, err
		}
	}
	return o
}

func (h hooks) pending(o pending.StoreOptions) pending.StoreOptions {
	o.Now, o.Hook = h.now, h.crash.at
	return o
}

func (h hooks) inserted(table string) {
	h.crash.at("drain.inserted")
	h.crash.at("drain.inserted." + table)
}

type brittleLog struct {
	drain.Log
	crash *crasher
}

// Commit implements drain.Log.
func (l brittleLog) Commit(ctx context.Context, upTo ingest.Position) error {
	l.crash.at("drain.commit.before")
	err := l.Log.Commit(ctx, upTo)
	l.crash.at("drain.commit.after")
	return err
}

type brittleDeduper struct {
	drain.Deduper
	crash *crasher
}

// Claim implements drain.Deduper.
func (d brittleDeduper) Claim(ctx context.Context, events []ingest.Event) ([]ingest.Claim, error) {
	d.crash.at("drain.claim.before")
	claims, err := d.Deduper.Claim(ctx, events)
	d.crash.at("drain.claim.after")
	return claims, err
}

type brittleSink struct {
	drain.Sink
	crash *crasher
}

// Write implements drain.Sink.
func (s brittleSink) Write(ctx context.Context, batch ingest.Batch) error {
	s.crash.at("drain.insert.before")
	err := s.Sink.Write(ctx, batch)
	s.crash.at("drain.insert.after")
	return err
}

type brittleJoined struct {
	drain.Joined
	crash *crasher
}

// Append implements drain.Joined.
func (j brittleJoined) Append(batch ingest.Batch) error {
	err := j.Joined.Append(batch)
	j.crash.at("drain.join.appended")
	return err
}

// Commit implements drain.Joined.
func (j brittleJoined) Commit() error {
	j.crash.at("drain.insert.before")
	err := j.Joined.Commit()
	j.crash.at("drain.insert.after")
	return err
}
