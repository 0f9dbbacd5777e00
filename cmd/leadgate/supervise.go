package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/leadgate/leadgate/analytics/clickhouse"
	"github.com/leadgate/leadgate/analytics/schema"
)

// supervisor opens the store beside the intake, which does not need it, and
// tries again for as long as that fails: once the library is installed, the
// file repaired or the server back, the gateway goes on by itself. Then it
// watches the store. It is safe for concurrent use; only one run may be under
// way.
type supervisor struct {
	settings *Settings
	log      *slog.Logger
	now      func() time.Time
	open     func(context.Context) (*store, error)
	wake     chan struct{} // holds one value when the tables are to be looked at
	tried    chan struct{} // closed when the first attempt to open it has ended

	checking sync.Mutex // held while the tables are looked at

	mu      sync.Mutex
	store   *store // nil until it is open; then the same until Close
	version string // of the server, "" until it answered
	known   bool   // the first attempt to use it has ended
	fit     bool   // its tables were those that the program expects
	looked  time.Time
	drift   schema.Drift
	broken  []string // tables with damaged parts
	reach   trouble  // what keeps it from being reached
	tables  trouble  // what keeps its tables from being used
	lacking trouble  // drift, for the log
}

// trouble is what is wrong with one thing, and since when.
type trouble struct {
	err    error // nil if nothing is
	since  time.Time
	logged time.Time
}

// Times of the supervisor.
const (
	storeRetryMin = 250 * time.Millisecond
	storeRetryMax = 10 * time.Second
	storePing     = 10 * time.Second // between looks at a store that is well
	storePingTime = 5 * time.Second  // that one look may take
	tablesEvery   = 5 * time.Minute
	logAgain      = time.Minute // while something is wrong
)

func newSupervisor(s *Settings, log *slog.Logger, now func() time.Time, open func(context.Context) (*store, error)) *supervisor {
	return &supervisor{settings: s, log: log, now: now, open: open, wake: make(chan struct{}, 1), tried: make(chan struct{})}
}

// awayError says why the store cannot be used.
type awayError struct{ reason error }

func (e *awayError) Error() string {
	if e.reason == nil {
		return "the store is being opened"
	}
	return "the store is not open: " + e.reason.Error()
}

func (e *awayError) Unwrap() error { return e.reason }

// conn returns the store's connection. Errors: *awayError.
func (s *supervisor) conn() (*clickhouse.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.store == nil {
		return nil, &awayError{s.reach.err}
	}
	return s.store.conn, nil
}

// usable returns the connection once the tables are those that the program
// expects. Errors: *awayError, errPending, schema.ErrNewer (wrapped), or what
// keeps the store from being reached.
func (s *supervisor) usable(ctx context.Context) (*clickhouse.Conn, error) {
	s.awaitFirst(ctx)
	conn, err := s.conn()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	fit := s.fit
	s.mu.Unlock()
	if !fit {
		err = s.prepare(ctx, conn)
	}
	return conn, err
}

// awaitFirst waits a while for the first attempt to open the store: what comes
// in at the start is not held up by anything.
func (s *supervisor) awaitFirst(ctx context.Context) {
	if _, err := s.conn(); err == nil {
		return
	}
	patience := time.NewTimer(storeRetryMax)
	defer patience.Stop()
	select {
	case <-s.tried:
	case <-patience.C:
	case <-ctx.Done():
	}
}

// run opens the store and watches it until ctx ends.
func (s *supervisor) run(ctx context.Context) {
	wait := storeRetryMin
	for first := true; ctx.Err() == nil; first = false {
		pause := storePing
		err := s.step(ctx)
		if first {
			close(s.tried)
		}
		if err != nil {
			pause, wait = wait, min(2*wait, storeRetryMax)
		} else {
			wait = storeRetryMin
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-s.wake:
			s.mu.Lock()
			s.looked = time.Time{}
			s.mu.Unlock()
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// step does what is next: open the store, or look whether it is well.
func (s *supervisor) step(ctx context.Context) error {
	conn, err := s.conn()
	if err != nil {
		if conn, err = s.start(ctx); err != nil {
			return err
		}
	}
	ping, cancel := context.WithTimeout(ctx, storePingTime)
	version, err := conn.Version(ping)
	cancel()
	s.noteReach(ctx, err, version)
	if err != nil {
		return err
	}
	s.mu.Lock()
	fit, due := s.fit, s.now().Sub(s.looked) >= tablesEvery
	s.mu.Unlock()
	if !fit {
		err = s.prepare(ctx, conn)
	}
	if err == nil && due {
		err = s.look(ctx, conn)
	}
	return err
}

// start makes one attempt to open the store.
func (s *supervisor) start(ctx context.Context) (*clickhouse.Conn, error) {
	st, err := s.open(ctx)
	if err != nil {
		s.noteReach(ctx, err, "")
		return nil, err
	}
	s.mu.Lock()
	s.store = st
	s.mu.Unlock()
	return st.conn, nil
}

// prepare brings the tables up to date, or says why they cannot be used.
func (s *supervisor) prepare(ctx context.Context, conn *clickhouse.Conn) error {
	s.checking.Lock()
	defer s.checking.Unlock()
	s.mu.Lock()
	fit := s.fit
	s.mu.Unlock()
	if fit { // somebody else did it
		return nil
	}
	err := prepare(ctx, s.settings, conn)
	if ctx.Err() != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known, s.fit = true, err == nil
	s.note(&s.tables, err, "the tables of the store cannot be used: deliveries are persisted, and counted when they can")
	return err
}

// look compares tables that were in use with what they should be. It stops
// nothing: what lacks a table says so itself.
func (s *supervisor) look(ctx context.Context, conn *clickhouse.Conn) error {
	pending, err := schema.Pending(ctx, conn)
	if err == nil && len(pending) > 0 {
		err = errPending
	}
	var drift schema.Drift
	if err == nil {
		drift, err = schema.FindDrift(ctx, conn, s.settings.schemaParams())
	}
	broken, refused := schema.BrokenParts(ctx, conn) // a user of a server may not be let look
	if refused != nil {
		s.log.Debug("damaged parts cannot be looked for", "err", refused)
	}
	if ctx.Err() != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note(&s.tables, err, "the tables of the store cannot be looked at")
	if err != nil {
		return err
	}
	s.looked, s.drift, s.broken = s.now(), drift, broken
	var missing error
	if text := s.lack(); text != "" {
		missing = errors.New(text)
		s.looked = s.looked.Add(storePing - tablesEvery) // soon again: it may be repaired
	}
	s.note(&s.lacking, missing, "the store lacks something")
	return nil
}

// noteReach remembers whether the server, of that version, answered.
func (s *supervisor) noteReach(ctx context.Context, err error, version string) {
	if ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known = s.known || err != nil
	if err == nil {
		s.version = version
	}
	s.note(&s.reach, err, "ClickHouse cannot be used: deliveries are persisted, and counted when it can")
}

// note remembers what is wrong, nil for nothing, and logs its beginning, its end
// and each minute between. The lock is held.
func (s *supervisor) note(t *trouble, err error, message string) {
	now := s.now()
	switch {
	case err == nil && t.err != nil:
		s.log.Info("what was wrong with the store is over", "err", t.err, "lasted", now.Sub(t.since).Round(time.Second))
		*t = trouble{}
		return
	case err == nil:
		return
	case t.err == nil:
		t.since = now
	}
	t.err = err
	if t.logged.IsZero() || now.Sub(t.logged) >= logAgain {
		t.logged = now
		s.log.Warn(message, "err", err, "since", t.since.UTC().Format(time.RFC3339))
	}
}

// distrust has the tables looked at soon, if an error says that one lacks
// something.
func (s *supervisor) distrust(err error) {
	if !clickhouse.IsMissing(err) {
		return
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// restarts counts how often the embedded engine died and was started again.
func (s *supervisor) restarts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.store == nil || s.store.engine == nil {
		return 0
	}
	return s.store.engine.Restarts()
}

// Close closes the store, if it is open. No run may be under way.
func (s *supervisor) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.store == nil {
		return nil
	}
	return s.store.Close()
}
