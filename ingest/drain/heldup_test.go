package drain_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// While the store refuses, the drain says so at once and each minute again, with
// the stage, the last error and since when; it stops saying it afterwards.
func TestRun_HeldUpIsLoggedEachMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		var said bytes.Buffer
		r.opts.Logger = slog.New(slog.NewTextHandler(&said, nil))
		r.opts.BacklogBytes = func() int64 { return 4711 }
		var up atomic.Bool
		r.sink.onWrite = func(_ ingest.Batch, do func()) error {
			if !up.Load() {
				return errors.New("connection refused")
			}
			do()
			return nil
		}
		d, stop := r.start()
		r.lead("a", "ann@example.com")
		const minutes = 7
		time.Sleep(minutes*time.Minute + time.Second)
		synctest.Wait()
		text := said.String()
		if n := strings.Count(text, `msg="drain is held up;`); n != 1 {
			t.Errorf("the beginning is said %d times", n)
		}
		if n := strings.Count(text, "still held up"); n != minutes {
			t.Errorf("in %d minutes it is said again %d times:\n%s", minutes, n, text)
		}
		for _, want := range []string{"stage=sink", `err="connection refused"`, "since=2000-01-01T00:00:00Z", "oldest_waits=7m0s", "backlog_bytes=4711"} {
			if !strings.Contains(text, want) {
				t.Errorf("the log does not say %s:\n%s", want, text)
			}
		}
		up.Store(true)
		if err := d.WaitIdle(t.Context()); err != nil {
			t.Fatal(err)
		}
		said.Reset()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if strings.Contains(said.String(), "held up") {
			t.Errorf("all is well, and it says\n%s", &said)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// An attempt that hangs fails late: that nothing is counted is said meanwhile.
func TestRun_HangingAttemptIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		var said bytes.Buffer
		r.opts.Logger = slog.New(slog.NewTextHandler(&said, nil))
		r.opts.WriteTimeout = time.Hour
		hang := make(chan struct{})
		r.sink.onWrite = func(_ ingest.Batch, do func()) error { <-hang; do(); return nil }
		d, stop := r.start()
		r.lead("a", "ann@example.com")
		time.Sleep(3*time.Minute + time.Second)
		synctest.Wait()
		if n := strings.Count(said.String(), "counted nothing for a while"); n < 2 || n > 3 {
			t.Errorf("it is said %d times:\n%s", n, &said)
		}
		close(hang)
		if err := d.WaitIdle(context.Background()); err != nil {
			t.Fatal(err)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}
