package main

import (
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// outlive keeps two signals from ending the process: SIGHUP, which a closed
// terminal and the habits of log rotation send, is logged; and SIGPIPE, which Go
// raises for a write to a standard output or error that nobody reads any more,
// is ignored, so that the write fails instead. The returned function gives
// SIGHUP back.
func outlive(log *slog.Logger) (release func()) {
	signal.Ignore(syscall.SIGPIPE)
	hangups, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(hangups, syscall.SIGHUP)
	var watching sync.WaitGroup
	watching.Go(func() {
		for {
			select {
			case <-hangups:
				log.Info("SIGHUP is ignored: the configuration is read at the start only; to stop, send SIGTERM")
			case <-done:
				return
			}
		}
	})
	return func() {
		signal.Stop(hangups)
		close(done)
		watching.Wait()
	}
}
