package clickhouse

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/leadgate/leadgate/analytics/channel"
	"github.com/leadgate/leadgate/ingest"
)

// SinkOptions of a sink. Zero values mean the defaults told.
type SinkOptions struct {
	// Workspaces by name of source, for the deliveries that meant no event.
	Workspaces map[string]string
	// Inserted is told of each insert: the table, its rows, and how long it
	// took. An insert that the server knew already is told like any other. It is
	// told of one at a time.
	Inserted func(table string, rows int, took time.Duration)
}

// Sink writes batches. It is safe for concurrent use.
//
// Every insert carries a token, but only between attempts of one process that
// all succeeded is it trusted. A MergeTree table that is not replicated writes
// a token to its log before it commits the part: a server that is killed
// between the two knows the token after its restart, does not have the rows,
// and would silently drop them when they come again (random kills showed it on
// 26.7). So what follows a failed attempt, or another process's, is inserted
// without deduplication: rows that are in twice have the same id and version,
// and the views show one of them.
type Sink struct {
	conn     *Conn
	opts     SinkOptions
	origin   string // of the tokens: no other sink's, and no earlier process's
	mu       sync.Mutex
	settings clickhouse.Settings // what this server knows of insertSettings
	doubtful map[string]bool     // batches with an attempt that failed
	used     map[[2]string]bool  // columns that joined batches needed, by table and name
	joined   int                 // inserts of these so far
	spares   spares
	telling  sync.Mutex // held while Inserted is told
}

// NewSink makes a sink for the connection's database.
func NewSink(conn *Conn, opts SinkOptions) *Sink {
	if opts.Inserted == nil {
		opts.Inserted = func(string, int, time.Duration) {}
	}
	return &Sink{conn: conn, opts: opts, origin: rand.Text(), doubtful: make(map[string]bool), used: make(map[[2]string]bool)}
}

// Write inserts a batch, in one insert a table, and returns nil when all of it is
// in. The deliveries come last: one that is there has its events there. Called
// again with the same batch it changes nothing. Errors: *ingest.RejectedError if
// a row can never be taken; any other error means that some or all of the batch
// may be in, and that it has to be tried again.
func (s *Sink) Write(ctx context.Context, batch ingest.Batch) error {
	old, err := s.replaced(ctx, &batch)
	if err != nil {
		return fmt.Errorf("batch %s: %w", batch.ID, err)
	}
	inserts, err := s.inserts(batch)
	if err != nil {
		return &ingest.RejectedError{Err: fmt.Errorf("batch %s: %w", batch.ID, err)}
	}
	settings, err := s.serverSettings(ctx)
	if err != nil {
		return fmt.Errorf("batch %s: %w", batch.ID, err)
	}
	const last = batchTables - 1
	events, raw, deliveries := inserts[:last-1], inserts[last-1], inserts[last]
	send := func(inserts ...insert) func() error {
		return func() error { return s.send(ctx, settings, batch.ID, inserts...) }
	}
	if err := inOrder(send(slices.Concat(events, old)...), send(raw), send(deliveries)); err != nil {
		return err
	}
	s.mu.Lock()
	delete(s.doubtful, batch.ID)
	s.mu.Unlock()
	return nil
}

// inOrder sends what was received beside the events, and the deliveries when both
// are in.
func inOrder(events, raw, deliveries func() error) error {
	rawSent := make(chan error, 1) // half of the bytes: while the server waits for its disk, it has that to do
	go func() { rawSent <- raw() }()
	err := events()
	if err = graver(err, <-rawSent); err != nil {
		return err
	}
	return deliveries()
}

// smallBodies tells whether the memory that deliveries of this size take is worth
// keeping for others: a block of them has some MiB at most.
func smallBodies(outcomes []ingest.Outcome) bool {
	total := 0
	for i := range outcomes {
		size := len(outcomes[i].Delivery.Body)
		if total += size; size > 256<<10 {
			return false
		}
	}
	return total <= len(outcomes)*16<<10
}

// graver returns the error that says more of what Write promises: while one part
// may be in, it is too early to take the batch apart for a row of another.
func graver(a, b error) error {
	var rejected *ingest.RejectedError
	if a == nil || b != nil && errors.As(a, &rejected) {
		return b
	}
	return a
}

// send makes inserts, one after the other.
func (s *Sink) send(ctx context.Context, settings clickhouse.Settings, id string, inserts ...insert) error {
	for i := range inserts {
		in := &inserts[i]
		if in.rows == 0 {
			continue
		}
		began := time.Now()
		if err := s.insert(ctx, s.attempt(settings, id, in), in); err != nil {
			return s.judge(id, in.table, err)
		}
		s.tell(in.table, in.rows, time.Since(began))
	}
	return nil
}

func (s *Sink) tell(table string, rows int, took time.Duration) {
	s.telling.Lock()
	defer s.telling.Unlock()
	s.opts.Inserted(table, rows, took)
}

// attempt returns the settings of one insert, see Sink.
func (s *Sink) attempt(common clickhouse.Settings, id string, in *insert) clickhouse.Settings {
	settings := maps.Clone(common)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.doubtful[id] {
		settings["insert_deduplication_token"] = id + ":" + in.table + in.suffix + ":" + s.origin
		return settings
	}
	settings["insert_deduplicate"] = 0
	if _, known := settings["deduplicate_insert"]; known {
		settings["deduplicate_insert"] = "disable"
	}
	return settings
}

// batchTables is how many tables a batch may have rows for.
const batchTables = 8

// inserts checks the batch and takes it apart: the tables of events in their
// order, then what was received, then the deliveries.
func (s *Sink) inserts(batch ingest.Batch) (inserts [batchTables]insert, err error) {
	counts := make(map[ingest.Kind]int)
	for i := range batch.Events {
		counts[batch.Events[i].Kind]++
	}
	events := make(map[ingest.Kind][]eventRow)
	for kind, n := range counts {
		events[kind] = make([]eventRow, 0, n)
	}
	workspaces := make(map[string]string, len(batch.Outcomes))
	for i := range batch.Events {
		if i%stepRows == 0 {
			runtime.Gosched()
		}
		row := eventRow{Event: &batch.Events[i]}
		if err := row.complete(); err != nil {
			return inserts, fmt.Errorf("event %d (%s %s): %w", i, row.Kind, row.ID, err)
		}
		workspaces[row.DeliveryID] = row.Workspace
		events[row.Kind] = append(events[row.Kind], row)
	}
	leads, touches := events[ingest.LeadKind], events[ingest.TouchKind]
	costs, statuses := events[ingest.CostKind], events[ingest.StatusKind]
	outcomes := make([]outcomeRow, 0, len(batch.Outcomes))
	raws := make([]outcomeRow, 0, len(batch.Outcomes))
	for i := range batch.Outcomes {
		row := outcomeRow{Outcome: &batch.Outcomes[i]}
		if row.Delivery == nil || !timeFits(row.Delivery.ReceivedAt) {
			return inserts, fmt.Errorf("outcome %d: received_at: not between 1900 and 2299", i)
		}
		var ok bool
		if row.workspace, ok = workspaces[row.Delivery.ID]; !ok {
			row.workspace = s.opts.Workspaces[row.Delivery.Source]
		}
		outcomes = append(outcomes, row)
		if row.Delivery.Replay == 0 { // a replay comes from there
			raws = append(raws, row)
		}
	}
	inserts = [...]insert{
		newInsert("contacts_log", contactColumns, leads), // before leads: a lead that is there can be reached
		newInsert("leads_log", leadColumns, leads),
		newInsert("touches_log", touchColumns, touches),
		newInsert("costs_log", costColumns, costs), // before cost_slices_log: nothing is left out before its successor is there
		newInsert("cost_slices_log", sliceColumns, slicesOf(costs, batch.Outcomes)),
		newInsert("statuses_log", statusColumns, statuses),
		newInsert("raw_log", rawColumns, raws),
		newInsert("deliveries_log", deliveryColumns, outcomes),
	}
	small := smallBodies(batch.Outcomes)
	for i := range inserts {
		inserts[i].small = small
	}
	return inserts, nil
}

// complete checks what the columns could not hold and finds the channel.
func (r *eventRow) complete() error {
	switch {
	case !timeFits(r.OccurredAt):
		return errors.New("occurred_at: not between 1900 and 2299")
	case !timeFits(r.ReceivedAt):
		return errors.New("received_at: not between 1900 and 2299")
	}
	switch {
	case r.Kind == ingest.LeadKind && r.Lead != nil:
		r.clicks = clicksOf(&r.Lead.Tagging)
		r.tag = classify(&r.Lead.Tagging, r.Lead.Platform, r.Lead.Referrer, r.Lead.PageURL)
	case r.Kind == ingest.TouchKind && r.Touch != nil:
		r.clicks = clicksOf(&r.Touch.Tagging)
		r.tag = classify(&r.Touch.Tagging, "", r.Touch.Referrer, r.Touch.PageURL)
	case r.Kind == ingest.CostKind && r.Cost != nil:
		var err error
		if r.day, err = time.Parse(time.DateOnly, r.Cost.Day); err != nil || r.day.Before(firstDay) || r.day.After(lastDay) {
			return errors.New("day: not YYYY-MM-DD between 1970 and 2149")
		}
		if !moneyFits(r.Cost.Amount) {
			return errors.New("cost: more than 18 digits")
		}
		r.tag = channel.OfCost(defaulted(r.Cost.Source, r.Cost.Platform), r.Cost.Medium, r.Cost.Campaign)
	case r.Kind == ingest.StatusKind && r.Status != nil:
		if r.Status.Value != nil && !moneyFits(*r.Status.Value) {
			return errors.New("value: more than 18 digits")
		}
	default:
		return errors.New("kind: no such kind, or its part is missing")
	}
	return nil
}

func classify(t *ingest.Tagging, platform, referrer, pageURL string) channel.Result {
	return channel.OfAd(platform, t.Source, t.Medium, t.Campaign, t.ClickIDs, referrer, pageURL)
}
