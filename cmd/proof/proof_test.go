package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leadgate/leadgate/analytics/clickhouse/embedded"
	"github.com/leadgate/leadgate/ingest"
)

// needParts fails if CI is set and a real part is missing, and skips without.
func needParts(t *testing.T) {
	t.Helper()
	_, engine := embedded.FindLibrary(os.Getenv("LEADGATE_LIBCHDB"))
	_, redis := exec.LookPath("redis-server")
	if err := errors.Join(engine, redis); err != nil && os.Getenv("CI") == "" {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
}

// Every fault, once through with a fixed seed. `make proof` is the long run.
func TestIntegration_Faults(t *testing.T) {
	needParts(t)
	p := *prepared(t)
	p.parallel = 4
	if only := os.Getenv("PROOF_ONLY"); only != "" {
		p.only = regexp.MustCompile(only)
	}
	outcomes := runAll(t.Context(), &p, choose(&p))
	var table bytes.Buffer
	printTable(&table, outcomes)
	t.Logf("\n%s", &table)
	for i := range outcomes {
		if o := &outcomes[i]; !o.passed() {
			t.Errorf("%s: %s %s", o.Fault, o.verdict(), o.Err)
		}
	}
}

// onPlan is one plan for all tests, so that the binary is built once.
var onPlan = sync.OnceValues(func() (*plan, error) {
	p := &plan{seed: 1, only: regexp.MustCompile("")}
	var err error
	release, err = p.prepare(context.Background())
	return p, err
})

var release = func() {}

func TestMain(m *testing.M) {
	code := m.Run()
	release()
	os.Exit(code)
}

func prepared(t *testing.T) *plan {
	t.Helper()
	p, err := onPlan()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A proof is worth what it would notice: rows are removed, changed and added
// behind its back.
func TestIntegration_TheCheckNotices(t *testing.T) {
	needParts(t)
	w, err := newWorld(prepared(t), 1, "tampered")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.close(false); err != nil {
			t.Error(err)
		}
	})
	ctx := t.Context()
	if err := w.start(ctx); err != nil {
		t.Fatal(err)
	}
	load := w.startLoad(ctx, loadOptions{chains: 45})
	if err := errors.Join(load.wait(ctx), w.settle(ctx)); err != nil {
		t.Fatal(err)
	}
	found := func(what string) *result {
		t.Helper()
		r, err := w.check(ctx)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		return r
	}
	if r := found("nothing done"); !r.good() || r.Rows < 45 || len(w.ledger.receipts) < 30 {
		t.Fatalf("nothing was done, and the check says %+v, with %d receipts", r, len(w.ledger.receipts))
	}
	for _, kind := range []string{leads, touches, costs, statuses, deliveries} {
		if rows, err := w.read(ctx, queries[kind]); err != nil || len(rows) == 0 {
			t.Errorf("a short load holds no %s (%v)", kind, err)
		}
	}
	for _, step := range []struct {
		what, statement string
		noticed         func(*result) bool
	}{
		{
			"a touch is lost", "DELETE FROM touches_log WHERE touch_id IN (SELECT min(touch_id) FROM touches_log)",
			func(r *result) bool { return r.Lost == 1 && r.Doubled == 0 },
		},
		{
			"a lead is doubled", `INSERT INTO leads_log SELECT * REPLACE('another' AS lead_id) FROM leads_log
				WHERE verdict = 'unique' LIMIT 1`,
			func(r *result) bool { return r.Lost == 1 && r.Doubled == 1 },
		},
		{
			"a status is changed", `INSERT INTO statuses_log SELECT * REPLACE('lost' AS status, version + 1 AS version)
				FROM (SELECT * FROM statuses_log ORDER BY version DESC LIMIT 1)`,
			func(r *result) bool { return strings.Contains(strings.Join(r.Problems, "\n"), `"lost|`) },
		},
		{
			"a cost is invented", `INSERT INTO costs_log SELECT * REPLACE('invented' AS campaign, 'another' AS cost_id)
				FROM (SELECT * FROM costs_log ORDER BY version DESC LIMIT 1)`,
			func(r *result) bool {
				text := strings.Join(r.Problems, "\n")
				return strings.Contains(text, "never sent") && strings.Contains(text, "the report says")
			},
		},
		{
			"a delivery is lost", "DELETE FROM deliveries_log WHERE source = 'clicks'",
			func(r *result) bool { return r.Lost > 1 },
		},
	} {
		if _, err := w.run(ctx, "sql", "--write", "--yes", step.statement); err != nil {
			t.Fatalf("%s: %v", step.what, err)
		}
		if r := found(step.what); !step.noticed(r) {
			t.Errorf("%s, and the check says %+v", step.what, r)
		}
	}
	if err := w.stop(ctx); err != nil {
		t.Error(err)
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	at := func(content string, accepted bool) state {
		return state{row: row{view: leads, id: "a", content: content, unique: true}, accepted: accepted}
	}
	for name, c := range map[string]struct {
		sent                 []state
		stored               []string
		lost, doubled, wrong int
		leads                int64
	}{
		"there":                       {[]state{at("1", true)}, []string{"1"}, 0, 0, 0, 1},
		"lost":                        {[]state{at("1", true)}, nil, 1, 0, 0, 0},
		"never answered, absent":      {[]state{at("1", false)}, nil, 0, 0, 0, 0},
		"never answered, there":       {[]state{at("1", false)}, []string{"1"}, 0, 0, 0, 1},
		"never answered, twice":       {[]state{at("1", false)}, []string{"1", "1"}, 0, 1, 0, 1},
		"doubled":                     {[]state{at("1", true)}, []string{"1", "1"}, 0, 1, 0, 1},
		"other content":               {[]state{at("1", true)}, []string{"2"}, 0, 0, 1, 1},
		"updated":                     {[]state{at("1", true), at("2", true)}, []string{"2"}, 0, 0, 0, 1},
		"update lost":                 {[]state{at("1", true), at("2", true)}, []string{"1"}, 0, 0, 1, 1},
		"update unanswered, kept":     {[]state{at("1", true), at("2", false)}, []string{"2"}, 0, 0, 0, 1},
		"update unanswered, not kept": {[]state{at("1", true), at("2", false)}, []string{"1"}, 0, 0, 0, 1},
	} {
		var r result
		var sum totals
		compare(&r, rowKey{leads, "a"}, &entry{c.sent}, c.stored, &sum)
		if r.Lost != c.lost || r.Doubled != c.doubled || r.Wrong != c.wrong || sum.leads != c.leads {
			t.Errorf("%s: %+v, %d leads", name, r, sum.leads)
		}
	}
}

func TestGenerator_IsTheSameForTheSameSeed(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	a, b, other := newGenerator(7, now), newGenerator(7, now), newGenerator(8, now)
	kinds, differs := map[string]bool{}, false
	for n := range 200 {
		x, y, z := a.next(0), b.next(0), other.next(0)
		if len(x) != len(y) {
			t.Fatalf("chain %d has %d and %d deliveries", n, len(x), len(y))
		}
		for i := range x {
			kinds[x[i].kind] = true
			if !reflect.DeepEqual(x[i].rows, y[i].rows) || !bytes.Equal(x[i].build().body, y[i].build().body) {
				t.Errorf("chain %d, delivery %d differs", n, i)
			}
			differs = differs || i >= len(z) || !reflect.DeepEqual(x[i].rows, z[i].rows)
		}
	}
	if len(kinds) != 9 || !differs {
		t.Errorf("%d kinds: %v; another seed differs: %v", len(kinds), kinds, differs)
	}
}

// The ledger asks for what the last accepted state says, whatever was refused
// before it.
func TestLedger(t *testing.T) {
	t.Parallel()
	l := newLedger()
	first, second := costFile("c", time.Time{}, 1, 0), costFile("c", time.Time{}, 1, 1)
	for range 2 {
		l.sending(first)
		l.unanswered()
	}
	l.sending(first)
	l.answered(first, "id")
	l.sending(second)
	l.refused()
	e := l.entries[rowKey{costs, "c-0"}]
	if len(e.states) != 2 || e.accepted() != 0 || l.acceptedNow() != 1 || l.attempts != (counts{1, 1, 2}) || !l.receipts["id"] {
		t.Errorf("%+v, %+v", l, e)
	}
	if second.rows[0].cost != ingest.Micros(1_240_000) {
		t.Errorf("restated cost %s", second.rows[0].cost)
	}
}

func TestWorld_OutcomeOfAnErrorIsNoSuccess(t *testing.T) {
	t.Parallel()
	p := &plan{dir: t.TempDir(), binary: "/nonexistent", seed: 1}
	o := play(t.Context(), p, scenario{"broken", func(context.Context, *world) error { return nil }})
	if o.passed() || o.Err == "" || o.verdict() != "FAILED" {
		t.Errorf("%+v", o)
	}
}
