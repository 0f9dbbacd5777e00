package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"runtime"
	"time"

	"github.com/leadgate/leadgate/ingest/edge"
)

// The shares of events that are sampled while profiles can be asked for: they
// cost less than can be measured.
const (
	mutexFraction = 100                    // one contention of so many
	blockRate     = 100 * time.Microsecond // of blocking, one sample
)

// openDebug serves profiles of the process at debug_listen, if that is set.
func (g *gateway) openDebug(ctx context.Context) error {
	if g.settings.DebugListen == "" {
		return nil
	}
	listener, err := edge.Listen(ctx, g.settings.DebugListen)
	if err != nil {
		return fmt.Errorf("debug_%w", err)
	}
	runtime.SetMutexProfileFraction(mutexFraction)
	runtime.SetBlockProfileRate(int(blockRate))
	server := &http.Server{Handler: profiles(), ReadHeaderTimeout: 5 * time.Second}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(listener) // ends with Close
	}()
	g.onClose(func() error {
		err := server.Close()
		<-ended
		return err
	})
	g.log.Info("profiles can be read", "url", "http://"+listener.Addr().String()+"/debug/pprof/")
	return nil
}

// profiles are Go's own, https://pkg.go.dev/net/http/pprof.
func profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

// loopback tells whether an address of the form host:port can be reached from
// this machine only.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
