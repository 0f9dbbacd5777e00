package dedupe_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/dedupe"
	"github.com/leadgate/leadgate/ingest/identity"
	"github.com/leadgate/leadgate/ingest/redistest"
)

// flush empties a Redis, of a cluster all its masters.
func flush(t *testing.T, client redis.UniversalClient) {
	t.Helper()
	empty := func(ctx context.Context, node *redis.Client) error { return node.FlushAll(ctx).Err() }
	err := error(nil)
	switch client := client.(type) {
	case *redis.Client:
		err = empty(t.Context(), client)
	case *redis.ClusterClient:
		err = client.ForEachMaster(t.Context(), empty)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// The suite, on one cluster that is emptied between.
func TestIntegrationCluster(t *testing.T) {
	t.Parallel()
	cluster := redistest.Start(t)
	for name, test := range suite {
		t.Run(name, func(t *testing.T) {
			client := cluster.Client()
			flush(t, client)
			test(t, client)
		})
	}
}

// leadsOf makes a lead of each workspace, all of one person.
func leadsOf(workspaces [redistest.Masters]string, id, delivery string, at time.Time) []ingest.Event {
	var events []ingest.Event
	for _, workspace := range workspaces {
		e := lead(id+workspace, delivery, at, "ann@example.com", "+14155550100")
		e.Workspace = workspace
		events = append(events, e)
	}
	return events
}

// What one master loses is noticed, though the others remember, and is rebuilt;
// so is what went with a master that was killed.
func TestIntegrationCluster_OneMasterLosesItsMemory(t *testing.T) {
	t.Parallel()
	cluster := redistest.Start(t)
	workspaces := cluster.Tags("w")
	m := dedupe.New(cluster.Client(), dedupe.Options{
		Identify: identity.Of, Workspaces: workspaces[:], Now: func() time.Time { return start },
	})
	if err := m.Rebuild(t.Context(), rows(nil)); err != nil {
		t.Fatal(err)
	}
	first := leadsOf(workspaces, "first", "d1", start)
	claims, err := m.Claim(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	var store rows
	for i, e := range first {
		if show(claims[i]) != "new" {
			t.Errorf("first lead of %s: %s", e.Workspace, show(claims[i]))
		}
		store = append(store, ingest.Known{
			Workspace: e.Workspace, Kind: e.Kind, EventID: e.ID, DeliveryID: e.DeliveryID, ReceivedAt: e.ReceivedAt,
			Version: e.Version, Verdict: ingest.UniqueLead, ContactID: claims[i].ContactID,
			Email: e.Lead.Person.Email, Phone: e.Lead.Person.Phone,
		})
	}
	losses := map[string]func(i int){
		"flushed": cluster.Flush,
		"killed": func(i int) {
			cluster.Kill(i)
			if _, err := m.Claim(t.Context(), leadsOf(workspaces, "away", "d2", start)); err == nil {
				t.Error("a claim of a master's that is away was answered")
			}
			cluster.Restart(i)
			cluster.AwaitServing()
		},
	}
	n := 0
	for name, lose := range losses {
		for i := range redistest.Masters {
			n++
			lose(i)
			if health, err := m.Inspect(t.Context()); err != nil || health.Filled {
				t.Errorf("master %d %s: %+v, %v; want it not to be filled", i, name, health, err)
			}
			again := leadsOf(workspaces, fmt.Sprint("again", n), "d3", start.Add(time.Hour))
			if _, err := m.Claim(t.Context(), again); !errors.Is(err, dedupe.ErrEmpty) {
				t.Fatalf("claim after master %d was %s: %v, want ErrEmpty", i, name, err)
			}
			if err := m.Rebuild(t.Context(), store); err != nil {
				t.Fatal(err)
			}
			if health, err := m.Inspect(t.Context()); err != nil || !health.Filled {
				t.Errorf("master %d %s, rebuilt: %+v, %v; want it to be filled", i, name, health, err)
			}
			for range 2 { // the second is the owner's retry
				claims, err := m.Claim(t.Context(), again)
				if err != nil {
					t.Fatal(err)
				}
				for k, e := range again {
					if want := "new of first" + e.Workspace; show(claims[k]) != want {
						t.Errorf("master %d %s: %s is %s, want %s", i, name, e.ID, show(claims[k]), want)
					}
					if claims[k].ContactID != store[k].ContactID {
						t.Errorf("master %d %s: %s is of contact %s, want %s", i, name, e.ID, claims[k].ContactID, store[k].ContactID)
					}
				}
			}
		}
	}
	if err := m.Release(t.Context(), store); err != nil {
		t.Error(err)
	}
	claims, err = m.Claim(t.Context(), leadsOf(workspaces, "after", "d4", start.Add(2*time.Hour)))
	for i, claim := range claims {
		if show(claim) != "new" {
			t.Errorf("after the release of %s's first lead: %s", workspaces[i], show(claim))
		}
	}
	if err != nil {
		t.Error(err)
	}
}
