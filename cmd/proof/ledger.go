package main

import (
	"sync"

	"github.com/leadgate/leadgate/ingest"
)

// The views that the ledger's rows stand in.
const (
	leads    = "leads"
	touches  = "touches"
	costs    = "costs"
	statuses = "statuses"

	deliveries = "deliveries" // of which the ledger knows the ids in answers
)

// row is what a delivery must become: one row of a view. ID is the sender's
// own, unique in the view (see queries in check.go); content is what the check
// reads beside it.
type row struct {
	view, id, content string
	unique            bool // a lead that the report counts
	cost              ingest.Micros
	clicks            int64
}

// delivery is one HTTP request, with the rows that it becomes if it is kept.
// Later states of a row come as further deliveries with the same row ids.
type delivery struct {
	kind string
	rows []row
	// build makes the request anew for each attempt: some sign the time.
	build func() request
}

// state is one content that a row was sent with.
type state struct {
	row      row
	accepted bool
}

// entry is what is known of one row.
type entry struct{ states []state }

// accepted returns the index of the last state that got a 2xx, -1 if none.
func (e *entry) accepted() int {
	for i := len(e.states) - 1; i >= 0; i-- {
		if e.states[i].accepted {
			return i
		}
	}
	return -1
}

// counts of a ledger, in attempts.
type counts struct{ Accepted, Refused, Unanswered int }

// ledger is what was sent and how it was answered. It is safe for concurrent
// use.
type ledger struct {
	mu       sync.Mutex
	entries  map[rowKey]*entry
	order    []rowKey
	receipts map[string]bool // ids that were given in answers
	attempts counts
	accepted int // deliveries that got a 2xx at least once
	problems []string
}

type rowKey struct{ view, id string }

func newLedger() *ledger {
	return &ledger{entries: map[rowKey]*entry{}, receipts: map[string]bool{}}
}

// sending notes the rows of d; call it before each attempt.
func (l *ledger) sending(d *delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range d.rows {
		key := rowKey{r.view, r.id}
		e := l.entries[key]
		if e == nil {
			e = &entry{}
			l.entries[key] = e
			l.order = append(l.order, key)
		}
		if n := len(e.states); n == 0 || e.states[n-1].row.content != r.content {
			e.states = append(e.states, state{row: r})
		}
	}
}

// answered notes a 2xx or 3xx (a form's 303) to d. Receipt is the delivery's
// id, if the answer told one.
func (l *ledger) answered(d *delivery, receipt string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.attempts.Accepted++
	if receipt != "" {
		l.receipts[receipt] = true
	}
	first := false
	for _, r := range d.rows {
		e := l.entries[rowKey{r.view, r.id}]
		for i := range e.states {
			if e.states[i].row.content == r.content && !e.states[i].accepted {
				e.states[i].accepted, first = true, true
			}
		}
	}
	if first {
		l.accepted++
	}
}

// refused notes another status, unanswered that there was none. Neither tells
// whether it was kept.
func (l *ledger) refused() { l.count(func(c *counts) { c.Refused++ }) }

func (l *ledger) unanswered() { l.count(func(c *counts) { c.Unanswered++ }) }

func (l *ledger) count(add func(*counts)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	add(&l.attempts)
}

// problem notes something that must not be, whatever the views say.
func (l *ledger) problem(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.problems) < 20 {
		l.problems = append(l.problems, text)
	}
}

// acceptedNow is how many deliveries got a 2xx so far.
func (l *ledger) acceptedNow() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.accepted
}
