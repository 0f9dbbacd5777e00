package dedupe

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// run makes the calls of each workspace in one transaction, in their order. All
// are one transaction and one round trip, but in a cluster, where keys of one
// must be of one slot, each workspace's is its own, and all are made at once. It
// waits for all of them, and returns the first error.
func (m *Memory) run(ctx context.Context, script *redis.Script, calls []call) error {
	_, cluster := m.client.(*redis.ClusterClient)
	parts := make(map[keyspace][]*call, 1)
	for i := range calls {
		var of keyspace
		if cluster {
			of = calls[i].keys
		}
		parts[of] = append(parts[of], &calls[i])
	}
	done := make(chan error, len(parts))
	for _, part := range parts {
		go func() { done <- m.transact(ctx, script, part) }()
	}
	var first error
	for range parts {
		if err := <-done; first == nil {
			first = err
		}
	}
	return first
}
