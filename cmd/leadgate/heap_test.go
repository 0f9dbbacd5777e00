package main

import "testing"

// Little may double; much may grow by half, very much by less, and nothing is
// squeezed.
func TestHeapLimit(t *testing.T) {
	t.Parallel()
	f := func(live uint64, want int64) {
		t.Helper()
		if got := heapLimit(live << 20); got != want<<20 {
			t.Errorf("%d MiB live: the limit is %d MiB, want %d", live, got>>20, want)
		}
	}
	f(0, 76)
	f(8, 76)
	f(38, 76)
	f(60, 109)
	f(160, 259)
	f(1000, 1204)
}

// Memory is given back when nothing is collected although much is held, or more
// than the limit is held although it is collected; less and less often if that is
// of no use.
func TestHeapWatcher(t *testing.T) {
	t.Parallel()
	const much = 300 << 20
	var w heapWatcher
	now := heapState{live: much, resident: much, cycles: 1}
	ticks := func() (n int) {
		for n = 1; !w.due(now); n++ {
			if n > 2*heapQuietMost {
				t.Fatal("memory is never given back")
			}
		}
		return n
	}
	ticks() // the first tick sees a collection
	w.freed(much, much/2)
	if n := ticks(); n != heapQuiet {
		t.Errorf("given back after %d ticks", n)
	}
	for want := 2 * heapQuiet; want <= 2*heapQuietMost; want *= 2 {
		w.freed(much, much)
		if n := ticks(); n != min(want, heapQuietMost) {
			t.Errorf("given back after %d ticks, want %d: it was of no use", n, want)
		}
	}
	w.freed(much, much/2)
	for range 1000 { // it is collected, and within the limit
		if now.cycles++; w.due(now) {
			t.Fatal("given back what is in use")
		}
	}
	now.live = 1 << 20
	for n := 1; ; n++ {
		if now.cycles++; w.due(now) {
			if n != heapQuiet {
				t.Errorf("what is above the limit is given back after %d ticks", n)
			}
			break
		}
	}
	w.freed(much, heapIdle)
	now.resident = heapIdle
	for range 1000 {
		if w.due(now) {
			t.Fatal("given back what is little")
		}
	}
}
