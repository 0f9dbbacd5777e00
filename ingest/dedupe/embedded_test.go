package dedupe_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/dedupe"
	"github.com/leadgate/leadgate/ingest/identity"
)

func TestEmbedded_ForgetsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		embedded := dedupe.NewEmbedded(time.Now)
		defer func() { _ = embedded.Close() }()
		m := dedupe.New(embedded.Client(), dedupe.Options{Identify: identity.Of, Workspaces: []string{"w"}, EventTTL: 2 * time.Hour})
		if err := m.Rebuild(t.Context(), rows(nil)); err != nil {
			t.Fatal(err)
		}
		claim(t, m, event(ingest.TouchKind, "a", "d1", time.Now()))
		time.Sleep(90 * time.Minute) // the bubble's clock
		claim(t, m, event(ingest.TouchKind, "b", "d1", time.Now()))
		if n := embedded.Client().DBSize(t.Context()).Val(); n != 3 {
			t.Errorf("%d keys, want epoch and two events", n)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := embedded.Client().DBSize(t.Context()).Val(); n != 2 {
			t.Errorf("%d keys after their time, want epoch and one event", n)
		}
		if got := claim(t, m, event(ingest.TouchKind, "b", "d2", time.Now())); show(got) != "duplicate" {
			t.Errorf("within its time: %s", show(got))
		}
	})
}

func TestEmbedded_LargeBatch(t *testing.T) {
	t.Parallel()
	embedded := dedupe.NewEmbedded(nil)
	defer func() { _ = embedded.Close() }()
	m := opened(t, embedded.Client())
	events := make([]ingest.Event, 20000)
	for i := range events {
		events[i] = lead(fmt.Sprint("lead", i), "d", start, fmt.Sprintf("p%d@example.com", i), "")
	}
	claims, err := m.Claim(t.Context(), events)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range claims {
		if show(c) != "new" {
			t.Fatalf("event %d: %s", i, show(c))
		}
	}
}

func TestMemory_Inspect(t *testing.T) {
	t.Parallel()
	embedded := dedupe.NewEmbedded(nil)
	defer func() { _ = embedded.Close() }()
	m := dedupe.New(embedded.Client(), dedupe.Options{Identify: identity.Of, Workspaces: []string{"w"}})
	if h, err := m.Inspect(t.Context()); err != nil || h.Filled || h.Evicts || h.Advice() != "" {
		t.Errorf("new: %+v, %v", h, err)
	}
	if err := m.Rebuild(t.Context(), rows(nil)); err != nil {
		t.Fatal(err)
	}
	if h, err := m.Inspect(t.Context()); err != nil || !h.Filled {
		t.Errorf("rebuilt: %+v, %v", h, err)
	}
	if err := embedded.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Inspect(t.Context()); err == nil {
		t.Error("a closed Redis is well")
	}
}

func TestIntegrationMemory_Inspect(t *testing.T) {
	t.Parallel()
	inspect := func(args ...string) dedupe.Health {
		h, err := dedupe.New(realClient(t, args...), dedupe.Options{}).Inspect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	if h := inspect(); h.Evicts || h.Version == "" || h.Policy != "noeviction" || h.UsedMemory == 0 || !h.Filled {
		t.Errorf("default server: %+v", h)
	}
	h := inspect("--maxmemory", "100mb", "--maxmemory-policy", "volatile-lru")
	if !h.Evicts || h.MaxMemory != 100<<20 || !strings.Contains(h.Advice(), "noeviction") {
		t.Errorf("evicting server: %+v, %s", h, h.Advice())
	}
	if h := inspect("--maxmemory-policy", "allkeys-lru"); h.Evicts {
		t.Errorf("without a limit nothing is evicted: %+v", h)
	}
}

func BenchmarkClaim(b *testing.B) {
	for _, kind := range []string{"touches", "leads"} {
		b.Run(kind, func(b *testing.B) {
			embedded := dedupe.NewEmbedded(nil)
			defer func() { _ = embedded.Close() }()
			benchmarkClaim(b, opened(b, embedded.Client()), kind)
		})
		b.Run(kind+"/real", func(b *testing.B) { benchmarkClaim(b, opened(b, realClient(b)), kind) })
	}
}

func benchmarkClaim(b *testing.B, m *dedupe.Memory, kind string) {
	const size = 5000
	next := 0
	b.ReportAllocs()
	for b.Loop() {
		events := make([]ingest.Event, size)
		for i := range events {
			next++
			if kind == "leads" {
				events[i] = lead(fmt.Sprint("l", next), "d", start, fmt.Sprintf("p%d@example.com", next), "")
			} else {
				events[i] = event(ingest.TouchKind, fmt.Sprint("t", next), "d", start)
			}
		}
		if _, err := m.Claim(b.Context(), events); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(size*b.N)/b.Elapsed().Seconds(), "events/s")
}
