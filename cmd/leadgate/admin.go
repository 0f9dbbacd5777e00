package main

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/leadgate/leadgate/ingest/edge"
)

const (
	// defaultAdminListen may be taken by another program: the gateway then goes
	// on without. Any other address that cannot be had is an error.
	defaultAdminListen = "127.0.0.1:8081"
	// controlHeader holds the key of the control file in requests of commands,
	// so that another gateway's admin listener does not answer them.
	controlHeader = "Leadgate-Control"

	adminConnections = 64
	adminRequests    = 8 // at once; others get 503
	adminHeaderBytes = 16 << 10
)

// openAdmin opens admin_listen, if that is set. serveAdmin answers there.
func (g *gateway) openAdmin(ctx context.Context) error {
	address := g.settings.AdminListen
	if address == "" {
		g.addCheck(func() check {
			return check{Name: "admin listener", State: stateOK, Detail: "none: admin_listen is empty"}
		})
		return nil
	}
	listener, err := edge.Listen(ctx, address)
	switch {
	case err == nil:
	case address == defaultAdminListen && errors.Is(err, syscall.EADDRINUSE):
		detail := "another process has " + address + ", so there is neither /metrics nor /readyz?verbose: set admin_listen to a free address, or to \"\""
		g.log.Warn("no admin listener", "why", detail)
		g.addCheck(func() check { return check{Name: "admin listener", State: stateWarning, Detail: detail} })
		return nil
	default:
		return fmt.Errorf("admin_%w", err)
	}
	g.admin = listener
	g.onClose(func() error { return ignoreClosed(listener.Close()) })
	g.addCheck(func() check {
		return check{Name: "admin listener", State: stateOK, Detail: "/metrics and /readyz?verbose are at " + g.adminURL()}
	})
	return nil
}

// adminURL is where commands on this machine find the admin listener; "" if
// there is none.
func (g *gateway) adminURL() string {
	if g.admin == nil {
		return ""
	}
	return localURL(g.admin.Addr().String())
}

// serveAdmin answers at the admin listener until the gateway closes.
func (g *gateway) serveAdmin() error {
	if g.admin == nil {
		return nil
	}
	server := &http.Server{
		Handler: answering(g.adminHandler()), ConnContext: withPeer,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: 30 * time.Second,
		MaxHeaderBytes: adminHeaderBytes,
		ErrorLog:       slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug), // what peers do wrong is their affair
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(&peers{Listener: g.admin, most: adminConnections}) // ends with Close
	}()
	g.onClose(func() error {
		err := server.Close()
		<-ended
		return ignoreClosed(err)
	})
	g.log.Info("metrics and verbose readiness can be read", "admin_url", g.adminURL())
	return nil
}

// adminHandler answers GET and HEAD of /metrics, /healthz and /readyz.
func (g *gateway) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", g.metrics.Handler())
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("verbose") {
			g.writeReadiness(w)
			return
		}
		if err := g.edge.Ready(); err != nil {
			w.Header().Set("Retry-After", "5")
			writeError(w, http.StatusServiceUnavailable, "not_ready", err.Error())
			return
		}
		writeJSON(w, http.StatusOK, map[string]string{"status": "ready"})
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		writeError(w, http.StatusNotFound, "not_found", "there are /metrics, /healthz and /readyz?verbose")
	})
	return g.guardAdmin(mux)
}

// guardAdmin refuses what no monitoring asks: other methods, requests that a web
// page has a browser make, and too many at once. A page's own requests show by
// their Origin or Sec-Fetch-Site; a page whose name was made to resolve to this
// machine (DNS rebinding) shows by its Host.
func (g *gateway) guardAdmin(next http.Handler) http.Handler {
	slots := make(chan struct{}, adminRequests)
	configured, _, _ := net.SplitHostPort(g.settings.AdminListen) // checked with the configuration
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Cache-Control", "no-store")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("X-Frame-Options", "DENY")
		header.Set("Content-Security-Policy", "default-src 'none'")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		key := r.Header.Get(controlHeader)
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			header.Set("Allow", "GET, HEAD")
			writeError(w, http.StatusMethodNotAllowed, "method_not_allowed", "only GET and HEAD are allowed here")
			return
		case !adminHost(r.Host, configured):
			writeError(w, http.StatusForbidden, "host_not_allowed",
				"ask by an IP address, as localhost, or by the host name that admin_listen has")
			return
		case foreign(r):
			writeError(w, http.StatusForbidden, "origin_not_allowed", "web pages may not read this")
			return
		case key != "" && !sameSecret(key, g.control.Key):
			writeError(w, http.StatusUnauthorized, "unauthorized", "this is another gateway")
			return
		}
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
			next.ServeHTTP(w, r)
		default:
			header.Set("Retry-After", "1")
			writeError(w, http.StatusServiceUnavailable, "busy", "too many requests at once; try again later")
		}
	})
}

// adminHost reports whether a Host header is one that no attacker can choose a
// name for: an IP address, localhost, or the configured host name. HTTP/1.0 may
// leave it out, which no browser does.
func adminHost(host, configured string) bool {
	if host == "" {
		return true
	}
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	return strings.EqualFold(name, "localhost") || configured != "" && strings.EqualFold(name, configured)
}

// foreign reports whether a browser made the request for a page of another
// origin. Somebody who follows a link to it may read it.
func foreign(r *http.Request) bool {
	for _, origin := range r.Header.Values("Origin") {
		if u, err := url.Parse(origin); err != nil || u.Scheme != "http" || u.Host == "" || !strings.EqualFold(u.Host, r.Host) {
			return true
		}
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return false
	}
	return r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.Header.Get("Sec-Fetch-Dest") != "document"
}

// sameSecret compares in a time that says nothing of where they differ.
func sameSecret(given, want string) bool {
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}
