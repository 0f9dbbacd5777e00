package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/leadgate/leadgate/ingest/metric"
	"github.com/leadgate/leadgate/ingest/redact"
)

// Names of checks, and their states.
const (
	checkStore  = "clickhouse"
	checkSchema = "schema"
	checkEngine = "engine"
	checkDrain  = "drain"
	checkRedis  = "redis"
	checkListen = "listen"
)

// storeOpening is the detail of a store that nothing is known of yet.
const storeOpening = "it is being opened"

// findCheck returns the check of that name, an empty one if there is none.
func findCheck(checks []check, name string) check {
	if i := slices.IndexFunc(checks, func(c check) bool { return c.Name == name }); i >= 0 {
		return checks[i]
	}
	return check{}
}

// addStoreChecks adds the checks of what comes behind the journal, and their
// metrics.
func (g *gateway) addStoreChecks() {
	g.addChecks(g.storeChecks)
	g.metrics.WatchStore(g.storeStat, g.hooks.now)
}

// storeChecks say how the store, its tables, the drain, Redis and the listener
// are. None of them keeps the gateway from taking leads.
func (g *gateway) storeChecks() []check {
	checks := append(g.store.checks(), g.drainCheck(), g.watch.check())
	if warning := g.settings.exposed(); warning != "" {
		checks = append(checks, check{Name: checkListen, State: stateWarning, Detail: warning})
	}
	return checks
}

// checks are those of the store itself.
func (s *supervisor) checks() []check {
	s.mu.Lock()
	defer s.mu.Unlock()
	store := check{Name: checkStore, State: stateOK}
	switch {
	case s.reach.err != nil:
		store.State, store.Detail, store.Since = stateFault, brief(s.reach.err), s.reach.since
	case !s.known:
		store.Detail = storeOpening
	default:
		store.Detail = s.version + " at " + s.store.conn.Address()
		if s.store.engine != nil {
			store.Detail = s.version + " embedded"
		}
	}
	checks := []check{store, s.schemaCheck()}
	if s.settings.ClickHouseURL != "" {
		return checks // the server's restarts are not ours to count
	}
	engine := check{Name: checkEngine, State: stateOK, Detail: "it was never restarted"}
	if s.store != nil && s.store.engine.Restarts() > 0 {
		engine.State = stateWarning
		engine.Detail = fmt.Sprintf("it died and was started again, %d times since the gateway's start: see %s/engine.log",
			s.store.engine.Restarts(), s.settings.engineDir())
	}
	checks = append(checks, engine)
	if s.store != nil && s.store.engine != nil {
		checks = append(checks, s.settings.accessChecks(s.store.engine)...)
	}
	return checks
}

func (s *supervisor) schemaCheck() check {
	c := check{Name: checkSchema, State: stateOK, Detail: "up to date"}
	switch {
	case s.tables.err != nil:
		c.State, c.Detail, c.Since = stateFault, brief(s.tables.err), s.tables.since
	case !s.fit:
		c.Detail = "not known until ClickHouse answers"
		if s.reach.err != nil {
			c.State = stateWarning
		}
	default:
		if text := s.lack(); text != "" {
			c.State, c.Detail, c.Since = stateWarning, text, s.lacking.since
		}
		if s.drift.Blocks() || len(s.broken) > 0 {
			c.State = stateFault
		}
	}
	return c
}

// lack says what the tables lack and what to do about it, "" if nothing. The
// lock is held.
func (s *supervisor) lack() string {
	var parts []string
	if s.drift.Count() > 0 {
		parts = append(parts, "missing: "+s.drift.String()+": run `leadgate migrate`")
	}
	if len(s.broken) > 0 {
		parts = append(parts, brokenText(s.broken))
	}
	return strings.Join(parts, "; ")
}

// brokenText says what to do about damaged parts.
func brokenText(tables []string) string {
	return "ClickHouse set damaged parts aside: " + strings.Join(tables, ", ") + ": their rows are missing (`leadgate reconcile` names them); " +
		"restore the files in the table's directory detached/ and ATTACH PART, or bring the rows back with `leadgate deliveries replay` " +
		"and DROP DETACHED PART"
}

// lacks returns how many relations are missing, and how many tables have
// damaged parts, as they were last looked at.
func (s *supervisor) lacks() (missing, broken int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.drift.Count(), len(s.broken)
}

// isUsable reports whether the store answers and its tables are as they should.
func (s *supervisor) isUsable() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.store != nil && s.known && s.fit && s.reach.err == nil && s.tables.err == nil
}

// storeStat is what the metrics say of all this.
func (g *gateway) storeStat() metric.StoreStat {
	missing, broken := g.store.lacks()
	return metric.StoreStat{
		Usable: g.store.isUsable(), EngineRestarts: g.store.restarts(), SchemaDrift: missing, BrokenTables: broken,
		RedisMayEvict: g.watch.evicts(), HeldUp: g.drain.Stat().Failing,
	}
}

// drainCheck says how far behind the drain is, and what holds it up.
func (g *gateway) drainCheck() check {
	stat, journal := g.drain.Stat(), g.journal.Stat()
	c := check{Name: checkDrain, State: stateOK, Detail: "nothing waits"}
	behind := "nothing waits"
	if journal.Uncommitted > 0 {
		behind = humanize.IBytes(uint64(journal.Uncommitted)) + " wait to be counted"
		if !stat.Uncommitted.IsZero() {
			behind += fmt.Sprintf(", the oldest for %s", g.hooks.now().Sub(stat.Uncommitted).Round(time.Second))
		}
	}
	c.Detail = behind
	switch {
	case !stat.Failing.IsZero():
		c.State, c.Since = stateFault, stat.Failing
		c.Detail = fmt.Sprintf("held up at %s after %d attempts: %s; %s", stat.Stage, stat.Attempts, short(stat.Err), behind)
	case !stat.Uncommitted.IsZero() && g.hooks.now().Sub(stat.Uncommitted) > drainSlow:
		c.State, c.Since = stateWarning, stat.Uncommitted
	}
	return c
}

// drainSlow is how old an uncounted delivery is that is worth a warning.
const drainSlow = time.Minute

// brief is an error in a line of bounded length.
func brief(err error) string { return short(err.Error()) }

func short(text string) string {
	const most = 600
	line := []rune(redact.Line(text))
	if len(line) > most {
		return string(line[:most]) + "…"
	}
	return string(line)
}
