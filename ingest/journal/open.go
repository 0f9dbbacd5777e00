package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/gofrs/flock"

	"github.com/leadgate/leadgate/ingest"
)

const lockName = "lock"

// Open opens the log in Options.Dir, or makes it. It takes an exclusive lock on
// the directory (ErrLocked), moves a tail that a crash cut short aside, and
// goes on in a new segment. Damage does not stop it; what does is a directory
// that cannot be written and a log of another format version.
//
// It reads the last segment whole and the headers of the others.
func Open(options Options) (*Log, error) {
	opts, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := makeDir(&opts); err != nil {
		return nil, err
	}
	opts.fitSegments()
	lock := flock.New(filepath.Join(opts.Dir, lockName), flock.SetPermissions(fileMode))
	locked, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock journal %s: %w; see that this user may write there", opts.Dir, err)
	}
	if !locked {
		return nil, fmt.Errorf("journal %s: %w", opts.Dir, ErrLocked)
	}
	l := &Log{
		opts:    opts,
		lock:    lock,
		wake:    make(chan struct{}, 1),
		done:    make(chan struct{}),
		pending: newBatch(nil),
		damage:  make(map[ingest.Position]struct{}),
	}
	if err := l.load(); err != nil {
		if l.file != nil {
			_ = l.file.Close() // the first error is the one to tell
		}
		_ = lock.Unlock()
		return nil, fmt.Errorf("open journal %s: %w", opts.Dir, err)
	}
	l.askDisk()
	go l.run()
	return l, nil
}

func makeDir(opts *Options) error {
	info, err := os.Stat(opts.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeDirs(opts.Dir); err != nil {
			return fmt.Errorf("make journal directory: %w; make it by hand or set another data_dir", err)
		}
		return nil
	}
	switch {
	case err != nil:
		return fmt.Errorf("journal directory: %w", err)
	case !info.IsDir():
		return fmt.Errorf("journal directory %s is a file; set another data_dir", opts.Dir)
	case info.Mode().Perm()&0o077 != 0:
		opts.Log.Warn("journal directory can be entered by other users; its files cannot be read by them",
			"dir", opts.Dir, "mode", info.Mode().Perm().String())
	}
	return nil
}

// makeDirs is os.MkdirAll, made durable: an fsync of a file does not keep the
// directories above it.
func makeDirs(dir string) error {
	err := os.Mkdir(dir, dirMode)
	if parent := filepath.Dir(dir); errors.Is(err, fs.ErrNotExist) && parent != dir {
		if err := makeDirs(parent); err != nil {
			return err
		}
		err = os.Mkdir(dir, dirMode)
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(dir))
}

// load brings the log to the state that the directory shows.
func (l *Log) load() error {
	m, pointerErr := readPointer(l.opts.Dir)
	if pointerErr != nil && !errors.Is(pointerErr, fs.ErrNotExist) && !errors.Is(pointerErr, errPointer) {
		return pointerErr
	}
	found, err := survey(l.opts.Dir, m.key)
	if err != nil {
		return err
	}
	if l.segments, l.key = found.segments, found.key; l.key == 0 {
		if l.key, err = newKey(l.opts.Random); err != nil {
			return err
		}
	}
	if pointerErr != nil {
		m = mark{key: l.key}
		if len(l.segments) > 0 {
			l.opts.Log.Error("journal's commit pointer is lost; all that is kept is read again, which counts nothing twice",
				"dir", l.opts.Dir, "err", pointerErr)
		}
	}
	l.committed = m.position
	for _, s := range l.segments {
		if s.key == 0 {
			s.key = l.key
		}
	}
	for _, damage := range found.damage {
		if !l.unborn(damage) {
			l.noteDamage(damage, 0)
		}
	}
	l.noteGaps()
	if err := l.mend(); err != nil {
		return err
	}
	if err := l.start(); err != nil {
		return err
	}
	if l.committed == (ingest.Position{}) {
		l.committed = ingest.Position{Segment: l.segments[0].number, Offset: headerSize}
	}
	m.position, m.key = l.committed, l.key
	if l.pointer, err = openPointer(&l.opts, m, pointerErr); err != nil {
		return err
	}
	l.oldest, _ = l.timeAt(l.committed)
	return nil
}

// inventory is what a directory holds.
type inventory struct {
	key      key
	segments []*segment
	damage   []error // of headers
}

// survey lists a directory's segments and reads their headers. known is the
// key as the commit pointer tells it, or 0.
func survey(dir string, known key) (inventory, error) {
	found := inventory{key: known}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return found, err
	}
	aside := make(map[uint64]int64)
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			return found, err
		}
		if number, ok := parseName(entry.Name(), tornSuffix); ok {
			aside[number] = info.Size()
		}
		if number, ok := parseName(entry.Name(), segmentSuffix); ok {
			s := &segment{number: number, size: info.Size()}
			if err := readHeader(dir, s); isCorrupt(err) {
				found.damage = append(found.damage, err)
			} else if err != nil {
				return found, err
			} else if found.key == 0 {
				found.key = s.key
			}
			found.segments = append(found.segments, s)
		}
	}
	slices.SortFunc(found.segments, func(a, b *segment) int {
		if a.number < b.number {
			return -1
		}
		return 1
	})
	for _, s := range found.segments {
		s.aside = aside[s.number]
		if s.key == 0 {
			s.key = found.key
		}
	}
	return found, nil
}

// readHeader fills in what a segment's header says. Errors: *CorruptError, or
// errVersion and those of the file system.
func readHeader(dir string, s *segment) error {
	path := segmentPath(dir, s.number)
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	text := make([]byte, headerSize)
	fault, err := readPatched(file, text, 0)
	if err != nil {
		return err
	}
	h, err := parseHeader(text)
	switch {
	case errors.Is(err, errVersion):
		return fmt.Errorf("%s: %w; open it with the program that wrote it", path, err)
	case err == nil && h.number != s.number:
		err = fmt.Errorf("%w: it says segment %d", errHeader, h.number)
		fallthrough
	case err != nil:
		return &CorruptError{Segment: s.number, Err: errors.Join(err, fault)}
	}
	s.key, s.created = h.key, h.created
	return nil
}

// noteGaps reports segments that are missing behind the commit pointer.
func (l *Log) noteGaps() {
	for i, s := range l.segments {
		expected := l.committed.Segment
		if i > 0 {
			expected = max(expected, l.segments[i-1].number+1)
		}
		if expected > 0 && s.number > expected {
			l.noteDamage(&CorruptError{Segment: expected, Err: errMissing}, 0)
		}
	}
	if n := len(l.segments); n > 0 && l.segments[n-1].number < l.committed.Segment || n == 0 && l.committed.Segment > 0 {
		l.noteDamage(&CorruptError{Segment: l.committed.Segment, Err: errMissing}, 0)
	}
}

// reusable returns the last segment if it never held a record: a process ended
// before it wrote one.
func (l *Log) reusable() *segment {
	if len(l.segments) == 0 {
		return nil
	}
	s := l.active()
	start := ingest.Position{Segment: s.number, Offset: headerSize}
	if s.size > headerSize || start.Less(l.committed) {
		return nil
	}
	return s
}

// unborn tells whether a header is bad because a crash interrupted the making
// of the last segment.
func (l *Log) unborn(damage error) bool {
	var corrupt *CorruptError
	s := l.reusable()
	return s != nil && errors.As(damage, &corrupt) && corrupt.Segment == s.number
}

// start makes the segment that the log goes on in. A last segment without
// records is made anew.
func (l *Log) start() error {
	number, aside := l.committed.Segment+1, int64(0)
	if n := len(l.segments); n > 0 {
		number = max(number, l.segments[n-1].number+1)
		if s := l.reusable(); s != nil {
			number, aside = s.number, s.aside
			if s.size < headerSize {
				l.opts.Log.Warn("journal's last segment has no whole header, as after a crash; it is made anew",
					"dir", l.opts.Dir, "segment", number, "bytes", s.size)
			}
			l.segments = l.segments[:n-1]
		}
	}
	next := &segment{number: number, key: l.key, created: l.now(), sound: true, aside: aside}
	l.current = next
	l.segments = append(l.segments, next)
	var err error
	if l.file, err = l.create(next); err != nil {
		return fmt.Errorf("%w; see that the disk has room and that this user may write there", err)
	}
	for _, s := range l.segments {
		l.bytes += s.size + s.aside
	}
	return nil
}

// mend moves a tail that no record follows out of the last segment. What went
// before stays; so does damage with whole records behind it, for it is no
// write that a crash cut short.
func (l *Log) mend() error {
	if len(l.segments) == 0 {
		return nil
	}
	s := l.segments[len(l.segments)-1]
	if s.size <= headerSize {
		return nil // made anew by start
	}
	path := segmentPath(l.opts.Dir, s.number)
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	scan := &scanner{file: file, segment: s.number, key: s.key, offset: headerSize, limit: s.size, chunk: readChunk, recycle: true}
	records, whole := 0, int64(headerSize)
	for {
		f, err := scan.next()
		switch {
		case err == nil:
			records, whole, s.lastWrite = records+1, f.end, f.at
			continue
		case errors.Is(err, io.EOF):
			return nil
		case !isCorrupt(err):
			return err
		}
		damaged := scan.offset
		found, syncErr := scan.resync()
		switch {
		case syncErr != nil:
			return syncErr
		case found:
			l.noteDamage(err, scan.offset-damaged)
			continue
		case s.keep && records == 0:
			return nil // neither header nor record: nothing here was a tail
		}
		return l.cutTail(s, file, path, whole, records, err)
	}
}

// cutTail moves what stands behind whole into the segment's .torn file.
func (l *Log) cutTail(s *segment, file *os.File, path string, whole int64, records int, cause error) error {
	torn := make([]byte, s.size-whole)
	if _, err := readPatched(file, torn, whole); err != nil {
		return err
	}
	aside, err := l.opts.OpenFile(tornPath(l.opts.Dir, s.number), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, fileMode)
	if err != nil {
		return fmt.Errorf("put torn tail aside: %w", err)
	}
	err = writeAll(aside, torn, 0)
	if err == nil {
		err = aside.Sync()
	}
	if closeErr := aside.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = syncDir(l.opts.Dir)
	}
	if err != nil {
		return fmt.Errorf("put torn tail aside: %w", err)
	}
	tail, err := l.opts.OpenFile(path, os.O_WRONLY, fileMode)
	if err != nil {
		return fmt.Errorf("cut torn tail: %w", err)
	}
	if err = tail.Truncate(whole); err == nil {
		err = tail.Sync()
	}
	if closeErr := tail.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("cut torn tail: %w", err)
	}
	s.size, s.aside = whole, int64(len(torn))
	l.opts.Log.Warn("journal's tail was torn, by a crash before it was acknowledged or by damage; its bytes are put aside",
		"dir", l.opts.Dir, "segment", s.number, "offset", whole, "bytes", len(torn), "records_before", records, "err", cause)
	return nil
}
