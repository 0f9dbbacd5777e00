package limit

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// scriptClient is the client of ulule's store: it loads scripts late, runs them
// together, and tells of an answer what the store does not.
//
// Most addresses are seen once, and so cost a script each. One script or batch
// of scripts is under way at a time; those that come meanwhile are the next
// batch: its round trip is much of what a script costs.
type scriptClient struct {
	redis.UniversalClient
	timeout time.Duration // of a batch
	aside   func(func())  // runs what no caller should wait for
	online  atomic.Bool
	mu      sync.Mutex
	busy    bool
	next    *batch
}

type batch struct {
	pipe redis.Pipeliner
	done chan struct{}
}

// ScriptLoad implements the store's client. Before the client is online, it
// tells a script's digest without a server: the store's constructor would load
// its scripts and fail with Redis away; so it loads them when Redis first says
// that it does not know them.
func (c *scriptClient) ScriptLoad(ctx context.Context, script string) *redis.StringCmd {
	if c.online.Load() {
		return c.UniversalClient.ScriptLoad(ctx, script)
	}
	digest := sha1.Sum([]byte(script)) // as Redis names scripts
	cmd := redis.NewStringCmd(ctx, "script", "load")
	cmd.SetVal(hex.EncodeToString(digest[:]))
	return cmd
}

// livesKey is where a context has the *time.Duration that is to be how long the
// key lives on: the store rounds it down to a second, and windows are as short
// as that.
type livesKey struct{}

// EvalSha implements the store's client. Its scripts answer with the count and
// the milliseconds that the key lives on.
func (c *scriptClient) EvalSha(ctx context.Context, digest string, keys []string, args ...any) *redis.Cmd {
	cmd := c.run(ctx, digest, keys, args)
	if lives, ok := ctx.Value(livesKey{}).(*time.Duration); ok {
		if answer, _ := cmd.Val().([]any); len(answer) == 2 {
			if ms, _ := answer[1].(int64); ms >= 0 {
				*lives = time.Duration(ms) * time.Millisecond
			}
		}
	}
	return cmd
}

func (c *scriptClient) run(ctx context.Context, digest string, keys []string, args []any) *redis.Cmd {
	c.mu.Lock()
	if !c.busy {
		c.busy = true
		c.mu.Unlock()
		defer c.runNext()
		return c.UniversalClient.EvalSha(ctx, digest, keys, args...)
	}
	if c.next == nil {
		c.next = &batch{pipe: c.Pipeline(), done: make(chan struct{})}
	}
	b := c.next
	cmd := b.pipe.EvalSha(ctx, digest, keys, args...)
	c.mu.Unlock()
	select {
	case <-b.done:
	case <-ctx.Done():
		cmd = redis.NewCmd(ctx) // the other is still the batch's
		cmd.SetErr(ctx.Err())
	}
	return cmd
}

// runNext starts the next batch. Who calls it has been the busy one.
func (c *scriptClient) runNext() {
	c.mu.Lock()
	b := c.next
	c.next, c.busy = nil, b != nil
	c.mu.Unlock()
	if b == nil {
		return
	}
	c.aside(func() {
		defer c.runNext()
		defer close(b.done)
		ctx, cancel := context.WithTimeout(context.Background(), c.timeout)
		defer cancel()
		_, _ = b.pipe.Exec(ctx) // each command has its own error
	})
}
