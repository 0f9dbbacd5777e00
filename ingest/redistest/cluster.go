// Package redistest gives tests a real Redis Cluster.
//
// Its law: the servers are the test's own, keep nothing but the cluster's
// layout, and end with the test; in CI a missing redis-server fails the test
// instead of skipping it.
package redistest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// Masters is how many a Cluster has.
	Masters = 3
	slots   = 16384
	// patience is how long a busy machine may take to start a cluster, or to
	// see that a master is back.
	patience = time.Minute
)

// Cluster is a Redis Cluster of three masters on loopback. Only one goroutine
// may use it, but for its clients.
type Cluster struct {
	t       testing.TB
	binary  string
	masters [Masters]*node
}

type node struct {
	port int
	dir  string
	cmd  *exec.Cmd
	// client is of this node alone.
	client *redis.Client
}

// Start starts a cluster and waits until it serves all slots. The test's end
// stops it.
func Start(t testing.TB) *Cluster {
	t.Helper()
	c := &Cluster{t: t, binary: Binary(t)}
	for i := range c.masters {
		c.masters[i] = c.add()
	}
	for i, m := range c.masters {
		first, last := i*slots/Masters, (i+1)*slots/Masters-1
		c.must(m.client.Do(t.Context(), "CLUSTER", "SET-CONFIG-EPOCH", i+1).Err())
		c.must(m.client.ClusterAddSlotsRange(t.Context(), first, last).Err())
		c.meet(m)
	}
	c.AwaitServing()
	return c
}

// Binary returns the path of redis-server.
func Binary(t testing.TB) string {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("redis-server is missing: apt-get install redis-server")
		}
		t.Skip("redis-server is missing: apt-get install redis-server")
	}
	return binary
}

// freePort finds a port that is free together with the cluster bus's, which is
// 10,000 above it. Both are below those that the kernel gives to clients: one of
// these could take it while its server restarts.
func freePort(t testing.TB) int {
	t.Helper()
	for range 100 {
		port := 10_000 + rand.IntN(12_000) //nolint:gosec // a port is no secret
		if free(t.Context(), port) && free(t.Context(), port+10_000) {
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

func free(ctx context.Context, port int) bool {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	return err == nil && l.Close() == nil
}

func (c *Cluster) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *Cluster) await(what string, done func() error) {
	c.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		err := done()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("the redis cluster is not %s: %v", what, err)
		}
	}
}

// add starts a node that knows no other.
func (c *Cluster) add() *node {
	c.t.Helper()
	port := freePort(c.t)
	n := &node{
		port: port, dir: c.t.TempDir(),
		client: redis.NewClient(&redis.Options{Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), MaxRetries: -1}),
	}
	c.t.Cleanup(func() {
		_ = n.client.Close()
		n.kill()
	})
	c.start(n)
	return n
}

func (c *Cluster) start(n *node) {
	c.t.Helper()
	args := []string{
		"--port", strconv.Itoa(n.port), "--bind", "127.0.0.1", "--dir", n.dir,
		"--save", "", "--appendonly", "no", "--daemonize", "no", "--repl-diskless-sync-delay", "0",
		"--cluster-enabled", "yes", "--cluster-config-file", filepath.Join(n.dir, "nodes.conf"), "--cluster-node-timeout", "2000",
	}
	n.cmd = exec.Command(c.binary, args...) //nolint:noctx // it outlives the context of the start
	c.must(n.cmd.Start())
	c.await("answering", func() error { return n.client.Ping(c.t.Context()).Err() })
}

func (c *Cluster) meet(n *node) {
	c.t.Helper()
	c.must(n.client.ClusterMeet(c.t.Context(), "127.0.0.1", strconv.Itoa(c.masters[0].port)).Err())
}

func (n *node) kill() {
	if n.cmd == nil {
		return
	}
	_ = n.cmd.Process.Kill()
	_ = n.cmd.Wait() // "signal: killed"
	n.cmd = nil
}

// Kill is kill -9 of a master, and waits until the process is gone.
func (c *Cluster) Kill(i int) { c.masters[i].kill() }

// Restart starts a master that was killed, with its slots and nothing in them,
// and waits until it answers; that it serves, see AwaitServing.
func (c *Cluster) Restart(i int) {
	c.t.Helper()
	c.start(c.masters[i])
}

// Replicate gives a master a replica, and waits until that has all of it and
// may take its place. Master goes on to mean the old one.
func (c *Cluster) Replicate(i int) {
	c.t.Helper()
	master, replica := c.masters[i], c.add()
	c.meet(replica)
	id, err := master.client.Do(c.t.Context(), "CLUSTER", "MYID").Text()
	c.must(err)
	c.await("met by a replica", func() error { return replica.client.ClusterReplicate(c.t.Context(), id).Err() })
	c.await("replicated", func() error {
		info, err := replica.client.Info(c.t.Context(), "replication").Result()
		if err == nil && !strings.Contains(info, "master_link_status:up") {
			err = errNotReplicated
		}
		for _, m := range c.masters { // they vote for whom they know
			nodes, unknown := m.client.ClusterNodes(c.t.Context()).Result()
			if err == nil && unknown == nil && strings.Count(nodes, "slave "+id) != 1 {
				unknown = errNotReplicated
			}
			err = errors.Join(err, unknown)
		}
		return err
	})
}

var errNotReplicated = errors.New("the replica has not all of its master, or is not known to all")

var errNotServing = errors.New("not all masters serve all slots")

// AwaitServing waits until every master knows that all slots are served.
func (c *Cluster) AwaitServing() {
	c.t.Helper()
	c.await("serving", func() error {
		for _, m := range c.masters {
			info, err := m.client.ClusterInfo(c.t.Context()).Result()
			if err != nil {
				return err
			}
			lines := strings.Fields(info)
			for _, want := range []string{"cluster_state:ok", "cluster_slots_ok:" + strconv.Itoa(slots), "cluster_size:" + strconv.Itoa(Masters)} {
				if !slices.Contains(lines, want) {
					return errNotServing
				}
			}
		}
		return nil
	})
}

// Addrs are the masters' addresses.
func (c *Cluster) Addrs() []string {
	addrs := make([]string, 0, Masters)
	for _, m := range c.masters {
		addrs = append(addrs, m.client.Options().Addr)
	}
	return addrs
}

// URL is the redis.url of the cluster.
func (c *Cluster) URL() string { return "redis://" + strings.Join(c.Addrs(), ",") }

// Client returns a client of the cluster that soon gives up, closed when the
// test ends.
func (c *Cluster) Client() *redis.ClusterClient {
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: c.Addrs(), MaxRedirects: -1, DialerRetries: 1})
	c.t.Cleanup(func() { _ = client.Close() })
	return client
}

// Master returns a client of one master alone.
func (c *Cluster) Master(i int) *redis.Client { return c.masters[i].client }

// Of returns which master a key's slot is of.
func (c *Cluster) Of(key string) int {
	c.t.Helper()
	slot, err := c.masters[0].client.ClusterKeySlot(c.t.Context(), key).Result()
	c.must(err)
	return int(slot) * Masters / slots
}

// Tags returns a hash tag of each master's, all starting with the given text:
// keys with the first in braces are of master 0.
func (c *Cluster) Tags(text string) (tags [Masters]string) {
	c.t.Helper()
	for n, found := 0, 0; found < Masters; n++ {
		tag := fmt.Sprint(text, n)
		if i := c.Of("{" + tag + "}"); tags[i] == "" {
			tags[i] = tag
			found++
		}
	}
	return tags
}

// Flush empties a master, as one that lost its memory.
func (c *Cluster) Flush(i int) {
	c.t.Helper()
	c.must(c.masters[i].client.FlushAll(c.t.Context()).Err())
}
