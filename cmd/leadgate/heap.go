package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// By itself Go lets the heap become twice what lives in it. That is right while
// little does. Beyond heapRoom only half as much again is let be, and of what is
// beyond heapMuch an eighth: memory then counts for more than the processor, of
// which a backlog leaves enough.
const (
	heapRoom  = 76 << 20
	heapMuch  = 160 << 20
	heapWatch = 100 * time.Millisecond // under a flood the heap grows by 100 MiB in a second
)

// boundHeap keeps the heap's limit, and gives memory back that nobody uses any
// more, until ctx ends. Who sets GOGC or GOMEMLIMIT knows better what the limit is.
func boundHeap(ctx context.Context) {
	bound := os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == ""
	tick := time.NewTicker(heapWatch)
	defer tick.Stop()
	var watch heapWatcher
	var limit int64
	for {
		now := readHeap()
		if next := heapLimit(now.live); bound && (next > limit || next < limit-limit/16) { // setting it stops the world
			limit = next
			debug.SetMemoryLimit(limit)
		}
		if watch.due(now) {
			debug.FreeOSMemory()
			watch.freed(now.resident, readHeap().resident)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// heapState is what the runtime says of its memory.
type heapState struct {
	live     uint64 // after the latest collection
	resident uint64 // what was not given back to the system
	cycles   uint64 // collections so far
}

func readHeap() heapState {
	s := []metrics.Sample{
		{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"}, {Name: "/gc/cycles/total:gc-cycles"},
	}
	metrics.Read(s)
	return heapState{
		live: s[0].Value.Uint64(), resident: s[1].Value.Uint64() - s[2].Value.Uint64(), cycles: s[3].Value.Uint64(),
	}
}

const (
	// heapIdle is what is let be although nobody may use it.
	heapIdle = 44 << 20
	// heapQuiet is how many ticks without a collection, or above the limit, are
	// waited for at first; heapQuietMost when it was of no use.
	heapQuiet, heapQuietMost = 20, 1280
)

// heapWatcher says when memory is to be given back. The runtime collects only what
// makes room for more: when many requests came and went, and none comes after them,
// it keeps their memory for minutes.
type heapWatcher struct {
	cycles uint64
	quiet  int // ticks without a collection
	over   int // ticks above the limit
	wait   int // for so many ticks
}

// due takes note of a tick and reports whether it is time to collect and give back.
func (w *heapWatcher) due(now heapState) bool {
	w.quiet++
	if w.cycles != now.cycles {
		w.cycles, w.quiet = now.cycles, 0
	}
	w.over++
	if int64(now.resident) <= heapLimit(now.live)+heapRoom/4 {
		w.over = 0
	}
	if now.resident <= heapIdle {
		w.wait = 0
		return false
	}
	w.wait = max(w.wait, heapQuiet)
	return w.quiet >= w.wait || w.over >= w.wait
}

// freed takes note of what it brought. What is in use is not collected again and
// again.
func (w *heapWatcher) freed(before, after uint64) {
	w.quiet, w.over = 0, 0
	if after > before-before/8 {
		w.wait = min(2*w.wait, heapQuietMost)
	} else {
		w.wait = heapQuiet
	}
}

// heapLimit returns the limit for a heap of which so many bytes live.
func heapLimit(live uint64) int64 {
	size := int64(live)
	return max(heapRoom, size+min(size, heapMuch)/2+max(0, size-heapMuch)/8+heapRoom/4)
}
