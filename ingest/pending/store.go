package pending

import (
	"container/heap"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

const (
	fileName    = "pending.log"
	damagedName = "pending.damaged"
)

// StoreOptions sets a Store up. Dir is needed; zero values of the rest mean the
// defaults.
type StoreOptions struct {
	// Dir holds the file. It belongs to this store alone.
	Dir string
	// MaxTasks bounds the memory: 500,000. Beyond it Save refuses, and what it
	// should have saved waits in the journal.
	MaxTasks int
	Now      func() time.Time
	// Hook is called at the points where a crash must do no harm.
	Hook   func(point string)
	Logger *slog.Logger
}

// Store is the durable list of tasks. It is safe for concurrent use.
type Store struct {
	opts StoreOptions

	mu      sync.Mutex
	file    *os.File
	size    int64 // of the lines that are whole
	garbage int64 // bytes of outdated ones
	broken  bool  // what is on disk is not sure: the file must be written anew
	closed  bool
	serial  uint64
	tasks   map[string]*entry
	lanes   map[string]*lane
	states  map[string]state
}

// state is what is known of a source, and how long its line is.
type state struct {
	SourceState
	length int
}

// Open opens the store in opts.Dir, which it makes if it is not there.
func Open(opts StoreOptions) (*Store, error) {
	if opts.MaxTasks <= 0 {
		opts.MaxTasks = 500_000
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Hook == nil {
		opts.Hook = func(string) {}
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(opts.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of pending work: %w", err)
	}
	s := &Store{opts: opts, tasks: map[string]*entry{}, lanes: map[string]*lane{}, states: map[string]state{}}
	var err error
	if s.file, err = os.OpenFile(s.path(), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, fmt.Errorf("open pending work: %w", err)
	}
	if err := s.load(); err != nil {
		return nil, errors.Join(err, s.file.Close())
	}
	// What is in the file is lost with its name.
	if err := errors.Join(syncDir(opts.Dir), syncDir(filepath.Dir(opts.Dir))); err != nil {
		return nil, errors.Join(err, s.file.Close())
	}
	return s, nil
}

func (s *Store) path() string { return filepath.Join(s.opts.Dir, fileName) }

// load reads the file. A torn line at its end is written over.
func (s *Store) load() error {
	aside := damaged{path: filepath.Join(s.opts.Dir, damagedName)}
	end, err := scan(s.file, s.apply, aside.keep)
	if err = errors.Join(err, aside.close()); err != nil {
		return fmt.Errorf("read pending work: %w", err)
	}
	s.size = end
	if err := s.file.Truncate(end); err != nil {
		return fmt.Errorf("cut a torn line off pending work: %w", err)
	}
	if aside.lines == 0 {
		return s.compact()
	}
	s.opts.Logger.Error("lines of pending work are damaged and set aside; what they stood for is asked for again when "+
		"its deliveries are replayed (leadgate deliveries replay)", "lines", aside.lines, "file", aside.path)
	if err := s.rewrite(); err != nil {
		s.opts.Logger.Warn("the damaged lines of pending work stay where they are", "err", err)
	}
	return nil
}

// apply takes a line of the file into the index. Callers hold mu, or are Open.
func (s *Store) apply(l line, at int64, length int) {
	switch {
	case l.Task != nil:
		s.put(l.Task, at, length)
	case l.Source != nil:
		s.garbage += int64(s.states[l.Source.Source].length)
		s.states[l.Source.Source] = state{*l.Source, length}
	default:
		s.garbage += int64(length)
		s.drop(l.Done)
	}
}

// put makes t the latest state of its task. Callers hold mu.
func (s *Store) put(t *Task, at int64, length int) *entry {
	e, known := s.tasks[t.ID]
	if !known {
		e = &entry{id: t.ID, lane: s.lane(t.Source), index: -1}
		e.lane.count++
		s.tasks[t.ID] = e
	} else {
		s.garbage += int64(e.length)
	}
	s.serial++
	e.at, e.length, e.serial = at, length, s.serial
	e.due, e.saved = t.Due.UnixMicro(), t.Saved.UnixMicro()
	if !e.taken {
		e.lane.order(e)
	}
	return e
}

func (s *Store) drop(id string) {
	e, known := s.tasks[id]
	if !known {
		return
	}
	s.garbage += int64(e.length)
	if e.index >= 0 {
		heap.Remove(&e.lane.queue, e.index)
	}
	e.lane.count--
	delete(s.tasks, id)
}

func (s *Store) lane(source string) *lane {
	l, ok := s.lanes[source]
	if !ok {
		l = &lane{wake: make(chan struct{}, 1)}
		s.lanes[source] = l
	}
	return l
}

// ErrFull says that there are as many tasks as there may be.
var ErrFull = errors.New("too many tasks are pending")

// Save makes the tasks of events durable. Those that are there already are due
// now and begin anew. It may be repeated.
func (s *Store) Save(events []ingest.Event) error {
	now := s.opts.Now().UTC().Truncate(time.Microsecond)
	s.mu.Lock()
	defer s.mu.Unlock()
	added := make(map[string]bool, len(events))
	var lines []line
	for i := range events {
		if events[i].Fetch == nil {
			continue
		}
		t := taskOf(&events[i], now)
		if _, known := s.tasks[t.ID]; !known {
			added[t.ID] = true
		}
		lines = append(lines, line{Task: &t})
	}
	if len(added) > 0 && len(s.tasks)+len(added) > s.opts.MaxTasks {
		return fmt.Errorf("%w: %d, and %d more", ErrFull, len(s.tasks), len(added))
	}
	s.opts.Hook("pending.save.before")
	if err := s.write(true, lines...); err != nil {
		return fmt.Errorf("save pending work: %w", err)
	}
	s.opts.Hook("pending.save.after")
	for i := range lines {
		s.lane(lines[i].Task.Source).rouse()
	}
	return nil
}

// Take returns the source's next task that is due, and has it to nobody else
// until Done, Retry or Return. Without one it returns when the next will be
// due, zero if there is none.
func (s *Store) Take(source string, now time.Time) (t Task, ok bool, next time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lane(source)
	for len(l.queue) > 0 {
		e := l.queue[0]
		if due := time.UnixMicro(e.due); due.After(now) {
			return Task{}, false, due
		}
		task, err := s.read(e)
		if err != nil {
			s.opts.Logger.Error("pending work cannot be read and is given up; replay its delivery to ask again",
				"source", source, "event", e.id, "err", err)
			s.drop(e.id)
			continue
		}
		heap.Pop(&l.queue)
		e.taken = true
		task.serial = e.serial
		return task, true, time.Time{}
	}
	return Task{}, false, time.Time{}
}

// notWritten is how long a task rests whose end cannot be noted: a disk that is
// full must not have a platform asked without a pause.
const notWritten = time.Minute

// Done removes a task that was taken, unless it was saved anew meanwhile: then
// it is due again.
func (s *Store) Done(t Task) error {
	return s.settle(t, line{Done: t.ID}, s.opts.Now().Add(notWritten))
}

// Retry keeps a new state of a task that was taken, unless it was saved anew
// meanwhile.
func (s *Store) Retry(t Task) error {
	return s.settle(t, line{Task: &t}, t.Due)
}

// settle gives a task back and notes what became of it. If that cannot be noted,
// the task is as it was, but due only then.
func (s *Store) settle(t Task, l line, due time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, fresh := s.give(t)
	if e == nil || !fresh {
		return nil
	}
	err := s.write(false, l)
	if err != nil {
		e.due = due.UnixMicro()
		e.lane.order(e)
	}
	return err
}

// Return gives a task back as it was taken.
func (s *Store) Return(t Task) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.give(t)
}

// give puts a taken entry back, and tells whether it is as it was taken.
func (s *Store) give(t Task) (e *entry, fresh bool) {
	e, known := s.tasks[t.ID]
	if !known {
		return nil, false
	}
	e.taken = false
	e.lane.order(e)
	e.lane.rouse()
	return e, e.serial == t.serial
}

// State returns what is known of a source.
func (s *Store) State(source string) SourceState {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.states[source].SourceState
	known.Source = source
	return known
}

// SetState keeps what is known of a source, durably.
func (s *Store) SetState(state SourceState) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.write(true, line{Source: &state})
}

// Stat is what waits, of one source.
type Stat struct {
	Tasks int
	// Oldest is when the oldest of them was saved, zero if there is none.
	Oldest time.Time
	// Refused is since when the source's token is refused, Expires when it ends.
	Refused, Expires time.Time
}

// Stats returns what waits, by source.
func (s *Store) Stats() map[string]Stat {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := make(map[string]Stat, len(s.lanes))
	oldest := make(map[*lane]int64, len(s.lanes))
	for _, e := range s.tasks {
		if at, ok := oldest[e.lane]; !ok || e.saved < at {
			oldest[e.lane] = e.saved
		}
	}
	for source, l := range s.lanes {
		stat := Stat{Tasks: l.count, Refused: s.states[source].Refused, Expires: s.states[source].Expires}
		if at, ok := oldest[l]; ok {
			stat.Oldest = time.UnixMicro(at).UTC()
		}
		stats[source] = stat
	}
	for source, known := range s.states {
		if _, ok := stats[source]; !ok {
			stats[source] = Stat{Refused: known.Refused, Expires: known.Expires}
		}
	}
	return stats
}

// Close closes the file. Tasks that are taken stay.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	return errors.Join(s.file.Sync(), s.file.Close())
}

// wake returns what is sent to when a source has something new.
func (s *Store) wake(source string) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lane(source).wake
}
