package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/dedupe"
	"github.com/leadgate/leadgate/ingest/identity"
	"github.com/leadgate/leadgate/ingest/redistest"
)

// A gateway with workspaces on all masters of a Redis Cluster: leads are counted
// once and persons found again, also after a master lost its memory and after
// one was killed; while it is away leads are accepted and wait.
func TestIntegrationCluster_Gateway(t *testing.T) {
	t.Parallel()
	cluster := redistest.Start(t)
	workspaces := cluster.Tags("w")
	config := fmt.Sprintf("redis: {url: %q}\nlimits: {shared: true, per_source: 100000/s, per_address: 100000/s}\nsources:\n", cluster.URL())
	for _, workspace := range workspaces {
		config += fmt.Sprintf("  - {name: in-%s, type: form, workspace: %s}\n", workspace, workspace)
	}
	p := serve(t, t.TempDir(), config)
	people := 0
	// send sends leads of new persons to each workspace, and each person's second
	// lead, and one more by the first person of all.
	send := func() {
		for _, workspace := range workspaces {
			for i := people; i < people+5; i++ {
				person := fmt.Sprintf("person%d", i)
				p.post(200, "/in/in-"+workspace, leadBody(person, ""), jsonHeader)
				p.post(200, "/in/in-"+workspace, leadBody(person, ""), jsonHeader) // a retry
				p.post(200, "/in/in-"+workspace, leadBody2("again"+person, person, ""), jsonHeader)
			}
			p.post(200, "/in/in-"+workspace, leadBody2(fmt.Sprint("first", people), "person0", ""), jsonHeader)
		}
		people += 5
	}
	rounds := 0
	check := func(what string) {
		t.Helper()
		rounds++
		p.counted()
		got := p.sql("SELECT workspace, count(), countIf(verdict = 'unique'), countIf(verdict = 'duplicate'), uniqExact(contact_id) FROM leads GROUP BY workspace ORDER BY workspace")
		var want []string
		for _, workspace := range workspaces {
			want = append(want, fmt.Sprintf("%s\t%d\t%d\t%d\t%d", workspace, 11*rounds, people, 6*rounds, people))
		}
		for _, line := range want {
			if !strings.Contains("\n"+got+"\n", "\n"+line+"\n") {
				t.Errorf("%s: the leads are\n%s\nwant\n%s", what, got, strings.Join(want, "\n"))
				return
			}
		}
	}
	send()
	check("at first")
	one := writeConfig(t, fmt.Sprintf("data_dir: %s\nredis: {url: \"redis://%s\"}\nsources: [{name: a, type: form}]\n", t.TempDir(), cluster.Addrs()[1]))
	var seen strings.Builder
	if code := run(t.Context(), []string{"doctor", "--config", one}, os.Environ(), nil, &seen, &seen); code == 0 || !strings.Contains(seen.String(), "?cluster=true") {
		t.Errorf("doctor, with one node of the cluster named, exits with %d:\n%s", code, &seen)
	}
	if text := p.run("doctor"); !strings.Contains(text, "3 masters") {
		t.Errorf("doctor does not tell of the cluster:\n%s", text)
	}
	for i := range redistest.Masters {
		if n := cluster.Master(i).DBSize(t.Context()).Val(); n < 10 {
			t.Errorf("master %d has %d keys: the workspaces are not spread", i, n)
		}
	}

	cluster.Flush(1)
	send()
	check("after a master lost its memory")

	cluster.Kill(2)
	send()
	p.until("waiting for the master", func() bool { return !p.metric(`leadgate_drain_errors_total{stage="dedupe"} 0`) })
	if p.metric("leadgate_drain_lag_bytes 0") {
		t.Error("with a master away, deliveries do not wait")
	}
	cluster.Restart(2)
	check("after a master was killed and came back empty")
	if got := p.run("dedupe", "rebuild"); !strings.Contains(got, "rebuilt") {
		t.Errorf("rebuild said %s", got)
	}
	send()
	check("at last")
	p.stop()
}

// filled starts a cluster with the memory of a workspace that is on its first
// master, ready for claims.
func filled(t *testing.T) (cluster *redistest.Cluster, m *dedupe.Memory, workspace string) {
	t.Helper()
	cluster = redistest.Start(t)
	workspace = cluster.Tags("w")[0]
	client, err := redisClient(cluster.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closes(t, client) })
	m = dedupe.New(client, dedupe.Options{Identify: identity.Of, Workspaces: []string{workspace}})
	if err := m.Rebuild(t.Context(), nobody{}); err != nil {
		t.Fatal(err)
	}
	return cluster, m, workspace
}

// While a workspace's slot moves to another master, neither knows everything:
// what is known may not be taken for new there. Claims fail until it has moved.
func TestIntegrationCluster_SlotMoves(t *testing.T) {
	t.Parallel()
	cluster, m, workspace := filled(t)
	from, to := cluster.Master(0), cluster.Master(1)
	mark := from.Keys(t.Context(), "*").Val() // that the memory is filled
	claim := func(delivery string) (claims []ingest.Claim, err error) {
		now := time.Now()
		touch := ingest.Event{
			ID: "touch", Kind: ingest.TouchKind, Key: "touch", Workspace: workspace, Source: "landing", DeliveryID: delivery,
			ReceivedAt: now, OccurredAt: now, Touch: &ingest.Touch{},
		}
		lead := touch
		lead.ID, lead.Kind, lead.Touch = "lead"+delivery, ingest.LeadKind, nil
		lead.Lead = &ingest.Lead{Person: ingest.Person{Email: "ann@example.com"}}
		for _, e := range []ingest.Event{touch, lead} {
			claimed, err := m.Claim(t.Context(), []ingest.Event{e})
			if err != nil {
				return nil, err
			}
			claims = append(claims, claimed...)
		}
		return claims, nil
	}
	known := func(claims []ingest.Claim) bool {
		return claims[0].Decision == ingest.DuplicateEvent && claims[1].DuplicateOf == "lead1"
	}
	if got, err := claim("1"); err != nil || known(got) {
		t.Fatalf("%+v, %v", got, err)
	}
	do := func(node *redis.Client, args ...any) string {
		t.Helper()
		text, err := node.Do(t.Context(), args...).Text()
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		return text
	}
	slot := from.ClusterKeySlot(t.Context(), mark[0]).Val()
	source, target := do(from, "CLUSTER", "MYID"), do(to, "CLUSTER", "MYID")
	do(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", source)
	do(from, "CLUSTER", "SETSLOT", slot, "MIGRATING", target)
	host, port, _ := strings.Cut(to.Options().Addr, ":")
	// The mark first: then the target seems to be ready for claims.
	for _, key := range append(mark, from.Keys(t.Context(), "*").Val()...) {
		do(from, "MIGRATE", host, port, key, 0, 5000)
		if got, err := claim("2"); err == nil && !known(got) {
			t.Errorf("with %s moved: %+v", key, got)
		}
	}
	for _, node := range []*redis.Client{to, from, cluster.Master(2)} {
		do(node, "CLUSTER", "SETSLOT", slot, "NODE", target)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		got, err := claim("2")
		if err == nil && !known(got) {
			t.Errorf("where the slot has moved: %+v", got)
		}
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// When a replica takes a dead master's place, claims go on there, and what was
// known is known.
func TestIntegrationCluster_ReplicaTakesOver(t *testing.T) {
	t.Parallel()
	cluster, m, workspace := filled(t)
	claim := func(delivery string) (ingest.Decision, error) {
		claims, err := m.Claim(t.Context(), []ingest.Event{{
			ID: "touch", Kind: ingest.TouchKind, Key: "touch", Workspace: workspace, Source: "landing", DeliveryID: delivery,
			ReceivedAt: time.Now(), Touch: &ingest.Touch{},
		}})
		if err != nil {
			return "", err
		}
		return claims[0].Decision, nil
	}
	if got, err := claim("1"); err != nil || got != ingest.NewEvent {
		t.Fatalf("%s, %v", got, err)
	}
	cluster.Replicate(0)
	cluster.Kill(0)
	killed := time.Now()
	for ; ; time.Sleep(100 * time.Millisecond) {
		got, err := claim("2")
		if err == nil && got != ingest.DuplicateEvent {
			t.Errorf("after the replica took over, a known event is %s", got)
		}
		if err == nil {
			t.Logf("claims went on after %v", time.Since(killed))
			return
		}
		if time.Since(killed) > 30*time.Second {
			t.Fatal(err)
		}
	}
}

// nobody is a store that knows nothing.
type nobody struct{}

// Known implements dedupe.Loader.
func (nobody) Known(context.Context, time.Time, func(ingest.Known) error) error { return nil }
