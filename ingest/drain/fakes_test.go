package drain_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/drain"
)

// fakeLog is a journal in memory. Its positions jump to another segment at
// every fifth record.
type fakeLog struct {
	mu        sync.Mutex
	records   []ingest.Record
	committed ingest.Position
	grown     chan struct{}
	onCommit  func(do func()) error // nil commits
	onRead    func() error
	arrived   []time.Time
}

func newLog() *fakeLog { return &fakeLog{grown: make(chan struct{})} }

func (l *fakeLog) append(data []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := ingest.Position{Segment: 1, Offset: 16}
	if n := len(l.records); n > 0 {
		at = l.records[n-1].Next
		if n%5 == 0 {
			at = ingest.Position{Segment: at.Segment + 1, Offset: 16}
		}
	}
	next := ingest.Position{Segment: at.Segment, Offset: at.Offset + int64(len(data)) + 8}
	l.records = append(l.records, ingest.Record{At: at, Next: next, Data: data})
	l.arrived = append(l.arrived, time.Now())
	close(l.grown)
	l.grown = make(chan struct{})
}

func (l *fakeLog) Read(ctx context.Context, from ingest.Position, maxRecords int, maxBytes int64) ([]ingest.Record, error) {
	for {
		l.mu.Lock()
		if l.onRead != nil {
			if err := l.onRead(); err != nil {
				l.mu.Unlock()
				return nil, err
			}
		}
		var out []ingest.Record
		for _, r := range l.records {
			if !r.At.Less(from) && len(out) < maxRecords && (len(out) == 0 || maxBytes >= int64(len(r.Data))) {
				out = append(out, r)
				maxBytes -= int64(len(r.Data))
			}
		}
		grown := l.grown
		l.mu.Unlock()
		if len(out) > 0 {
			return out, nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (l *fakeLog) Commit(ctx context.Context, upTo ingest.Position) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	do := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.committed.Less(upTo) {
			l.committed = upTo
		}
	}
	if l.onCommit != nil {
		return l.onCommit(do)
	}
	do()
	return nil
}

func (l *fakeLog) Committed() ingest.Position {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.committed
}

func (l *fakeLog) backlog() (ingest.Position, time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, r := range l.records {
		if l.committed.Less(r.Next) {
			return l.records[len(l.records)-1].Next, l.arrived[i]
		}
	}
	return ingest.Position{Segment: 1 << 30, Offset: 16}, time.Time{} // a fresh, empty segment
}

// fakeDeduper remembers owners, and one person window without end.
type fakeDeduper struct {
	mu      sync.Mutex
	empty   bool
	events  map[string]remembered
	people  map[string]string
	calls   int
	onClaim func(do func()) error // nil claims
}

type remembered struct {
	owner, content string
	claim          ingest.Claim
}

func newDeduper() *fakeDeduper {
	return &fakeDeduper{events: map[string]remembered{}, people: map[string]string{}}
}

func (f *fakeDeduper) Claim(ctx context.Context, events []ingest.Event) ([]ingest.Claim, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	if f.empty {
		return nil, fmt.Errorf("claim: %w", ingest.ErrEmpty)
	}
	claims := make([]ingest.Claim, len(events))
	do := func() {
		for i := range events {
			claims[i] = f.claim(&events[i])
		}
	}
	if f.onClaim != nil {
		if err := f.onClaim(do); err != nil {
			return nil, err
		}
		return claims, ctx.Err()
	}
	do()
	return claims, nil
}

func (f *fakeDeduper) claim(e *ingest.Event) ingest.Claim {
	content := contentOf(e)
	known, ok := f.events[e.ID]
	switch {
	case !ok:
		known.claim = ingest.Claim{Decision: ingest.NewEvent, FirstReceived: e.ReceivedAt}
		if e.Lead != nil && e.Lead.Person.Email != "" {
			known.claim.ContactID = "contact of " + e.Lead.Person.Email
			if first, ok := f.people[e.Lead.Person.Email]; ok {
				known.claim.DuplicateOf = first
			} else {
				f.people[e.Lead.Person.Email] = e.ID
			}
		}
	case known.owner == e.DeliveryID:
		return known.claim
	case e.Mutable && known.content != content:
		known.claim.Decision = ingest.UpdatedEvent
	default:
		c := known.claim
		c.Decision = ingest.DuplicateEvent
		return c
	}
	known.owner, known.content = e.DeliveryID, content
	f.events[e.ID] = known
	return known.claim
}

func contentOf(e *ingest.Event) string {
	text, err := json.Marshal([]any{e.Lead, e.Touch, e.Cost, e.Status})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// rebuildFrom fills a deduper from what a sink stored.
func (f *fakeDeduper) rebuildFrom(s *fakeSink) func(context.Context) error {
	return func(context.Context) error {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.empty = false
		for id, e := range s.view() {
			r := remembered{owner: e.DeliveryID, claim: ingest.Claim{Decision: ingest.NewEvent, FirstReceived: e.ReceivedAt}}
			if e.Lead != nil {
				r.claim.ContactID, r.claim.DuplicateOf = e.Lead.ContactID, e.Lead.DuplicateOf
				if e.Lead.Verdict == ingest.UniqueLead {
					f.people[e.Lead.Person.Email] = id
				}
			}
			f.events[id] = r
		}
		return nil
	}
}

func (f *fakeDeduper) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.empty, f.events, f.people = true, map[string]remembered{}, map[string]string{}
}

// fakeSink is a store with deduplication tokens and replacing tables.
type fakeSink struct {
	mu       sync.Mutex
	attempts []ingest.Batch
	at       []time.Time
	written  map[string]ingest.Batch
	inserts  map[string]int // of each event id, under different tokens
	events   map[string]ingest.Event
	outcomes map[string]ingest.Outcome
	onWrite  func(b ingest.Batch, do func()) error // nil writes
}

func newSink() *fakeSink {
	return &fakeSink{
		written: map[string]ingest.Batch{}, inserts: map[string]int{},
		events: map[string]ingest.Event{}, outcomes: map[string]ingest.Outcome{},
	}
}

func (s *fakeSink) Write(ctx context.Context, b ingest.Batch) error {
	s.mu.Lock()
	s.attempts, s.at = append(s.attempts, b), append(s.at, time.Now())
	hook := s.onWrite
	s.mu.Unlock()
	do := func() { s.store(b) }
	if hook != nil {
		return hook(b, do)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	do()
	return nil
}

// hooked calls do as the hook of writes would.
func (s *fakeSink) hooked(do func()) error {
	if hook := s.onWrite; hook != nil {
		return hook(ingest.Batch{}, do)
	}
	do()
	return nil
}

func (s *fakeSink) store(b ingest.Batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.written[b.ID]; ok {
		return
	}
	s.written[b.ID] = b
	for _, o := range b.Outcomes {
		s.outcomes[o.Delivery.ID] = o
	}
	for _, e := range b.Events {
		s.inserts[e.ID]++
		if before, ok := s.events[e.ID]; !ok || before.Version <= e.Version {
			s.events[e.ID] = e
		}
	}
}

func (s *fakeSink) view() map[string]ingest.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[string]ingest.Event, len(s.events))
	for id, e := range s.events {
		out[id] = e
	}
	return out
}

func (s *fakeSink) outcome(delivery string) ingest.Outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.outcomes[delivery]
}

func (s *fakeSink) tries() []ingest.Batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.attempts)
}

// thing is what the test's source reads: a body is a JSON array of them.
type thing struct {
	Kind    ingest.Kind
	Key     string
	Email   string
	Mutable bool
	Test    bool
	Spam    bool
	Note    string
	Version uint64
}

type fakeSource struct{}

func (fakeSource) Verify(*ingest.Delivery) error { return nil }

func (fakeSource) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	switch string(d.Body) {
	case "panic":
		var nothing []int
		return nil, fmt.Errorf("never: %d", nothing[len(d.Body)])
	case "panic with data":
		panic("ann@example.com")
	case "ignored":
		return nil, ingest.Ignored("event %s by ann@example.com", "ping")
	case "invalid":
		bad := &ingest.InvalidError{}
		bad.Add("email", "has no @")
		return nil, bad.Err()
	case "not whole":
		return []ingest.Event{{ID: "x", Kind: ingest.LeadKind}}, nil
	case "nothing":
		return nil, nil
	}
	var things []thing
	if err := json.Unmarshal(d.Body, &things); err != nil {
		return nil, fmt.Errorf("%w: %w: %q", ingest.ErrMalformed, err, d.Body)
	}
	events := make([]ingest.Event, len(things))
	for i, t := range things {
		events[i] = eventOf(d, t)
	}
	return events, nil
}

func eventOf(d *ingest.Delivery, t thing) ingest.Event {
	e := ingest.Event{
		ID: t.Key, Kind: t.Kind, Key: t.Key, Mutable: t.Mutable, Version: uint64(d.ReceivedAt.UnixMicro()),
		Workspace: "w", Source: d.Source, DeliveryID: d.ID, ReceivedAt: d.ReceivedAt, OccurredAt: d.ReceivedAt,
	}
	if t.Version > 0 {
		e.Version = t.Version
	}
	switch t.Kind {
	case ingest.LeadKind:
		e.Lead = &ingest.Lead{Test: t.Test, Person: ingest.Person{Email: t.Email, Name: t.Note}}
		if t.Spam {
			e.Lead.SpamReasons = []string{"honeypot"}
		}
	case ingest.TouchKind:
		e.Touch = &ingest.Touch{PageURL: t.Note}
	case ingest.CostKind:
		e.Cost = &ingest.Cost{Campaign: t.Note}
	case ingest.StatusKind:
		e.Status = &ingest.Status{Email: t.Email}
	}
	return e
}

// rig is a drain between fakes.
type rig struct {
	t       *testing.T
	log     *fakeLog
	deduper *fakeDeduper
	sink    *fakeSink
	opts    drain.Options
	sent    int
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, log: newLog(), deduper: newDeduper(), sink: newSink()}
	intake := &ingest.Intake{Config: ingest.SourceConfig{Name: "landing"}, Source: fakeSource{}}
	r.opts = drain.Options{
		Log: r.log, Deduper: r.deduper, Rebuild: r.deduper.rebuildFrom(r.sink), Sink: r.sink, Dir: t.TempDir(),
		Intakes: map[string]*ingest.Intake{"landing": intake},
		Backlog: r.log.backlog, Jitter: func() float64 { return 0.5 },
	}
	return r
}

// send appends a delivery with that body and returns its id.
func (r *rig) send(body string) string { return r.sendTo("landing", body) }

func (r *rig) sendTo(source, body string) string {
	r.sent++
	id := fmt.Sprintf("d%03d", r.sent)
	r.log.append(ingest.AppendDelivery(nil, &ingest.Delivery{
		ID: id, Source: source, ReceivedAt: time.Now().UTC().Truncate(time.Microsecond), Method: "POST", Body: []byte(body),
	}))
	return id
}

func (r *rig) things(things ...thing) string {
	body, err := json.Marshal(things)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.send(string(body))
}

// lead sends one lead.
func (r *rig) lead(key, email string) string {
	return r.things(thing{Kind: ingest.LeadKind, Key: key, Email: email})
}

// start runs a new drain; stop ends it and returns what Run returned.
func (r *rig) start() (d *drain.Drain, stop func() error) {
	r.t.Helper()
	d, err := drain.New(r.opts)
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	return d, func() error { cancel(); return <-done }
}

// drained runs a drain until all is counted.
func (r *rig) drained() *drain.Drain {
	r.t.Helper()
	d, stop := r.start()
	if err := d.WaitIdle(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	if err := stop(); err != nil {
		r.t.Fatalf("run: %v", err)
	}
	return d
}

// crash runs a drain whose hooks call die, which ends it at that very point. If
// it has nothing more to do, it ends too.
func (r *rig) crash(hooks func(die func() error)) {
	r.t.Helper()
	d, err := drain.New(r.opts)
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(r.t.Context())
	defer cancel()
	hooks(func() error { cancel(); return errCrash })
	idle := make(chan struct{})
	go func() {
		defer close(idle)
		_ = d.WaitIdle(ctx)
		cancel()
	}()
	defer func() { <-idle }()
	if err := d.Run(ctx); err != nil {
		r.t.Fatalf("run: %v", err)
	}
	r.log.onCommit, r.log.onRead, r.deduper.onClaim, r.sink.onWrite = nil, nil, nil, nil
}

var errCrash = errors.New("crash")
