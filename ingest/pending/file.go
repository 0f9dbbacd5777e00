package pending

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// scan calls good for every whole line of the file, with its place, and bad for
// the others. It returns where they end; what is behind that is a torn line.
func scan(file io.Reader, good func(l line, at int64, length int), bad func(text []byte)) (int64, error) {
	r := bufio.NewReaderSize(file, maxLine)
	var at int64
	for {
		text, err := r.ReadSlice('\n')
		length := len(text)
		switch {
		case err == nil:
			if l, wrong := parseLine(text[:length-1]); wrong != nil {
				bad(text[:length-1])
			} else {
				good(l, at, length)
			}
		case errors.Is(err, bufio.ErrBufferFull): // a part of a damaged one
			bad(text)
		case errors.Is(err, io.EOF):
			return at, nil
		default:
			return at, err
		}
		at += int64(length)
	}
}

// write appends lines, and takes them into the index once they are written; if
// sync, once they are on disk. Callers hold mu.
func (s *Store) write(sync bool, lines ...line) error {
	if s.closed {
		return os.ErrClosed
	}
	if s.broken {
		if err := s.rewrite(); err != nil {
			return err
		}
	}
	var buf []byte
	ends := make([]int, len(lines))
	for i, l := range lines {
		var err error
		if buf, err = appendLine(buf, l); err != nil {
			return err
		}
		ends[i] = len(buf)
	}
	if _, err := s.file.WriteAt(buf, s.size); err != nil {
		s.broken = true
		return err
	}
	s.opts.Hook("pending.write.after")
	if sync {
		if err := s.file.Sync(); err != nil {
			s.broken = true
			return err
		}
	}
	from := 0
	for i, l := range lines {
		s.apply(l, s.size+int64(from), ends[i]-from)
		from = ends[i]
	}
	s.size += int64(len(buf))
	return s.compact()
}

// read returns a task's latest state. Callers hold mu.
func (s *Store) read(e *entry) (Task, error) {
	text, err := s.raw(e)
	if err != nil {
		return Task{}, err
	}
	l, err := parseLine(text[:len(text)-1])
	if err == nil && (l.Task == nil || l.Task.ID != e.id) {
		err = errLine
	}
	if err != nil {
		return Task{}, err
	}
	return *l.Task, nil
}

func (s *Store) raw(e *entry) ([]byte, error) {
	text := make([]byte, e.length)
	_, err := s.file.ReadAt(text, e.at)
	return text, err
}

// leastGarbage is worth no rewriting, in bytes.
const leastGarbage = 1 << 20

// compact writes the file anew if most of it is outdated. That it fails is no
// harm to what is in the file. Callers hold mu.
func (s *Store) compact() error {
	if s.garbage < leastGarbage || s.garbage < s.size/2 {
		return nil
	}
	if err := s.rewrite(); err != nil {
		s.opts.Logger.Warn("the file of pending work could not be written anew; it grows until it can", "err", err)
	}
	return nil
}

// rewrite replaces the file by one that holds the latest states alone. After any
// crash there is the old one or the new one. Callers hold mu.
func (s *Store) rewrite() error {
	entries := make([]*entry, 0, len(s.tasks))
	for _, e := range s.tasks {
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b *entry) int { return cmp.Compare(a.at, b.at) })
	temporary := s.path() + ".tmp"
	file, err := os.OpenFile(temporary, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("rewrite pending work: %w", err)
	}
	places, size, err := s.copyTo(file, entries)
	if err == nil {
		err = file.Sync()
	}
	s.opts.Hook("pending.rewrite.before")
	if err == nil {
		err = os.Rename(temporary, s.path())
	}
	if err != nil {
		return errors.Join(fmt.Errorf("rewrite pending work: %w", err), file.Close())
	}
	s.opts.Hook("pending.rewrite.between")
	_ = s.file.Close() // replaced
	for i, e := range entries {
		if e.at = places[i]; e.at < 0 {
			s.drop(e.id)
		}
	}
	s.file, s.size, s.garbage = file, size, 0
	err = syncDir(s.opts.Dir)
	s.broken = err != nil
	return err
}

// copyTo writes the states of sources and the entries, and returns where these
// stand: -1 for one that cannot be read any more.
func (s *Store) copyTo(file *os.File, entries []*entry) (places []int64, size int64, err error) {
	w := bufio.NewWriterSize(file, 1<<16)
	for source, known := range s.states {
		text, err := appendLine(nil, line{Source: &known.SourceState})
		if err != nil {
			return nil, 0, err
		}
		known.length = len(text)
		s.states[source] = known
		size += int64(len(text))
		_, _ = w.Write(text) // Flush tells
	}
	places = make([]int64, len(entries))
	for i, e := range entries {
		text, err := s.raw(e)
		if err != nil {
			s.opts.Logger.Error("pending work cannot be read and is given up; replay its delivery to ask again", "event", e.id, "err", err)
			places[i] = -1
			continue
		}
		places[i] = size
		size += int64(len(text))
		_, _ = w.Write(text) // Flush tells
	}
	return places, size, w.Flush()
}

// damaged keeps damaged lines in a file of its own.
type damaged struct {
	path  string
	lines int
	file  *os.File
	err   error
}

func (d *damaged) keep(text []byte) {
	if d.lines++; d.file == nil && d.err == nil {
		d.file, d.err = os.OpenFile(d.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	}
	if d.err == nil {
		_, d.err = d.file.Write(append(slices.Clone(text), '\n'))
	}
}

func (d *damaged) close() error {
	if d.file == nil {
		return d.err
	}
	return errors.Join(d.err, d.file.Sync(), d.file.Close())
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return nil
}
