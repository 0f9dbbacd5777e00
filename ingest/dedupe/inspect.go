package dedupe

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// Health is what an operator should know of a Redis.
type Health struct {
	// Version of the server, "" if it does not say (the embedded one).
	Version string
	// Masters is how many a cluster has, and Address that of the one which the
	// rest tells of; 0 and "" without a cluster.
	Masters int
	Address string
	// Policy is maxmemory-policy, "" if the server does not say.
	Policy string
	// MaxMemory and UsedMemory are bytes; MaxMemory 0 is unlimited.
	MaxMemory, UsedMemory int64
	// Evicts tells that Redis may drop our keys when its memory is full. Every
	// key of ours has a time to live, so volatile policies count too.
	Evicts bool
	// Filled tells that the memory is filled for all workspaces it was asked
	// for; if not, the next claim leads to a rebuild.
	Filled bool
}

// Advice says what to do about h in one sentence, "" if all is well.
func (h Health) Advice() string {
	switch {
	case h.Evicts:
		return fmt.Sprintf("maxmemory-policy is %s: Redis drops event ids when it is full, and the same person's "+
			"next lead then counts again; set maxmemory-policy noeviction and watch used_memory", h.Policy)
	case h.MaxMemory > 0 && h.UsedMemory > h.MaxMemory/10*9:
		return "Redis is almost full: raise maxmemory, or leads are kept in the journal and not counted"
	default:
		return ""
	}
}

// Inspect asks Redis for its health; of a cluster, for that of its worst
// master. An error means that it cannot be reached.
func (m *Memory) Inspect(ctx context.Context) (Health, error) {
	var health Health
	var err error
	if cluster, ok := m.client.(*redis.ClusterClient); ok {
		var mu sync.Mutex
		masters := 0
		err = cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
			h, err := inspect(ctx, node)
			h.Address = node.Options().Addr
			if err != nil {
				return fmt.Errorf("%s: %w", h.Address, err)
			}
			mu.Lock()
			defer mu.Unlock()
			masters++
			if masters == 1 || h.Evicts || !health.Evicts && h.Advice() != "" {
				health = h
			}
			return nil
		})
		health.Masters = masters
	} else {
		health, err = inspect(ctx, m.client)
	}
	if err != nil {
		return Health{}, fmt.Errorf("inspect redis: %w", err)
	}
	health.Filled, err = m.filled(ctx)
	if err != nil {
		return Health{}, fmt.Errorf("inspect redis: %w", err)
	}
	return health, nil
}

func (m *Memory) filled(ctx context.Context) (bool, error) {
	m.mu.Lock()
	pipe := m.client.Pipeline()
	for workspace := range m.asked {
		keys := m.keyspace(workspace)
		pipe.Exists(ctx, keys.mark())
		pipe.Exists(ctx, keys.oldMark())
	}
	m.mu.Unlock()
	if pipe.Len() == 0 {
		return true, nil
	}
	answers, err := pipe.Exec(ctx)
	if err != nil {
		return false, err
	}
	for i, answer := range answers {
		wanted := int64(1 - i%2)
		if count, ok := answer.(*redis.IntCmd); !ok || count.Val() != wanted {
			return false, nil
		}
	}
	return true, nil
}

func inspect(ctx context.Context, node redis.UniversalClient) (Health, error) {
	if err := node.Ping(ctx).Err(); err != nil {
		return Health{}, err
	}
	info := make(map[string]string)
	for _, section := range []string{"server", "memory"} {
		text, err := node.Info(ctx, section).Result()
		if refused := redis.Error(nil); errors.As(err, &refused) {
			return Health{}, nil // reachable, but it does not tell: the embedded Redis
		} else if err != nil {
			return Health{}, err
		}
		for line := range strings.Lines(text) {
			if key, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
				info[key] = value
			}
		}
	}
	h := Health{Version: info["redis_version"], Policy: info["maxmemory_policy"]}
	h.MaxMemory, _ = strconv.ParseInt(info["maxmemory"], 10, 64)
	h.UsedMemory, _ = strconv.ParseInt(info["used_memory"], 10, 64)
	h.Evicts = h.MaxMemory > 0 && h.Policy != "" && h.Policy != "noeviction"
	return h, nil
}
