package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
)

// A row that only the server refuses, here by a constraint that somebody put
// on a table, is found by halving its batch: its delivery waits in quarantine
// with the server's reason, everything that came with it is stored, what comes
// later is not held up, and after a repair a replay counts it once.
func TestIntegration_PoisonRowIsIsolated(t *testing.T) {
	t.Parallel()
	// A long flush interval brings them all into one batch.
	p := serve(t, t.TempDir(), "limits: {per_address: \"\", per_source: \"\"}\ndrain: {flush_interval: 2s}\n")
	for _, table := range []string{"leads_log", "touches_log"} {
		p.run("sql", "--write", "--yes", "ALTER TABLE "+table+" ADD CONSTRAINT no_poison CHECK utm_campaign != 'poison'")
	}
	const n = 60
	poisoned := map[int]bool{0: true, 17: true, 18: true, n - 1: true}
	for i := range n {
		campaign := "good"
		if poisoned[i] {
			campaign = "poison"
		}
		body := fmt.Sprintf(`{"id":"lead-%d","name":"Test","email":"person-%d@example.com","utm_source":"x","utm_campaign":%q}`, i, i, campaign)
		p.post(http.StatusOK, "/in/landing", body, jsonHeader)
	}
	// One click at fault takes the clicks of its delivery with it, no others.
	p.post(http.StatusOK, "/in/clicks", clickBody("a", "good", 3), jsonHeader)
	p.post(http.StatusOK, "/in/clicks", strings.Replace(clickBody("b", "good", 3), "good", "poison", 1), jsonHeader)
	p.counted()
	ask := func(query, want string) {
		t.Helper()
		if got := p.sql(query); got != want {
			t.Errorf("%s:\n got %q\nwant %q", query, got, want)
		}
	}
	const (
		leads   = "SELECT count(), uniqExact(external_id), countIf(utm_campaign = 'poison') FROM leads"
		touches = "SELECT count(), countIf(utm_campaign = 'poison') FROM touches"
	)
	ask(leads, "56\t56\t0")
	ask(touches, "3\t0")
	ask("SELECT source, verdict, count() FROM deliveries GROUP BY source, verdict ORDER BY source, verdict",
		"clicks\taccepted\t1\nclicks\tquarantined\t1\nlanding\taccepted\t56\nlanding\tquarantined\t4")
	// The reason names the table and the server's code, and repeats no value.
	ask("SELECT countIf(reason LIKE '%s_log: clickhouse code 469 (VIOLATED_CONSTRAINT)%'), countIf(reason LIKE '%poison%') "+
		"FROM deliveries WHERE verdict = 'quarantined'", "5\t0")
	if list := p.run("quarantine", "list"); strings.Count(list, "VIOLATED_CONSTRAINT") != 5 {
		t.Errorf("quarantine list:\n%s", list)
	}
	if !strings.Contains(p.said.String(), "looking for the delivery at fault") {
		t.Error("they came one by one: no batch was halved")
	}

	// Nothing is held up, and what was refused counts once when it is mended.
	p.post(http.StatusOK, "/in/landing", leadBody("later", "v"), jsonHeader)
	p.counted()
	ask(leads, "57\t57\t0")
	for _, table := range []string{"leads_log", "touches_log"} {
		p.run("sql", "--write", "--yes", "ALTER TABLE "+table+" DROP CONSTRAINT no_poison")
	}
	for range 2 { // a second replay changes nothing
		p.run("quarantine", "replay")
		p.counted()
		ask(leads, "61\t61\t4")
		ask(touches, "6\t1")
	}
	ask("SELECT verdict, count() FROM deliveries GROUP BY verdict ORDER BY verdict", "accepted\t63")
}

// When the store is away and the byte budget comes to its end, /readyz turns
// away traffic first, then senders get 503 with Retry-After; all that was
// answered 200 is counted when the store is back.
func TestIntegration_BudgetPolicy(t *testing.T) {
	t.Parallel()
	config := "drain: {stop_timeout: 1s}\nlimits: {per_address: \"\", per_source: \"\"}\nhttp: {max_body: 256KiB}\n" +
		"journal: {max_bytes: 8MiB, segment_bytes: 1MiB}\nsources: [{name: landing, type: form, max_body: 256KiB}]\n" +
		fmt.Sprintf("clickhouse: {url: 'clickhouse://127.0.0.1:%d/leadgate'}\n", freePort(t))
	p := serve(t, t.TempDir(), config)
	filler := strings.Repeat("x", 200<<10)
	kept, turned := 0, -1
	for {
		if status, text, err := p.do(http.MethodGet, "/readyz", nil, ""); err != nil || status != http.StatusOK {
			if turned < 0 {
				turned = kept
				if status != http.StatusServiceUnavailable || text != `{"error":{"code":"not_ready","message":"not ready"}}` {
					t.Errorf("readyz: %d %s", status, text)
				}
				status, text, err := p.admin("/readyz?verbose")
				for _, told := range []string{"disk budget nearly spent", "8388608", "journal.max_bytes"} {
					if err != nil || status != http.StatusServiceUnavailable || !strings.Contains(text, told) {
						t.Errorf("readyz: %d, %v, without %q: %s", status, err, told, text)
					}
				}
				if _, metrics, _ := p.admin("/metrics"); !strings.Contains(metrics, "\nleadgate_journal_nearly_full 1\n") {
					t.Error("the metric does not tell")
				}
			}
		}
		body := fmt.Sprintf(`{"id":"lead-%d","email":"person-%d@example.com","filler":%q}`, kept, kept, filler)
		status, text, err := p.do(http.MethodPost, "/in/landing", []byte(body), jsonHeader)
		if err != nil {
			t.Fatal(err)
		}
		if status == http.StatusOK {
			kept++
			continue
		}
		if status != http.StatusServiceUnavailable || !strings.Contains(text, `"full"`) {
			t.Errorf("refused with %d: %s", status, text)
		}
		break
	}
	if turned < 10 || kept < turned+5 || kept > 8<<20/len(filler) {
		t.Errorf("not ready after %d deliveries, full after %d", turned, kept)
	}
	if status, text, err := p.admin("/readyz"); err != nil || status != http.StatusServiceUnavailable || !strings.Contains(text, "disk budget spent") {
		t.Errorf("full, but %d %s, %v", status, text, err)
	}
	p.stop()
	text, err := os.ReadFile(p.config)
	if err != nil {
		t.Fatal(err)
	}
	base, _, _ := strings.Cut(string(text), "clickhouse:")
	if err := os.WriteFile(p.config, []byte(base), 0o600); err != nil { // the embedded store
		t.Fatal(err)
	}
	p.start()
	p.counted()
	if got := p.sql("SELECT count(), uniqExact(external_id) FROM leads"); got != fmt.Sprintf("%d\t%d", kept, kept) {
		t.Errorf("%d were answered 200, the store has %s", kept, got)
	}
}
