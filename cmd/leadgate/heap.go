package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// By itself Go lets the heap become twice what lives in it. That is right while
// little does. Beyond heapRoom only half as much again is let be: memory then
// counts for more than the processor, of which a backlog leaves enough.
const (
	heapRoom  = 76 << 20
	heapWatch = time.Second
)

// boundHeap keeps the heap's limit until ctx ends. Who sets GOGC or GOMEMLIMIT
// knows better.
func boundHeap(ctx context.Context) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	tick := time.NewTicker(heapWatch)
	defer tick.Stop()
	for {
		metrics.Read(live)
		debug.SetMemoryLimit(heapLimit(live[0].Value.Uint64()))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// heapLimit returns the limit for a heap of which so many bytes live.
func heapLimit(live uint64) int64 { return max(heapRoom, int64(live)*3/2+heapRoom/4) }
