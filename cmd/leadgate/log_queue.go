package main

import (
	"bytes"
	"io"
	"log/slog"
	"sync/atomic"
	"time"
)

// logQueue writes lines of the log in their order, without having anybody wait:
// a reader that has stopped reading holds up neither leads nor the stop. Lines
// that do not fit any more are dropped and counted. It is safe for concurrent
// use.
type logQueue struct {
	out     io.Writer
	own     *slog.Logger // to out, for what the queue has to say
	lines   chan []byte
	dropped atomic.Int64
	closing chan struct{}
	ended   chan struct{} // closed when the last line is written
}

const (
	logLines    = 4096            // that wait at most
	logPatience = 2 * time.Second // for the last of them
)

// newLogQueue starts a queue; own makes a logger of a writer.
func newLogQueue(out io.Writer, own func(io.Writer) *slog.Logger) *logQueue {
	q := &logQueue{out: out, own: own(out), lines: make(chan []byte, logLines), closing: make(chan struct{}), ended: make(chan struct{})}
	go q.run()
	return q
}

// Write implements io.Writer. It never fails.
func (q *logQueue) Write(line []byte) (int, error) {
	select {
	case q.lines <- bytes.Clone(line):
	default:
		q.dropped.Add(1)
	}
	return len(line), nil
}

func (q *logQueue) run() {
	defer close(q.ended)
	for {
		select {
		case line := <-q.lines:
			q.write(line)
		case <-q.closing:
			for {
				select {
				case line := <-q.lines:
					q.write(line)
				default:
					return
				}
			}
		}
	}
}

func (q *logQueue) write(line []byte) {
	_, _ = q.out.Write(line) // whoever reads the log may have gone
	if n := q.dropped.Swap(0); n > 0 {
		q.own.Warn("nobody read the log for a while: lines were dropped", "lines", n)
	}
}

// Close waits until all lines are written, or for as long as nobody reads them
// not longer than logPatience: the writing goroutine is then left behind.
func (q *logQueue) Close() error {
	close(q.closing)
	patience := time.NewTimer(logPatience)
	defer patience.Stop()
	select {
	case <-q.ended:
	case <-patience.C:
	}
	return nil
}
