package clickhouse

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/leadgate/leadgate/ingest"
)

// Joined are batches on their way into the store together: the server gets them
// as they come, and makes of all of them one part a table and partition. It needs
// a connection for each table until it is committed or aborted. It is not safe
// for concurrent use.
type Joined struct {
	sink     *Sink
	ctx      context.Context
	id       string
	settings clickhouse.Settings
	tables   [batchTables][]*opening // in the order in which they are to be sent
	sent     bool
}

// Join begins batches that are written together, under the id of the first one.
// ctx holds until they are committed.
func (s *Sink) Join(ctx context.Context, id string) (*Joined, error) {
	settings, err := s.serverSettings(ctx)
	if err != nil {
		return nil, fmt.Errorf("batch %s: %w", id, err)
	}
	return &Joined{sink: s, ctx: ctx, id: id, settings: settings}, nil
}

// Append adds a batch without replays. Nothing of it is in the store before
// Commit. Errors are those of Sink.Write.
func (j *Joined) Append(batch ingest.Batch) error {
	inserts, err := j.sink.inserts(batch)
	if err != nil {
		return &ingest.RejectedError{Err: fmt.Errorf("batch %s: %w", batch.ID, err)}
	}
	for i := range inserts {
		in := &inserts[i]
		if in.rows == 0 {
			continue
		}
		o, err := j.into(i, in)
		if err == nil {
			err = o.append(in)
		}
		if err != nil {
			return j.sink.judge(j.id, in.table, err)
		}
	}
	return nil
}

// into returns an INSERT into the table that has the columns which are needed.
// Each further one has all that the ones before had, so there are few.
func (j *Joined) into(table int, in *insert) (*opening, error) {
	opened := j.tables[table]
	if n := len(opened); n > 0 && opened[n-1].takes(in) {
		return opened[n-1], nil
	}
	names, token := j.sink.join(in)
	settings := maps.Clone(j.settings)
	settings["insert_deduplication_token"] = token
	o, err := j.sink.open(j.ctx, settings, in.table, names)
	if err == nil {
		j.tables[table] = append(opened, o)
	}
	return o, err
}

// join returns the columns that batches which are written together needed so
// far, with those of one more insert, and a token for them that was never used:
// no second attempt has it.
func (s *Sink) join(in *insert) (names []string, token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	names = in.names(s.used)
	for _, name := range names {
		s.used[[2]string{in.table, name}] = true
	}
	s.joined++
	return names, fmt.Sprintf("joined %d:%s:%s", s.joined, in.table, s.origin)
}

// Commit returns nil when all of it is in, in the order that Sink.Write keeps.
// After an error some of it may be in. Errors are those of Sink.Write.
func (j *Joined) Commit() error {
	j.sent = true
	const last = batchTables - 1
	send := func(tables ...[]*opening) func() error {
		return func() error { return j.send(slices.Concat(tables...)) }
	}
	err := inOrder(send(j.tables[:last-1]...), send(j.tables[last-1]), send(j.tables[last]))
	if err != nil {
		j.abort()
	}
	return err
}

func (j *Joined) send(opened []*opening) error {
	for _, o := range opened {
		began := time.Now()
		if err := o.send(); err != nil {
			return j.sink.judge(j.id, o.table, err)
		}
		j.sink.tell(o.table, o.rows, time.Since(began))
	}
	return nil
}

// Abort gives up what was not committed. After Commit it does nothing.
func (j *Joined) Abort() {
	if !j.sent {
		j.sent = true
		j.abort()
	}
}

func (j *Joined) abort() {
	for _, o := range slices.Concat(j.tables[:]...) {
		o.abort()
	}
}
