package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leadgate/leadgate/analytics/clickhouse"
	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/pending"
	"github.com/leadgate/leadgate/sources"
	"github.com/leadgate/leadgate/sources/fetch/fetchtest"
)

const appSecret = "7c1f0d9e5b3a4862a1d0c9f8e7b6a594"

func standInMeta(t *testing.T, leads int) (*fetchtest.Meta, string) {
	t.Helper()
	m := &fetchtest.Meta{Token: "EAAGoodToken", PageSize: 3}
	for i := range leads {
		m.Leads = append(m.Leads, fetchtest.MetaLead{
			ID: fmt.Sprint(1500000000000001 + i), Form: "990000000000011", Email: fmt.Sprintf("kim%d@example.com", i),
			Created: time.Date(2026, 1, 5, 12, i, 0, 0, time.UTC),
		})
	}
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	return m, server.URL
}

func metaNotice(lead fetchtest.MetaLead) []byte {
	return fmt.Appendf(nil, `{"object":"page","entry":[{"id":"108877665544332","time":1767614405,"changes":[{"field":"leadgen","value":`+
		`{"leadgen_id":"%s","page_id":"108877665544332","form_id":"%s","created_time":%d}}]}]}`, lead.ID, lead.Form, lead.Created.Unix())
}

func (p *process) announce(lead fetchtest.MetaLead) {
	p.t.Helper()
	body := metaNotice(lead)
	mac := hmac.New(sha256.New, []byte(appSecret))
	mac.Write(body)
	p.post(http.StatusOK, "/in/facebook", string(body), "Content-Type: application/json\nX-Hub-Signature-256: sha256="+hex.EncodeToString(mac.Sum(nil)))
}

func metaConfig(url, token string) string {
	return fmt.Sprintf(`sources:
  - name: facebook
    type: meta
    secrets: [%s]
    credentials: {access_token: %s}
    options: {api_url: %q, verify_token: hello, forms: ["990000000000011"]}
`, appSecret, token, url)
}

func (p *process) metric(line string) bool {
	_, text, err := p.admin("/metrics")
	return err == nil && strings.Contains(text, "\n"+line+"\n")
}

// From the notification to the whole lead: over a platform in trouble, kill -9,
// the sender's retries, and a token that is refused until it is renewed.
func TestE2EFetch_Meta(t *testing.T) {
	t.Parallel()
	meta, url := standInMeta(t, 4)
	dir := t.TempDir()
	p := serve(t, dir, metaConfig(url, "EAAGoodToken"))
	leads := "SELECT verdict, count(), countIf(campaign_id != '') FROM leads GROUP BY verdict ORDER BY verdict"
	wants := func(query, want string) {
		t.Helper()
		if got := strings.ReplaceAll(p.sql(query), "\t", "|"); got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
	p.announce(meta.Leads[0])
	p.until("fetched", func() bool { return p.metric(`leadgate_fetch_attempts_total{outcome="fetched",source="facebook"} 1`) })
	p.counted()
	wants(leads, "unique|1|1")
	p.announce(meta.Leads[0]) // again: nothing is asked for
	p.counted()
	if n := meta.Asked(); n != 1 {
		t.Errorf("%d requests for one lead", n)
	}
	wants(leads, "unique|1|1")

	meta.Change(func(m *fetchtest.Meta) { m.Broken = 1000 })
	p.announce(meta.Leads[1])
	p.counted()
	p.until("asked in vain", func() bool {
		return p.metric(`leadgate_fetch_attempts_total{outcome="unavailable",source="facebook"} 1`)
	})
	p.kill()
	meta.Change(func(m *fetchtest.Meta) { m.Broken = 0 })
	p.start()
	p.until("fetched", func() bool { return p.metric(`leadgate_fetch_attempts_total{outcome="fetched",source="facebook"} 1`) })
	p.counted()
	wants(leads, "unique|2|2")
	if text := p.run("pending", "list"); !strings.Contains(text, "nothing waits") {
		t.Errorf("pending list: %s", text)
	}

	meta.Change(func(m *fetchtest.Meta) { m.Token = "EAARenewed" })
	p.announce(meta.Leads[2])
	p.announce(meta.Leads[3])
	p.until("refused", func() bool { return p.metric(`leadgate_fetch_token_refused{source="facebook"} 1`) })
	p.counted()
	wants(leads, "interest|2|0\nunique|2|2")
	if text := p.run("pending", "list", "--format", "json"); strings.Count(text, "\n") != 2 {
		t.Errorf("pending list: %s", text)
	}
	if text := p.run("pending", "list"); !strings.Contains(text, "Session has expired") {
		t.Errorf("pending list: %s", text)
	}
	doctor := p.command(t.Context(), "doctor")
	if out, err := doctor.Output(); err == nil || !bytes.Contains(out, []byte("token of facebook")) || !bytes.Contains(out, []byte("fault")) {
		t.Errorf("doctor: %v\n%s", err, out)
	}
	p.stop()
	if n := strings.Count(p.said.String(), "refuses the token"); n != 1 || strings.Contains(p.said.String(), "EAAGood") {
		t.Errorf("told %d times: %s", n, p.said)
	}
	p = serve(t, dir, metaConfig(url, "EAARenewed"))
	p.until("all are fetched", func() bool { return p.metric(`leadgate_fetch_attempts_total{outcome="fetched",source="facebook"} 2`) })
	p.counted()
	wants(leads, "unique|4|4")
	wants("SELECT uniqExact(email) FROM contacts", "4")
	if !p.metric(`leadgate_fetch_token_refused{source="facebook"} 0`) || !p.metric(`leadgate_fetch_pending{source="facebook"} 0`) {
		t.Error("the metrics still tell of trouble")
	}
	p.stop()
}

// hasty is a platform that is given up at once.
type hasty struct{ ingest.Fetcher }

func (h hasty) FetchPlan() ingest.FetchPlan {
	plan := h.Fetcher.FetchPlan()
	plan.GiveUpAfter = time.Microsecond
	return plan
}

// What is asked for in vain ends in quarantine with the platform's own words; when
// it is replayed after a fix it is asked for again, and counts once.
func TestIntegrationFetch_GivenUpAndReplayed(t *testing.T) {
	t.Parallel()
	w := newWorks(t)
	meta, url := standInMeta(t, 1)
	intake, err := sources.New(ingest.SourceConfig{
		Name: "facebook", Type: "meta", Workspace: "default", Secrets: []string{appSecret}, DefaultRegion: "US",
		Credentials: map[string]string{"access_token": "EAAGoodToken"}, Options: map[string]any{"api_url": url},
	})
	if err != nil {
		t.Fatal(err)
	}
	intake.Fetcher = hasty{intake.Fetcher}
	w.settings.Intakes["facebook"] = intake
	store, err := pending.Open(pending.StoreOptions{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closes(t, store) })
	w.options.Sink = clickhouse.NewSink(w.conn, clickhouse.SinkOptions{Workspaces: map[string]string{"facebook": "default"}})
	w.options.Pending = func(_ context.Context, events []ingest.Event) error { return store.Save(events) }
	var n atomic.Int64
	outcomes := make(chan pending.Outcome, 100)
	worker, err := pending.NewWorker(pending.WorkerOptions{
		Store: store, Intakes: w.settings.Intakes, Keep: ingest.NewAcceptor(nil, w.journal).Keep,
		NewID:      func(time.Time) (string, error) { return fmt.Sprintf("01KF%022d", n.Add(1)), nil },
		BackoffMin: time.Millisecond, MinAttempts: 2, Observe: func(_ string, o pending.Outcome) { outcomes <- o },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closes(t, worker) })
	until := func(want pending.Outcome) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		done := make(chan struct{})
		go func() { worker.Run(ctx); close(done) }()
		for {
			select {
			case got := <-outcomes:
				if got == want {
					cancel()
					<-done
					return
				}
			case <-done:
				t.Fatalf("not %s within a minute", want)
			}
		}
	}
	meta.Change(func(m *fetchtest.Meta) { m.Denied = true })
	d := &ingest.Delivery{ID: "01KE1", Source: "facebook", ReceivedAt: time.Now().UTC().Add(-time.Hour), Method: "POST", Body: metaNotice(meta.Leads[0])}
	if err := w.journal.Append(t.Context(), ingest.AppendDelivery(nil, d)); err != nil {
		t.Fatal(err)
	}
	w.drained()
	until(pending.GivenUp)
	w.drained()
	w.want("SELECT verdict, count() FROM leads GROUP BY verdict", "interest|1")
	w.want("SELECT verdict, reason LIKE '%(#10) Application does not have permission%' FROM deliveries ORDER BY delivery_id", "accepted|0\nquarantined|1")

	// Still denied: it is asked for again, and given up again.
	w.replay(replayRequest{Verdict: ingest.Quarantined})
	w.drained()
	w.want("SELECT verdict FROM deliveries ORDER BY delivery_id", "accepted\nduplicate")
	until(pending.GivenUp)
	w.drained()
	w.want("SELECT verdict FROM deliveries ORDER BY delivery_id", "accepted\nduplicate\nquarantined")
	meta.Change(func(m *fetchtest.Meta) { m.Denied = false })
	w.replay(replayRequest{Verdict: ingest.Quarantined})
	w.drained()
	until(pending.FetchedOne)
	w.drained()
	w.want("SELECT verdict, campaign_id FROM leads", "unique|23850000000000301")
	w.want("SELECT countIf(verdict = 'quarantined') FROM deliveries", "0")
	if stats := store.Stats()["facebook"]; stats.Tasks != 0 {
		t.Errorf("left: %+v", stats)
	}
}

// What Meta never announced is taken in by hand, beside the gateway and without
// it, and counts once with what was announced.
func TestE2EBackfill_Meta(t *testing.T) {
	t.Parallel()
	meta, url := standInMeta(t, 7)
	dir := t.TempDir()
	p := serve(t, dir, metaConfig(url, "EAAGoodToken"))
	p.announce(meta.Leads[2])
	p.announce(meta.Leads[5])
	p.until("fetched", func() bool { return p.metric(`leadgate_fetch_attempts_total{outcome="fetched",source="facebook"} 2`) })
	p.counted()
	for _, c := range []struct{ args, want string }{
		{"--since 2026-01-05 --dry-run", "7 listed, 2 known, 5 missing\n"},
		{"--since 2026-01-05T12:01:00Z --until 2026-01-05T12:04:00Z", "3 listed, 1 known, 2 missing\n2 are taken in; the running gateway counts them now\n"},
		{"--since 2026-01-05T12:01:00Z --until 2026-01-05T12:04:00Z", "3 listed, 3 known, 0 missing\n"},
		{"--since 2026-01-06", "0 listed, 0 known, 0 missing\n"},
	} {
		if got := p.run(append([]string{"backfill", "facebook"}, strings.Fields(c.args)...)...); got != c.want {
			t.Errorf("%s: got %s, want %s", c.args, got, c.want)
		}
		p.counted()
	}
	for args, want := range map[string]string{
		"nobody --since 2026-01-01": "no source is named",
		"facebook":                  "--since is needed",
		"facebook --since 2026-01-02 --until 2026-01-01": "not after",
		"facebook --since yesterday":                     "since",
	} {
		cmd := p.command(t.Context(), append([]string{"backfill"}, strings.Fields(args)...)...)
		if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), want) {
			t.Errorf("%s: %v: %s", args, err, out)
		}
	}
	// An announcement that comes late changes nothing.
	p.announce(meta.Leads[1])
	p.counted()
	p.stop()
	meta.Change(func(m *fetchtest.Meta) { m.Token = "EAARenewed" })
	cmd := p.command(t.Context(), "backfill", "facebook", "--since", "2026-01-05")
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "Session has expired") {
		t.Errorf("with a token that ended: %v: %s", err, out)
	}
	meta.Change(func(m *fetchtest.Meta) { m.Token, m.Busy = "EAAGoodToken", 0 })
	if got := p.run("backfill", "facebook", "--since", "2026-01-05"); !strings.HasPrefix(got, "7 listed, 4 known, 3 missing\n3 are taken in; no gateway runs") {
		t.Errorf("alone: %s", got)
	}
	p.start()
	p.counted()
	if got := strings.ReplaceAll(p.sql("SELECT verdict, count(), uniqExact(external_id), countIf(campaign_id != '') FROM leads GROUP BY verdict"), "\t", "|"); got != "unique|7|7|7" {
		t.Errorf("got %s", got)
	}
	p.stop()
}

// Leads that nothing announces are listed regularly, over restarts, and count
// once.
func TestE2EPull_Yandex(t *testing.T) {
	t.Parallel()
	yandex := &fetchtest.Yandex{Page: 2, Units: "10/20828/64000"}
	yandex.Token = "y0_good"
	add := func(n int) {
		yandex.Change(func() {
			for range n {
				i := len(yandex.Leads)
				yandex.Leads = append(yandex.Leads, fetchtest.YandexLead{ID: fmt.Sprint(70 + i), Email: fmt.Sprintf("kim%d@example.com", i), At: time.Now().Add(-time.Hour)})
			}
		})
	}
	add(5)
	server := httptest.NewServer(yandex)
	defer server.Close()
	p := serve(t, t.TempDir(), fmt.Sprintf(`sources:
  - {name: direct, type: yandex-direct, secrets: [y0_good], options: {api_url: %q, pull_interval: 1s}}
`, server.URL))
	leads := func(want string) {
		t.Helper()
		p.until(want+" leads", func() bool {
			return p.sql("SELECT count(), uniqExact(external_id) FROM leads WHERE verdict = 'unique'") == want
		})
	}
	leads("5\t5")
	add(2)
	leads("7\t7")
	p.kill()
	add(1)
	p.start()
	leads("8\t8")
	p.counted()
	if got := p.sql("SELECT count() FROM deliveries WHERE verdict = 'accepted'"); got != "8" {
		t.Errorf("%s deliveries were accepted", got)
	}
	if got := p.run("backfill", "direct", "--since", time.Now().Add(-48*time.Hour).Format(time.DateOnly)); got != "8 listed, 8 known, 0 missing\n" {
		t.Errorf("backfill: %s", got)
	}
	p.stop()
}
