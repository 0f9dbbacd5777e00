package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A store that cannot be opened is tried again for ever, with growing waits, and
// is logged each minute, with since when.
func TestSupervisor_TriesForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var said bytes.Buffer
		began, tries := time.Now(), []time.Duration{}
		s := newSupervisor(&Settings{Config: DefaultConfig()}, slog.New(slog.NewTextHandler(&said, nil)), time.Now, func(context.Context) (*store, error) {
			tries = append(tries, time.Since(began))
			return nil, errors.New("no library")
		})
		if c := findCheck(s.checks(), checkStore); c.State != stateOK || c.Detail != storeOpening {
			t.Errorf("before the first attempt: %+v", c)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { s.run(ctx); close(done) }()
		time.Sleep(10*time.Minute + time.Second)
		synctest.Wait()
		if n := len(tries); n < 60 || n > 70 || tries[0] != 0 || tries[1] != storeRetryMin {
			t.Errorf("%d attempts, the first after %v", n, tries[:2])
		}
		if n := strings.Count(said.String(), `err="no library" since=2000-01-01T00:00:00Z`); n < 9 || n > 11 {
			t.Errorf("in ten minutes it is logged %d times:\n%s", n, &said)
		}
		var away *awayError
		if _, err := s.usable(ctx); !errors.As(err, &away) || !strings.Contains(err.Error(), "no library") {
			t.Errorf("who needs it is told %v", err)
		}
		if c := findCheck(s.checks(), checkStore); c.State != stateFault || c.Detail != "no library" || !c.Since.Equal(began) {
			t.Errorf("the check is %+v", c)
		}
		if s.isUsable() || s.restarts() != 0 {
			t.Error("it seems usable")
		}
		cancel()
		<-done
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
