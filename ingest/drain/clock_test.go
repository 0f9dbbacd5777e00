package drain

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// A clock that is set back between a read and the batch must not have the batch
// wait for the time to come again.
func TestGather_ClockStepsBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began, offset := time.Now(), time.Duration(0)
		d := &Drain{opts: Options{Now: func() time.Time { return time.Now().Add(offset) }}}
		setDefaults(&d.opts)
		chunks := make(chan chunk, 1)
		chunks <- chunk{items: []item{{size: 1}}, at: d.opts.Now()}
		offset = -time.Hour
		before := prepared(nil, false, false, began)
		close(before.taken)
		b, rest, err := d.gather(context.Background(), chunks, chunk{}, before)
		if err != nil || len(b.items) != 1 || len(rest.items) != 0 {
			t.Fatalf("gathered %v, %v, %v", b, rest, err)
		}
		if waited := time.Since(began); waited > d.opts.FlushInterval {
			t.Errorf("a batch waited for %v", waited)
		}
	})
}
