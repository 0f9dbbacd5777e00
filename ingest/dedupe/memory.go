package dedupe

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leadgate/leadgate/ingest"
)

// ErrEmpty is ingest.ErrEmpty: Redis answers, but its memory is gone or was
// never filled. Call Rebuild.
var ErrEmpty = ingest.ErrEmpty

const day = 24 * time.Hour

var errIdentify = errors.New("dedupe: Options.Identify is missing: set it to identity.Of")

// Options sets a Memory up. Identify is needed; zero values of the rest mean the
// defaults.
type Options struct {
	// Identify tells one person from others: identity.Of. Rooms do not import
	// each other, so the wiring passes it in. The contact by both identifiers
	// must be that by the e-mail address.
	Identify func(workspace, email, phone string) ingest.Identity
	// Prefix of all keys, "lg:".
	Prefix string
	// Window in which the same person's next lead is a duplicate: 30 days.
	Window time.Duration
	// WindowSlack is how late a delivery may be drained and still find its
	// window: 7 days. It costs memory only.
	WindowSlack time.Duration
	// EventTTL is how long an event id is remembered: 90 days. An event that
	// comes again later is stored again, and still counts once in the views.
	EventTTL time.Duration
	// ContactTTL is how long an e-mail address or phone number that is not met
	// again is linked to its contact: 400 days.
	ContactTTL time.Duration
	// Workspaces that are configured; Rebuild opens these even if the store
	// has nothing of them yet. Others are opened after they were asked for.
	Workspaces []string
	// Progress is called by Rebuild now and then with the rows done.
	Progress func(rows int)
	Now      func() time.Time
	Log      *slog.Logger
}

// Memory is the memory of event ids and people. It is safe for concurrent use,
// by several processes too.
type Memory struct {
	client redis.UniversalClient
	opts   Options

	mu    sync.Mutex
	asked map[string]struct{} // workspaces
}

// New returns the memory in client's Redis. It does not connect.
func New(client redis.UniversalClient, opts Options) *Memory {
	if opts.Prefix == "" {
		opts.Prefix = "lg:"
	}
	for _, d := range []struct {
		value   *time.Duration
		without time.Duration
	}{
		{&opts.Window, 30 * day}, {&opts.WindowSlack, 7 * day},
		{&opts.EventTTL, 90 * day}, {&opts.ContactTTL, 400 * day},
	} {
		if *d.value <= 0 {
			*d.value = d.without
		}
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	m := &Memory{client: client, opts: opts, asked: make(map[string]struct{})}
	for _, workspace := range opts.Workspaces {
		m.asked[workspace] = struct{}{}
	}
	return m
}

// keyspace is what all keys of a workspace start with: they share a slot.
type keyspace string

func (m *Memory) keyspace(workspace string) keyspace {
	return keyspace(m.opts.Prefix + "{" + url.QueryEscape(workspace) + "}:")
}

// mark is the key that scripts are told by name.
func (k keyspace) mark() string { return string(k) + "known" }

// oldMark is what mark was when a lead was four keys of text.
func (k keyspace) oldMark() string { return string(k) + "epoch" }

// rebuild is there while the rebuild of that name is under way.
func (k keyspace) rebuild(name string) string { return string(k) + "rebuild:" + name }

func (k keyspace) appendEvent(b []byte, id string) []byte {
	return appendID(append(append(b, k...), 'e'), id)
}

// appendContact appends nothing for no contact.
func (k keyspace) appendContact(b []byte, id string) []byte {
	if id == "" {
		return b
	}
	return appendID(append(append(b, k...), 'c'), id)
}

var (
	//go:embed common.lua
	commonLua string
	//go:embed claim.lua
	claimLua string
	//go:embed rebuild.lua
	rebuildLua string
	//go:embed open.lua
	openLua string
	//go:embed release.lua
	releaseLua string

	claimScript   = redis.NewScript(commonLua + claimLua)
	releaseScript = redis.NewScript(commonLua + releaseLua)
	rebuildScript = redis.NewScript(commonLua + rebuildLua)
	openScript    = redis.NewScript(openLua)
)

// chunk is how many events one call of a script takes. It bounds how long
// Redis serves nobody else (two or three milliseconds) and spreads what a call
// costs by itself, which in the embedded Redis is ten times what an event does.
const chunk = 250

// Claim asks, in one round trip and in the given order, which events count.
// The answers stand in the order of the events. An event that is claimed again
// by the same delivery gets the same answer again, so a claim may be repeated
// after any error: one of the answers may be lost, none is wrong. Errors:
// ErrEmpty (wrapped) when the memory must be rebuilt first, and those of Redis.
func (m *Memory) Claim(ctx context.Context, events []ingest.Event) ([]ingest.Claim, error) {
	if m.opts.Identify == nil {
		return nil, errIdentify
	}
	var calls []call
	questions := make([]question, len(events))
	open := make(map[string]int, 1) // the workspace's last call
	for i := range events {
		if i%50 == 49 {
			runtime.Gosched() // new deliveries come first
		}
		workspace := events[i].Workspace
		at, ok := open[workspace]
		if !ok || len(calls[at].rows) == chunk {
			at = len(calls)
			open[workspace] = at
			room := min(chunk, len(events)-i)
			calls = append(calls, call{keys: m.keyspace(workspace), rows: make([]int, 0, room), args: m.claimArgs(room)})
		}
		questions[i] = m.question(&events[i], calls[at].keys)
		calls[at].rows = append(calls[at].rows, i)
		calls[at].args = questions[i].appendTo(calls[at].args)
	}
	m.remember(open)
	if err := m.run(ctx, claimScript, calls); err != nil {
		return nil, fmt.Errorf("claim %d events in redis: %w", len(events), err)
	}
	claims := make([]ingest.Claim, len(events))
	for _, c := range calls {
		answers, err := c.result.StringSlice()
		if err != nil {
			return nil, fmt.Errorf("claim %d events in redis: %w", len(events), err)
		}
		if len(answers) == 0 {
			return nil, fmt.Errorf("claim events of workspace %q in redis: %w", events[c.rows[0]].Workspace, ErrEmpty)
		}
		if len(answers) != len(c.rows) {
			return nil, fmt.Errorf("claim events in redis: %d answers for %d events", len(answers), len(c.rows))
		}
		for n, row := range c.rows {
			if claims[row], err = parseAnswer(answers[n], &questions[row]); err != nil {
				return nil, fmt.Errorf("claim event %s in redis: %w", events[row].ID, err)
			}
		}
	}
	return claims, nil
}

func (m *Memory) remember(workspaces map[string]int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for workspace := range workspaces {
		m.asked[workspace] = struct{}{}
	}
}

func (m *Memory) claimArgs(events int) []any {
	return append(make([]any, 0, 3+6*events), m.opts.EventTTL.Milliseconds(),
		max(m.opts.ContactTTL, m.opts.Window+m.opts.WindowSlack).Milliseconds(), m.opts.Window.Microseconds())
}

// question is what is asked about an event, and what to keep of it if it is new
// and unique.
type question struct {
	entry entry
	args  [6]string // of the script
}

func (m *Memory) question(e *ingest.Event, keys keyspace) question {
	q := question{entry: entry{first: e.ReceivedAt, owner: e.DeliveryID, version: e.Version}}
	var email, phone string
	switch {
	case e.Lead != nil:
		email, phone = m.contacts(e.Workspace, e.Lead.Person.Email, e.Lead.Person.Phone)
	case e.Status != nil:
		email, phone = m.contacts(e.Workspace, e.Status.Email, e.Status.Phone)
	}
	q.entry.contact = cmp.Or(email, phone)
	if e.Mutable {
		q.entry.flags, q.entry.fingerprint = flagMutable, fingerprint(e)
	}
	// Test and spam leads look their contact up, but must not tie two people
	// together: they often carry strangers' addresses.
	genuine := e.Lead == nil || !e.Lead.Test && len(e.Lead.SpamReasons) == 0
	if genuine && q.entry.contact != "" {
		q.entry.flags |= flagLink
		if e.Lead != nil {
			q.entry.flags |= flagWindow
		}
	}
	var space [320]byte
	b := keys.appendEvent(space[:0], e.ID)
	ends := [...]int{len(b), 0, 0, 0, 0}
	b = q.entry.appendTo(b)
	ends[1] = len(b)
	b = keys.appendContact(b, email)
	ends[2] = len(b)
	own := contactEntry{since: e.ReceivedAt}
	if q.entry.flags&flagWindow != 0 {
		own.opener = e.ID
	}
	if q.entry.flags&flagLink != 0 && email != "" {
		b, own = own.appendTo(b), contactEntry{since: e.ReceivedAt, of: email}
	}
	ends[3] = len(b)
	b = keys.appendContact(b, phone)
	ends[4] = len(b)
	if q.entry.flags&flagLink != 0 && phone != "" {
		b = own.appendTo(b)
	}
	from, all := 0, string(b) // one piece of memory for all six
	for i, end := range ends {
		q.args[i], from = all[from:end], end
	}
	q.args[len(ends)] = all[from:]
	return q
}

// contacts returns the contacts that a person gets who is not known yet, by
// each identifier alone.
func (m *Memory) contacts(workspace, email, phone string) (byEmail, byPhone string) {
	if email != "" {
		byEmail = m.opts.Identify(workspace, email, "").Contact
	}
	if phone != "" {
		byPhone = m.opts.Identify(workspace, "", phone).Contact
	}
	return byEmail, byPhone
}

// appendTo appends the arguments of the script. They are pointers, which need
// no memory of their own in an interface.
func (q *question) appendTo(args []any) []any {
	for i := range q.args {
		args = append(args, &q.args[i])
	}
	return args
}

var (
	errAnswer = errors.New("answer not understood")
	decisions = map[byte]ingest.Decision{'n': ingest.NewEvent, 'u': ingest.UpdatedEvent, 'd': ingest.DuplicateEvent}
)

// parseAnswer reads a decision, then when the event was first received, its
// contact and whose duplicate it is; or "n" alone for what is new, unique, and of
// the contact that was proposed.
func parseAnswer(text string, q *question) (ingest.Claim, error) {
	if text == "n" {
		return ingest.Claim{Decision: ingest.NewEvent, FirstReceived: time.UnixMicro(q.entry.first.UnixMicro()).UTC(), ContactID: q.entry.contact}, nil
	}
	if text == "" || decisions[text[0]] == "" {
		return ingest.Claim{}, errAnswer
	}
	var fields [3]string
	rest := text[1:]
	for i := range fields {
		var ok bool
		if fields[i], rest, ok = cutText(rest); !ok {
			return ingest.Claim{}, errAnswer
		}
	}
	return ingest.Claim{
		Decision: decisions[text[0]], FirstReceived: unpackTime(fields[0]),
		ContactID: unpackID(fields[1]), DuplicateOf: unpackID(fields[2]),
	}, nil
}

// call is one call of a script and what it answered.
type call struct {
	keys   keyspace
	rows   []int
	args   []any
	result *redis.Cmd
}

// transact makes all calls in one transaction: a Redis that refuses to write, for
// a moment, must not take the later of them and not the earlier. If the server
// does not have the script, it loads it and makes all of them again.
func (m *Memory) transact(ctx context.Context, script *redis.Script, calls []*call) error {
	for attempt := 0; ; attempt++ {
		pipe := m.client.TxPipeline()
		for _, c := range calls {
			c.result = script.EvalSha(ctx, pipe, []string{c.keys.mark()}, c.args...)
		}
		_, err := pipe.Exec(ctx)
		if err == nil {
			return ctx.Err()
		}
		lost := false
		for _, c := range calls {
			cause := c.result.Err()
			lost = lost || redis.HasErrorPrefix(cause, "NOSCRIPT")
			if cause != nil && redis.HasErrorPrefix(err, "EXECABORT") {
				err = cause // the reason for the abort
			}
		}
		if !lost || attempt > 0 {
			return err
		}
		if err := script.Load(ctx, m.client).Err(); err != nil {
			return fmt.Errorf("load script: %w", err)
		}
	}
}

// Clear forgets everything under the prefix, which leads to ErrEmpty and so to
// a rebuild. It removes claims whose deliveries were lost with a disk.
func (m *Memory) Clear(ctx context.Context) error {
	forget := func(ctx context.Context, node redis.UniversalClient) error {
		var cursor uint64
		for {
			keys, next, err := node.Scan(ctx, cursor, globEscape(m.opts.Prefix)+"{*", 1000).Result()
			if err != nil {
				return fmt.Errorf("scan redis: %w", err)
			}
			if err := unlink(ctx, node, keys); err != nil {
				return fmt.Errorf("clear redis: %w", err)
			}
			if cursor = next; cursor == 0 {
				return nil
			}
		}
	}
	if cluster, ok := m.client.(*redis.ClusterClient); ok {
		return cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
			return forget(ctx, node)
		})
	}
	return forget(ctx, m.client)
}

func unlink(ctx context.Context, node redis.UniversalClient, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	pipe := node.Pipeline() // one key a command: keys of several slots may not share one
	for _, key := range keys {
		pipe.Unlink(ctx, key)
	}
	_, err := pipe.Exec(ctx)
	return err
}

func globEscape(text string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(text)
}
