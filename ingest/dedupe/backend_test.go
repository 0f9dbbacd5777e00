package dedupe_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/dedupe"
	"github.com/leadgate/leadgate/ingest/identity"
	"github.com/leadgate/leadgate/ingest/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start is the time of receipt of the first delivery in all tests.
var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// miniClient starts a miniredis on a socket and returns its client.
func miniClient(t testing.TB) redis.UniversalClient {
	server := miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// realClient starts a redis-server of the test's own, on a unix socket.
func realClient(t testing.TB, args ...string) redis.UniversalClient {
	path := redistest.Binary(t)
	dir, err := os.MkdirTemp("", "lg") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	command := exec.Command(path, append([]string{"--port", "0", "--unixsocket", socket, "--dir", dir,
		"--save", "", "--appendonly", "no", "--daemonize", "no"}, args...)...)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(&redis.Options{Network: "unix", Addr: socket})
	t.Cleanup(func() {
		_ = client.Close()
		_ = command.Process.Kill()
		_ = command.Wait()
		_ = os.RemoveAll(dir)
	})
	for deadline := time.Now().Add(10 * time.Second); client.Ping(t.Context()).Err() != nil; {
		if time.Now().After(deadline) {
			t.Fatal("redis-server did not come up")
		}
		<-time.After(5 * time.Millisecond)
	}
	return client
}

// suite runs on every kind of Redis.
var suite = map[string]func(t *testing.T, client redis.UniversalClient){
	"claims":     testClaims,
	"window":     testWindow,
	"identity":   testIdentity,
	"changes":    testChanges,
	"empty":      testEmpty,
	"rebuild":    testRebuild,
	"order":      testManyInOrder,
	"keys":       testKeys,
	"properties": testProperties,
	"clear":      testClear,
	"cancelled":  testCancelled,
	"replays":    testReplays,
	"ids":        testIDs,
	"older":      testOlder,
	"lost":       testLostMeanwhile,
}

func TestMemory(t *testing.T) {
	t.Parallel()
	for name, test := range suite {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, miniClient(t))
		})
	}
}

func TestMemory_Embedded(t *testing.T) {
	t.Parallel()
	for name, test := range suite {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			embedded := dedupe.NewEmbedded(nil)
			t.Cleanup(func() { _ = embedded.Close() })
			test(t, embedded.Client())
		})
	}
}

func TestIntegrationMemory(t *testing.T) {
	t.Parallel()
	for name, test := range suite {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, realClient(t))
		})
	}
}

// opened returns a memory that is ready for claims.
func opened(t testing.TB, client redis.UniversalClient) *dedupe.Memory {
	t.Helper()
	m := dedupe.New(client, dedupe.Options{Identify: identity.Of, Workspaces: []string{"w", "other"}, Now: func() time.Time { return start }})
	if err := m.Rebuild(t.Context(), rows(nil)); err != nil {
		t.Fatal(err)
	}
	return m
}

// rows is a store that knows these events.
type rows []ingest.Known

func (r rows) Known(_ context.Context, since time.Time, yield func(ingest.Known) error) error {
	for _, known := range r {
		if known.ReceivedAt.Before(since) {
			continue
		}
		if err := yield(known); err != nil {
			return err
		}
	}
	return nil
}

type brokenStore struct{}

var errBroken = errors.New("store is away")

func (brokenStore) Known(_ context.Context, _ time.Time, yield func(ingest.Known) error) error {
	if err := yield(ingest.Known{Workspace: "w", Kind: ingest.TouchKind, EventID: "t1", DeliveryID: "d1", ReceivedAt: start}); err != nil {
		return err
	}
	return errBroken
}

// event makes an event of the given id as the delivery brought it.
func event(kind ingest.Kind, id, delivery string, at time.Time) ingest.Event {
	e := ingest.Event{
		ID: id, Kind: kind, Key: id, Workspace: "w", Source: "landing", DeliveryID: delivery,
		ReceivedAt: at, OccurredAt: at, Version: uint64(at.UnixMicro()),
	}
	switch kind {
	case ingest.LeadKind:
		e.Lead = &ingest.Lead{}
	case ingest.TouchKind:
		e.Touch = &ingest.Touch{}
	case ingest.CostKind:
		e.Cost = &ingest.Cost{}
	case ingest.StatusKind:
		e.Status = &ingest.Status{}
	}
	return e
}

func lead(id, delivery string, at time.Time, email, phone string) ingest.Event {
	e := event(ingest.LeadKind, id, delivery, at)
	e.Lead.Person = ingest.Person{Email: email, Phone: phone}
	return e
}

func mutable(e ingest.Event, name string) ingest.Event {
	e.Mutable = true
	e.Lead.Person.Name = name
	return e
}

// claim claims one event.
func claim(t testing.TB, m *dedupe.Memory, e ingest.Event) ingest.Claim {
	t.Helper()
	claims, err := m.Claim(t.Context(), []ingest.Event{e})
	if err != nil {
		t.Fatal(err)
	}
	return claims[0]
}

// show tells decision and duplicate of a claim.
func show(c ingest.Claim) string {
	if c.DuplicateOf != "" {
		return fmt.Sprintf("%s of %s", c.Decision, c.DuplicateOf)
	}
	return string(c.Decision)
}
