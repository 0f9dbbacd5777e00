package main

import "testing"

// Little may double; much may grow by half, and is never squeezed.
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
	f(1000, 1519)
}
