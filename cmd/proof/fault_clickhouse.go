package main

import (
	"context"
	"errors"
	"time"
)

// storeScenarios are a ClickHouse on another machine, as it were, that fails.
var storeScenarios = []scenario{
	{"ClickHouse answering errors", storeErrors},
	{"ClickHouse took the insert, the answer is lost", storeAnswerLost},
	{"ClickHouse took the insert and died before the answer", storeDiedBeforeAnswer},
	{"ClickHouse slow", storeSlow},
	{"ClickHouse refusing connections", storeRefusing},
	{"ClickHouse with too many parts", storeFullOfParts},
	{"ClickHouse read-only", storeReadOnly},
	{"ClickHouse without a table", storeWithoutTable},
	{"ClickHouse back after a long outage", storeOutage},
}

// far is useStore with batches that come quickly.
func (w *world) far(ctx context.Context) (*store, error) {
	w.configure("drain: {flush_interval: 50ms}")
	return w.useStore(ctx)
}

func (s *store) cut(context.Context) error  { s.link.cut(); return nil }
func (s *store) mend(context.Context) error { return s.link.mend() }

// statements is exec as a step of a trouble.
func (s *store) statements(statements ...string) func(context.Context) error {
	return func(ctx context.Context) error { return s.exec(ctx, statements...) }
}

// refusals is refuse as a step of a trouble.
func (s *store) refusals(codes ...int32) func(context.Context) error {
	return func(context.Context) error { s.front.refuse(codes...); return nil }
}

func storeErrors(ctx context.Context, w *world) error {
	s, err := w.far(ctx)
	if err != nil {
		return err
	}
	return w.through(ctx, loadOptions{},
		// Out of memory, timeout, no space, ZooKeeper, network, unknown.
		trouble{s.refusals(241, 159, 243, 999, 210, 1002), w.fails("sink", 3), s.refusals()},
		// Users and quotas: access denied, quota spent.
		trouble{s.refusals(497, 201), w.fails("sink", 2), s.refusals()})
}

// lost waits until n more answers were lost.
func (s *store) lost(n int) func(context.Context) error {
	return func(ctx context.Context) error {
		return await(ctx, "answers lost", func() (bool, error) {
			_, lost := s.front.done()
			return lost >= n, nil
		})
	}
}

func storeAnswerLost(ctx context.Context, w *world) error { return unknownOutcome(ctx, w, false) }

func storeDiedBeforeAnswer(ctx context.Context, w *world) error { return unknownOutcome(ctx, w, true) }

// unknownOutcome has the store do inserts whose answers never come. Each must
// be there once in the tables themselves, not only in the views.
func unknownOutcome(ctx context.Context, w *world, kill bool) error {
	s, err := w.far(ctx)
	if err != nil {
		return err
	}
	times, then, lost := 5, func() {}, 0
	if kill {
		times, then = 2, s.kill
	}
	err = w.through(ctx, loadOptions{}, trouble{
		begin: func(context.Context) error { lost += times; s.front.loseAnswers(0, times, then); return nil },
		felt:  func(ctx context.Context) error { return s.lost(lost)(ctx) },
		end:   nothing,
	})
	if err == nil {
		err = w.counted(ctx)
	}
	if err != nil {
		return err
	}
	for range lost - 1 {
		w.struck()
	}
	return nil
}

func storeSlow(ctx context.Context, w *world) error {
	s, err := w.far(ctx)
	if err != nil {
		return err
	}
	by := 300 * time.Millisecond // a batch is some fifteen round trips
	if w.long() {
		by = 2 * time.Second
	}
	return w.through(ctx, loadOptions{}, trouble{
		begin: func(context.Context) error { return s.link.slow(by) },
		felt:  w.works(1),
		end:   func(context.Context) error { return s.link.fast() },
	})
}

func storeRefusing(ctx context.Context, w *world) error {
	s, err := w.far(ctx)
	if err != nil {
		return err
	}
	return w.through(ctx, loadOptions{}, trouble{s.cut, w.fails("sink", 2), s.mend})
}

func storeFullOfParts(ctx context.Context, w *world) error {
	s, err := w.far(ctx)
	if err != nil {
		return err
	}
	return w.through(ctx, loadOptions{}, trouble{
		s.statements("SYSTEM STOP MERGES leadgate.leads_log",
			"ALTER TABLE leadgate.leads_log MODIFY SETTING parts_to_delay_insert = 0, parts_to_throw_insert = 1"),
		w.fails("sink", 2),
		s.statements("ALTER TABLE leadgate.leads_log RESET SETTING parts_to_delay_insert, parts_to_throw_insert",
			"SYSTEM START MERGES leadgate.leads_log"),
	})
}

func storeReadOnly(ctx context.Context, w *world) error {
	s, err := w.far(ctx)
	if err != nil {
		return err
	}
	return w.through(ctx, loadOptions{},
		trouble{ // a table
			s.statements("ALTER TABLE leadgate.deliveries_log MODIFY SETTING table_readonly = 1"), w.fails("sink", 2),
			s.statements("ALTER TABLE leadgate.deliveries_log RESET SETTING table_readonly"),
		},
		trouble{s.refusals(164, 242), w.fails("sink", 2), s.refusals()}) // the user, a replica
}

func storeWithoutTable(ctx context.Context, w *world) error {
	s, err := w.far(ctx)
	if err != nil {
		return err
	}
	return w.through(ctx, loadOptions{}, trouble{
		s.statements("RENAME TABLE leadgate.leads_log TO leadgate.leads_away"), w.fails("sink", 2),
		s.statements("RENAME TABLE leadgate.leads_away TO leadgate.leads_log"),
	})
}

// storeOutage is three seconds, or five minutes in a long run. What came in
// meanwhile is told.
func storeOutage(ctx context.Context, w *world) (err error) {
	s, err := w.far(ctx)
	if err != nil {
		return err
	}
	lasts := 3 * time.Second
	if w.long() {
		lasts = 5 * time.Minute
	}
	if err := w.start(ctx); err != nil {
		return err
	}
	load := w.startLoad(ctx, loadOptions{})
	defer func() { err = errors.Join(err, load.stop(ctx)) }()
	if err := w.works(1)(ctx); err != nil {
		return err
	}
	s.link.cut()
	w.struck()
	back := time.NewTimer(lasts)
	defer back.Stop()
	select {
	case <-back.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := load.accepted(ctx, 100); err != nil {
		return err
	}
	if err := s.link.mend(); err != nil {
		return err
	}
	return w.works(2)(ctx)
}
