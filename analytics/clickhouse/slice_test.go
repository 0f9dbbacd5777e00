package clickhouse_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leadgate/leadgate/analytics/clickhouse"
	"github.com/leadgate/leadgate/analytics/clickhouse/clickhousetest"
	"github.com/leadgate/leadgate/ingest"
)

// costImport is a delivery of costs as it is read now: what each campaign of each
// slice cost.
type costImport struct {
	rank   int
	whole  bool
	replay uint32
	rows   map[[2]string]int // by slice and campaign
}

func (c *costImport) delivery() *ingest.Delivery {
	// Some lie in other months, which are other partitions.
	d := delivery(fmt.Sprintf("C%05d", c.rank), noon.AddDate(0, 0, 20*c.rank))
	d.Replay = c.replay
	return d
}

func (c *costImport) batch() ingest.Batch {
	d := c.delivery()
	out := ingest.Outcome{Delivery: d, Verdict: ingest.Accepted, Events: len(c.rows)}
	b := ingest.Batch{ID: fmt.Sprint(c.rank, "/", c.replay, "/", rand.Int64())}
	for name, amount := range c.rows {
		key := name[0] + " " + name[1]
		e := ingest.Event{
			ID: ingest.EventID("default", "landing", ingest.CostKind, key), Kind: ingest.CostKind, Key: key, Mutable: true,
			Version: d.Rank(), Workspace: "default", Source: "landing", DeliveryID: d.ID, ReceivedAt: d.ReceivedAt, OccurredAt: d.ReceivedAt,
			Cost: &ingest.Cost{
				Platform: "google", Day: "2026-01-02", Campaign: name[1], Amount: ingest.Micros(amount) * 1e6, Currency: "EUR",
				Level: "campaign", Slice: name[0], Whole: c.whole,
			},
		}
		out.EventIDs = append(out.EventIDs, e.ID)
		b.Events = append(b.Events, e)
	}
	b.Outcomes = []ingest.Outcome{out}
	return b
}

// expected is what the view must show after these imports, in whatever order
// they were counted.
func expected(imports []*costImport) string {
	type state struct{ rank, amount int }
	since, latest := map[string]int{}, map[[2]string]state{}
	for _, c := range imports {
		for name, amount := range c.rows {
			if c.whole {
				since[name[0]] = max(since[name[0]], c.rank)
			}
			if latest[name].rank < c.rank {
				latest[name] = state{c.rank, amount}
			}
		}
	}
	var lines []string
	for name, s := range latest {
		if s.rank >= since[name[0]] {
			lines = append(lines, fmt.Sprintf("%s|%s|%d", name[0], name[1], s.amount))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

const shownCosts = "SELECT slice, campaign, toInt64(cost) FROM costs ORDER BY slice, campaign"

func randomImport(r *rand.Rand, rank int) *costImport {
	c := &costImport{rank: rank, whole: r.IntN(3) > 0, rows: map[[2]string]int{}}
	for len(c.rows) == 0 {
		for _, slice := range []string{"s1", "s2", "s3"}[:1+r.IntN(3)] {
			for _, campaign := range []string{"a", "b", "c", "d"} {
				if r.IntN(2) == 0 {
					c.rows[[2]string{slice, campaign}] = 1 + r.IntN(3) // often what it was
				}
			}
		}
	}
	return c
}

// reread changes what a delivery means, as another decoder would. What a whole
// one drops it must still tell the slice of: a row that it had replaced is not
// kept, so it could not come back.
func (c *costImport) reread(r *rand.Rand) {
	names := make([][2]string, 0, len(c.rows))
	slicesOf := map[string]int{}
	for name := range c.rows {
		names = append(names, name)
		slicesOf[name[0]]++
	}
	slices.SortFunc(names, func(a, b [2]string) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	for _, name := range names {
		switch n := r.IntN(4); {
		case n == 0 && c.whole && slicesOf[name[0]] > 1:
			delete(c.rows, name)
			slicesOf[name[0]]--
		case n == 1:
			c.rows[name] += 10
		}
	}
}

// Imports in any order, tried again, replayed as they were and as they are read
// by then: the view shows what the latest of each slice told.
func TestIntegrationSlices_AnyOrderEqualsTheModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(5) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 7))
			conn := clickhousetest.Open(t)
			sink := clickhouse.NewSink(conn, clickhouse.SinkOptions{})
			put := func(b ingest.Batch) {
				t.Helper()
				if err := sink.Write(t.Context(), b); err != nil {
					t.Fatal(err)
				}
			}
			ranks := r.Perm(14)
			var done []*costImport
			for step := 0; step < 40 && len(ranks) > 0; step++ {
				switch n := r.IntN(10); {
				case n < 5 || len(done) == 0:
					c := randomImport(r, 1+ranks[0])
					ranks, done = ranks[1:], append(done, c)
					put(c.batch())
				case n < 6: // again, by another process
					sink = clickhouse.NewSink(conn, clickhouse.SinkOptions{})
					put(done[r.IntN(len(done))].batch())
				case n < 9:
					c := done[r.IntN(len(done))]
					if c.replay++; n == 8 {
						c.reread(r)
					}
					put(c.batch())
				default:
					clickhousetest.Merge(t, conn, "costs_log", "cost_slices_log")
				}
				if got, want := ask(t, conn, shownCosts), expected(done); got != want {
					t.Fatalf("step %d: the view shows\n%s\nwant\n%s", step, got, want)
				}
			}
		})
	}
}

// A replay that tells nothing of a day any more leaves the day as it was told
// before, as far as that is kept.
func TestIntegrationSlices_ReplayTakesItsOwnWordBack(t *testing.T) {
	t.Parallel()
	conn := clickhousetest.Open(t)
	first := &costImport{rank: 1, whole: true, rows: map[[2]string]int{{"s1", "a"}: 1, {"s1", "b"}: 2}}
	second := &costImport{rank: 2, whole: true, rows: map[[2]string]int{{"s1", "c"}: 3, {"s2", "c"}: 4}}
	write(t, conn, first.batch(), second.batch())
	want(t, conn, shownCosts, "s1|c|3\ns2|c|4")
	want(t, conn, "SELECT count() FROM cost_states", "4")
	second.replay, second.rows = 1, map[[2]string]int{{"s2", "c"}: 4}
	write(t, conn, second.batch())
	want(t, conn, shownCosts, "s1|a|1\ns1|b|2\ns2|c|4")
	second.replay, second.rows = 2, map[[2]string]int{{"s1", "a"}: 9}
	write(t, conn, second.batch())
	want(t, conn, shownCosts, "s1|a|9")
	second.replay, second.rows = 3, nil // quarantined
	write(t, conn, second.batch())
	want(t, conn, shownCosts, "s1|b|2")
}

// Cut off behind any of its inserts and tried again, an import replaces all the
// same, and never shows less than one of the two.
func TestIntegrationSlices_CutOff(t *testing.T) {
	t.Parallel()
	first := &costImport{rank: 1, whole: true, rows: map[[2]string]int{{"s1", "a"}: 1, {"s1", "b"}: 2}}
	second := &costImport{rank: 2, whole: true, rows: map[[2]string]int{{"s1", "a"}: 3}}
	for cut := 1; cut <= 4; cut++ {
		conn := clickhousetest.Open(t)
		write(t, conn, first.batch())
		b := second.batch()
		ctx, cancel := context.WithCancel(t.Context())
		left := cut
		sink := clickhouse.NewSink(conn, clickhouse.SinkOptions{Inserted: func(table string, _ int, _ time.Duration) {
			if table == "raw_log" { // it goes out beside the others, and may be the first
				return
			}
			if left--; left == 0 {
				cancel()
			}
		}})
		_ = sink.Write(ctx, b)
		cancel()
		if got := ask(t, conn, shownCosts); got != "s1|a|3\ns1|b|2" && got != "s1|a|3" {
			t.Errorf("cut off after %d inserts: %s", cut, got)
		}
		write(t, conn, b)
		want(t, conn, shownCosts, "s1|a|3")
	}
}

// Slices are those of one source of one workspace, and costs without one are
// left alone.
func TestIntegrationSlices_AreASourcesOwn(t *testing.T) {
	t.Parallel()
	conn := clickhousetest.Open(t)
	move := func(c *costImport, workspace, source string) ingest.Batch {
		b := c.batch()
		for i := range b.Events {
			e := &b.Events[i]
			e.Workspace, e.Source, e.ID = workspace, source, ingest.EventID(workspace, source, e.Kind, e.Key)
			e.DeliveryID += source + workspace
		}
		return b
	}
	old := &costImport{rank: 1, rows: map[[2]string]int{{"s1", "a"}: 1, {"", "b"}: 2}}
	write(t, conn, old.batch(), move(old, "other", "landing"), move(old, "default", "other"))
	later := &costImport{rank: 2, whole: true, rows: map[[2]string]int{{"s1", "c"}: 3, {"", "d"}: 4}}
	write(t, conn, later.batch())
	want(t, conn, "SELECT workspace, source, groupArray(campaign) FROM (SELECT * FROM costs ORDER BY campaign) GROUP BY ALL ORDER BY ALL",
		"default|landing|['b','c','d']\ndefault|other|['a','b']\nother|landing|['a','b']")
}
