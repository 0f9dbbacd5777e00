package limit_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest/limit"
)

// A clock that is set back must not have everybody refused until the time has
// come again.
func TestLimiter_ClockSetBack(t *testing.T) {
	t.Parallel()
	var offset atomic.Int64
	rate, err := limit.ParseRate("2/h")
	if err != nil {
		t.Fatal(err)
	}
	l, err := limit.New(limit.Options{Name: "source", Rate: rate, Now: func() time.Time {
		return time.Now().Add(time.Duration(offset.Load()))
	}})
	if err != nil {
		t.Fatal(err)
	}
	spent := func() bool {
		t.Helper()
		result, err := l.Take(t.Context(), "landing", 1)
		if err != nil {
			t.Fatal(err)
		}
		return !result.Allowed
	}
	for _, step := range []struct {
		by   time.Duration
		want []bool
	}{
		{0, []bool{false, false, true, true}},
		{-100 * time.Millisecond, []bool{true}}, // a drift that is corrected
		{-time.Hour, []bool{false, false, true}},
		{-time.Hour, []bool{true}},
	} {
		offset.Store(int64(step.by))
		for n, want := range step.want {
			if got := spent(); got != want {
				t.Errorf("clock at %v, request %d: refused %v, want %v", step.by, n, got, want)
			}
		}
	}
}
