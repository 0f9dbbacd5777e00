package main

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// stuckWriter takes nothing before it is let go.
type stuckWriter struct {
	letGo chan struct{}
	text  bytes.Buffer
}

func (w *stuckWriter) Write(p []byte) (int, error) {
	<-w.letGo
	return w.text.Write(p)
}

func TestLogQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := &stuckWriter{letGo: make(chan struct{})}
		q := newLogQueue(out, func(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) })
		synctest.Wait()
		const lines = logLines + 100
		for i := range lines {
			if i == 1 {
				synctest.Wait() // the first is being written
			}
			fmt.Fprintf(q, "line %d\n", i)
		}
		close(out.letGo)
		if err := q.Close(); err != nil {
			t.Error(err)
		}
		got := out.text.String()
		if !strings.HasPrefix(got, "line 0\n") || !strings.Contains(got, fmt.Sprintf("line %d\n", logLines)) || strings.Contains(got, fmt.Sprintf("line %d\n", logLines+1)) {
			t.Errorf("the order is lost: %.60q", got)
		}
		if n := strings.Count(got, "line "); n != logLines+1 || !strings.Contains(got, "lines=99\n") {
			t.Errorf("%d lines, and said of the rest: %s", n, got[strings.LastIndex(got, "level="):])
		}
	})
}

// Nobody reads: the stop does not wait for it.
func TestLogQueue_CloseIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := &stuckWriter{letGo: make(chan struct{})}
		q := newLogQueue(out, func(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) })
		fmt.Fprintln(q, "line")
		began := time.Now()
		if err := q.Close(); err != nil || time.Since(began) != logPatience {
			t.Errorf("closed after %v, %v", time.Since(began), err)
		}
		close(out.letGo)
	})
}
