package metric

import (
	"context"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// Stage names a part of the drain that can fail and be tried again.
type Stage string

// The stages of the drain.
const (
	Dedupe  Stage = "dedupe"  // the memory of ids and persons
	Sink    Stage = "sink"    // the store
	Journal Stage = "journal" // reading and committing
)

// Answered counts a request to a source's door by its answer: "accepted", or
// the code of the error, which must be one of a fixed set.
func (s *Set) Answered(source, code string) {
	if s == nil {
		return
	}
	if known, ok := s.accepted[source]; ok && code == "accepted" {
		known.Inc()
		return
	}
	s.answers.WithLabelValues(s.source(source), code).Inc()
}

// Limited counts a request or connection that a limit refused; limit names it: source,
// address, memory, connections …
func (s *Set) Limited(source, limit string) {
	if s != nil {
		s.limited.WithLabelValues(s.source(source), limit).Inc()
	}
}

// Panicked counts a request whose handler panicked.
func (s *Set) Panicked() {
	if s != nil {
		s.panics.Inc()
	}
}

// Appended observes one append to the journal.
func (s *Set) Appended(took time.Duration, err error) {
	switch {
	case s == nil:
	case err != nil:
		s.appendErrors.Inc()
	default:
		s.append.Observe(took.Seconds())
	}
}

// Appender returns journal with its appends observed.
func (s *Set) Appender(journal ingest.Appender) ingest.Appender {
	if s == nil {
		return journal
	}
	return timedAppender{journal, s}
}

type timedAppender struct {
	ingest.Appender
	set *Set
}

func (t timedAppender) Append(ctx context.Context, record []byte) error {
	start := time.Now()
	err := t.Appender.Append(ctx, record)
	t.set.Appended(time.Since(start), err)
	return err
}

// Settled counts a kept delivery by its verdict, and observes how long after
// its receipt it was in the store.
func (s *Set) Settled(source string, verdict ingest.Verdict, delay time.Duration) {
	if s != nil {
		s.deliveries.WithLabelValues(s.source(source), string(verdict)).Inc()
		s.delay.Observe(delay.Seconds())
	}
}

// Leads counts leads that were written.
func (s *Set) Leads(source string, verdict ingest.LeadVerdict, n int) {
	if s != nil {
		s.leads.WithLabelValues(s.source(source), string(verdict)).Add(float64(n))
	}
}

// Rows counts rows written to a table of the schema.
func (s *Set) Rows(table string, n int) {
	if s != nil {
		s.rows.WithLabelValues(table).Add(float64(n))
	}
}

// Batch observes how long one batch took, from read to committed.
func (s *Set) Batch(took time.Duration) {
	if s != nil {
		s.batch.Observe(took.Seconds())
	}
}

// Failed counts a failed attempt of a stage.
func (s *Set) Failed(stage Stage) {
	if s != nil {
		s.errors.WithLabelValues(string(stage)).Inc()
	}
}

// Retried counts an attempt of a stage that follows a failed one.
func (s *Set) Retried(stage Stage) {
	if s != nil {
		s.retries.WithLabelValues(string(stage)).Inc()
	}
}
