package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// queries read what the views say: the row's id, then its content.
var queries = map[string]string{
	leads: `SELECT concat(l.source, '/', l.external_id) AS id, concat(l.verdict, '|', l.utm_campaign, '|', l.gclid, '|',
		toString(ifNull(l.call_duration, -1)), '|', s.email, '|', s.phone, '|', s.name) AS content
		FROM leads AS l LEFT JOIN submissions AS s ON s.workspace = l.workspace AND s.lead_id = l.lead_id`,
	touches: "SELECT visitor_id AS id, concat(utm_source, '|', utm_campaign, '|', page_url) AS content FROM touches",
	costs: `SELECT campaign AS id, concat(toString(day), '|', toString(toInt64(cost * 1000000)), '|', currency, '|',
		toString(assumeNotNull(clicks))) AS content FROM costs`,
	statuses: `SELECT external_id AS id, concat(status, '|', toString(toInt64(assumeNotNull(value) * 1000000)), '|', currency)
		AS content FROM statuses`,
	deliveries: "SELECT delivery_id AS id, verdict AS content FROM deliveries",
}

// result is what a check found.
type result struct {
	Accepted int `json:"accepted"` // deliveries with a 2xx
	Rows     int `json:"rows"`     // that they had to become
	Lost     int `json:"lost"`     // rows with a 2xx that are not there
	Doubled  int `json:"doubled"`  // rows that are there more than once
	Wrong    int `json:"wrong"`    // content, strangers, totals, verdicts
	counts
	Problems []string `json:"problems,omitempty"`
}

func (r *result) good() bool { return r.Lost+r.Doubled+r.Wrong == 0 }

const maxProblems = 20

func (r *result) problem(count *int, format string, args ...any) {
	*count++
	if len(r.Problems) < maxProblems {
		r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
	}
}

// check waits until all is counted and holds the views and the report against
// the ledger. No load may run, and the gateway must.
func (w *world) check(ctx context.Context) (*result, error) {
	if err := w.counted(ctx); err != nil {
		return nil, err
	}
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	l := w.ledger
	r := &result{Accepted: l.accepted, counts: l.attempts}
	for _, text := range l.problems {
		r.problem(&r.Wrong, "%s", text)
	}
	stored, err := w.readViews(ctx)
	if err != nil {
		return nil, err
	}
	for key := range stored {
		if key.view != deliveries && l.entries[key] == nil {
			r.problem(&r.Wrong, "%s: %s is there and was never sent", key.view, key.id)
		}
	}
	var sum totals
	for _, key := range l.order {
		compare(r, key, l.entries[key], stored[key], &sum)
	}
	l.checkReceipts(r, stored)
	return r, w.checkTotals(ctx, r, sum)
}

// totals are what the report must say, of the rows that are there.
type totals struct {
	leads, touches, costClicks int64
	cost                       ingest.Micros
}

func (t *totals) add(r row) {
	switch {
	case r.view == touches:
		t.touches++
	case r.view == costs:
		t.cost += r.cost
		t.costClicks += r.clicks
	case r.unique:
		t.leads++
	}
}

// compare holds one row against what was sent of it.
func compare(r *result, key rowKey, e *entry, stored []string, sum *totals) {
	last := e.accepted()
	if last >= 0 {
		r.Rows++
	}
	switch {
	case len(stored) == 0 && last >= 0:
		r.problem(&r.Lost, "%s: %s is lost", key.view, key.id)
		return
	case len(stored) == 0:
		return
	case len(stored) > 1:
		r.problem(&r.Doubled, "%s: %s is there %d times", key.view, key.id, len(stored))
	}
	// The last state with a 2xx must show, or one that was sent after it.
	for _, s := range e.states[max(0, last):] {
		if s.row.content == stored[0] {
			sum.add(s.row)
			return
		}
	}
	want := e.states[max(0, last)].row
	sum.add(want)
	r.problem(&r.Wrong, "%s: %s is %q, not %q", key.view, key.id, stored[0], want.content)
}

// checkReceipts looks up the ids that were given in answers. Callers hold mu.
func (l *ledger) checkReceipts(r *result, stored map[rowKey][]string) {
	for key, verdicts := range stored {
		for _, text := range verdicts {
			if verdict := ingest.Verdict(text); key.view == deliveries && verdict != ingest.Accepted && verdict != ingest.Duplicate {
				r.problem(&r.Wrong, "deliveries: %s is %s", key.id, verdict)
			}
		}
	}
	for id := range l.receipts {
		switch n := len(stored[rowKey{deliveries, id}]); {
		case n == 0:
			r.problem(&r.Lost, "deliveries: %s is lost", id)
		case n > 1:
			r.problem(&r.Doubled, "deliveries: %s is there %d times", id, n)
		}
	}
}

// checkTotals asks the CPL report about leads and clicks, and about the money.
func (w *world) checkTotals(ctx context.Context, r *result, want totals) error {
	got, err := w.report(ctx, "default")
	if err != nil {
		return err
	}
	if got.Leads != want.leads || got.Clicks != want.touches {
		r.problem(&r.Wrong, "the report says %d leads and %d clicks, not %d and %d", got.Leads, got.Clicks, want.leads, want.touches)
	}
	if got, err = w.report(ctx, "spend"); err != nil {
		return err
	}
	cost := ingest.Micros(0)
	if got.Cost != "" {
		if cost, err = ingest.ParseMicros(got.Cost); err != nil {
			return fmt.Errorf("the report's cost: %w", err)
		}
	}
	if cost != want.cost || got.Clicks != want.costClicks {
		r.problem(&r.Wrong, "the report says %s for %d clicks, not %s for %d", cost, got.Clicks, want.cost, want.costClicks)
	}
	return nil
}

type reportTotals struct {
	Cost   string `json:"cost"`
	Clicks int64  `json:"clicks"`
	Leads  int64  `json:"leads"`
}

func (w *world) report(ctx context.Context, workspace string) (reportTotals, error) {
	day := func(days int) string { return w.generator.today.AddDate(0, 0, days).Format(time.DateOnly) }
	text, err := w.run(ctx, "report", "cpl", "--from", day(-3), "--to", day(3), "--workspace", workspace, "--format", "json")
	var answer struct {
		Totals reportTotals `json:"totals"`
	}
	if err == nil {
		err = json.Unmarshal(text, &answer)
	}
	return answer.Totals, err
}

// readViews asks all queries at once.
func (w *world) readViews(ctx context.Context) (map[rowKey][]string, error) {
	var parts []string
	for view, query := range queries {
		parts = append(parts, fmt.Sprintf("SELECT concat('%s ', id), content FROM (%s)", view, query))
	}
	rows, err := w.read(ctx, strings.Join(parts, "\nUNION ALL\n"))
	if err != nil {
		return nil, err
	}
	stored := make(map[rowKey][]string, len(rows))
	for _, row := range rows {
		view, id, _ := strings.Cut(row[0], " ")
		key := rowKey{view, id}
		stored[key] = append(stored[key], row[1])
	}
	return stored, nil
}

// read asks for two columns.
func (w *world) read(ctx context.Context, query string) ([][2]string, error) {
	text, err := w.run(ctx, "sql", query, "--format", "TSV")
	if err != nil {
		return nil, err
	}
	var rows [][2]string
	for line := range strings.Lines(string(text)) {
		a, b, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		rows = append(rows, [2]string{a, b})
	}
	return rows, nil
}
