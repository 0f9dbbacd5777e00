package dedupe

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leadgate/leadgate/ingest"
)

// Loader reads what the store knows. Known calls yield for every event that
// was received at or after since, once each and in its current state, and stops
// at yield's first error, which it returns. Leads should come oldest first:
// where two contacts turned out to be one person, that decides as it did before.
type Loader interface {
	Known(ctx context.Context, since time.Time, yield func(ingest.Known) error) error
}

const (
	rowArgs  = 7 // of a row
	callArgs = 2 // before the rows of a call
)

// errLost says that Redis forgot, by a restart, what a rebuild had written: to go
// on would leave a memory with holes.
var errLost = errors.New("redis lost its memory while it was filled; it has to be filled from the beginning")

// rebuildCalls is how many script calls, of chunk rows each, make a round trip.
const rebuildCalls = 50

// Rebuild fills the memory from the store and, last of all, opens it for
// claims: a rebuild that fails half-way leaves it ErrEmpty, and one under which
// Redis was restarted fails. It keeps what is known already, so it may run again,
// beside another process's rebuild, and beside claims. Everything that was claimed
// earlier and not yet written is unknown to the store; its owner will claim it
// again.
//
// The store does not know fingerprints: the first delivery after a rebuild of a
// mutable event is an update even if it says nothing new.
func (m *Memory) Rebuild(ctx context.Context, from Loader) error {
	if m.opts.Identify == nil {
		return errIdentify
	}
	r := rebuild{
		memory: m, now: m.opts.Now(), name: rand.Text(), open: make(map[string]int, 1), workspaces: make(map[string]bool),
	}
	m.mu.Lock()
	for workspace := range m.asked {
		r.workspaces[workspace] = false
	}
	m.mu.Unlock()
	m.opts.Log.Info("rebuilding the memory of event ids")
	since := r.now.Add(-max(m.opts.EventTTL, m.opts.ContactTTL, m.opts.Window+m.opts.WindowSlack))
	err := from.Known(ctx, since, func(known ingest.Known) error { return r.add(ctx, known) })
	if err != nil {
		return fmt.Errorf("rebuild dedupe memory: %w", err)
	}
	if err := r.finish(ctx); err != nil {
		return fmt.Errorf("rebuild dedupe memory: %w", err)
	}
	m.opts.Log.Info("rebuilt the memory of event ids", "rows", r.rows, "took", m.opts.Now().Sub(r.now))
	return nil
}

// rebuild is one run of Rebuild.
type rebuild struct {
	memory *Memory
	now    time.Time
	// name is that of a key that each workspace gets with its first rows. While
	// it is there, so are they.
	name       string
	workspaces map[string]bool // whether it has the key
	rows       int

	calls []call
	open  map[string]int
	batch []ingest.Known
	// later are duplicates that were read before the lead they duplicate. They
	// get a second pass, which counts no rows.
	later  []ingest.Known
	second bool
}

func (r *rebuild) add(ctx context.Context, known ingest.Known) error {
	at, ok := r.open[known.Workspace]
	if !ok || len(r.calls[at].rows) == chunk {
		if len(r.calls) == rebuildCalls {
			if err := r.flush(ctx); err != nil {
				return err
			}
		}
		at = len(r.calls)
		r.open[known.Workspace] = at
		keys := r.memory.keyspace(known.Workspace)
		args := append(make([]any, 0, callArgs+rowArgs*chunk), keys.rebuild(r.name), r.workspaces[known.Workspace])
		r.workspaces[known.Workspace] = true
		r.calls = append(r.calls, call{keys: keys, args: args})
	}
	r.calls[at].rows = append(r.calls[at].rows, len(r.batch))
	r.calls[at].args = append(r.calls[at].args, r.args(&known, r.calls[at].keys)...)
	r.batch = append(r.batch, known)
	return nil
}

func (r *rebuild) args(known *ingest.Known, keys keyspace) []any {
	opts := &r.memory.opts
	e := entry{
		first: known.ReceivedAt, owner: known.DeliveryID, contact: known.ContactID, duplicateOf: known.DuplicateOf,
		version: known.Version,
	}
	contactTTL, windowTTL := r.left(known, opts.ContactTTL), int64(0)
	switch {
	case known.Kind != ingest.LeadKind:
	case known.Verdict == ingest.UniqueLead || known.Verdict == ingest.DuplicateLead:
		e.flags, windowTTL = flagWindow, r.left(known, opts.Window+opts.WindowSlack)
	default:
		contactTTL = 0 // as in question: these tie nobody together
	}
	email, phone := r.memory.contacts(known.Workspace, known.Email, known.Phone)
	return []any{
		keys.appendEvent(nil, known.EventID), e.appendTo(make([]byte, 0, 64)), r.left(known, opts.EventTTL),
		keys.appendContact(nil, email), keys.appendContact(nil, phone), contactTTL, windowTTL,
	}
}

// left returns the milliseconds that are left of ttl, 0 if it is over.
func (r *rebuild) left(known *ingest.Known, ttl time.Duration) int64 {
	return max(0, (ttl - r.now.Sub(known.ReceivedAt)).Milliseconds())
}

// flush sends what has gathered, and leaves nothing.
func (r *rebuild) flush(ctx context.Context) error {
	if err := r.run(ctx, rebuildScript, r.calls); err != nil {
		return err
	}
	for _, c := range r.calls {
		missing, err := c.result.Int64Slice()
		if err != nil {
			return err
		}
		for _, n := range missing {
			if n < 1 || n > int64(len(c.rows)) {
				return errAnswer
			}
			r.later = append(r.later, r.batch[c.rows[n-1]])
		}
	}
	if !r.second {
		r.rows += len(r.batch)
		if r.memory.opts.Progress != nil {
			r.memory.opts.Progress(r.rows)
		}
	}
	r.calls, r.batch = r.calls[:0], r.batch[:0]
	clear(r.open)
	return nil
}

func (r *rebuild) finish(ctx context.Context) error {
	if err := r.flush(ctx); err != nil {
		return err
	}
	// Once more, now that every event is known. What still misses its lead has
	// outlived it: no window is open.
	again := r.later
	r.later, r.second = nil, true
	for _, known := range again {
		if err := r.add(ctx, known); err != nil {
			return err
		}
	}
	if err := r.flush(ctx); err != nil {
		return err
	}
	return r.opened(ctx)
}

// opened opens the workspaces for claims.
func (r *rebuild) opened(ctx context.Context) error {
	var calls []call
	for workspace, begun := range r.workspaces {
		keys := r.memory.keyspace(workspace)
		calls = append(calls, call{keys: keys, args: []any{
			keys.rebuild(r.name), begun, keys.oldMark(), r.now.UnixMicro(), r.memory.opts.EventTTL.Milliseconds(),
		}})
	}
	if err := r.run(ctx, openScript, calls); err != nil {
		return fmt.Errorf("open the memory: %w", err)
	}
	return nil
}

// run makes calls of scripts that notice what was lost.
func (r *rebuild) run(ctx context.Context, script *redis.Script, calls []call) error {
	err := r.memory.run(ctx, script, calls)
	if redis.HasErrorPrefix(err, "LOST") {
		return errLost
	}
	return err
}
