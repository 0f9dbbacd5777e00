package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"time"
)

// States of a check.
const (
	stateOK      = "ok"
	stateWarning = "warning" // it works, and somebody should look at it
	stateFault   = "fault"   // something does not work
)

// check is what the gateway says of one of its parts. A fault does not mean
// that the gateway is not ready: it takes leads without ClickHouse.
type check struct {
	Name  string `json:"name"`
	State string `json:"state"`
	// Detail is what was seen and what to do about it, without personal data
	// and secrets.
	Detail string `json:"detail,omitempty"`
	// Since is when State last changed. Where the part does not say, it is when
	// that was first seen.
	Since time.Time `json:"since,omitzero"`
}

// readiness is the answer to /readyz?verbose.
type readiness struct {
	Status string  `json:"status"` // ready, not ready
	Checks []check `json:"checks"`
}

// checkEvery is how soon a change of state is noticed and logged.
const checkEvery = time.Second

// checklist asks the parts of the gateway how they are. Its methods are safe
// for concurrent use; the zero value has no parts.
type checklist struct {
	mu    sync.Mutex
	parts []func() []check
	last  map[string]check
}

// addCheck has the gateway report what f returns. F must return at once: it
// reads state that is there, and asks nobody over a network.
func (g *gateway) addCheck(f func() check) {
	g.addChecks(func() []check { return []check{f()} })
}

// addChecks is addCheck for a part that has several.
func (g *gateway) addChecks(f func() []check) {
	g.checklist.mu.Lock()
	defer g.checklist.mu.Unlock()
	g.checklist.parts = append(g.checklist.parts, f)
}

// checks returns the state of all parts, in the order in which they were added.
func (g *gateway) checks() []check { return g.checklist.collect(g.hooks.now()) }

// collect asks all parts, and sets Since where a part does not say it.
func (l *checklist) collect(now time.Time) []check {
	l.mu.Lock()
	parts := slices.Clone(l.parts)
	l.mu.Unlock()
	all := make([]check, 0, len(parts))
	for _, part := range parts {
		all = append(all, part()...)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last == nil {
		l.last = make(map[string]check)
	}
	for i := range all {
		c := &all[i]
		if last, ok := l.last[c.Name]; c.Since.IsZero() && ok && last.State == c.State {
			c.Since = last.Since
		}
		if c.Since.IsZero() {
			c.Since = now
		}
		l.last[c.Name] = *c
	}
	return all
}

// readiness says whether the gateway takes leads, and how its parts are.
func (g *gateway) readiness() readiness {
	r := readiness{Status: "ready", Checks: g.checks()}
	if g.edge.Ready() != nil {
		r.Status = "not ready"
	}
	return r
}

// addOwnChecks adds the checks of intake and journal.
func (g *gateway) addOwnChecks() {
	g.addCheck(filesCheck)
	g.addCheck(func() check {
		if err := g.edge.Ready(); err != nil {
			return check{Name: "intake", State: stateFault, Detail: err.Error()}
		}
		return check{Name: "intake", State: stateOK, Detail: "takes leads on " + g.listener.Addr().String()}
	})
	g.addCheck(func() check {
		stat := g.journal.Stat()
		detail := fmt.Sprintf("%v of at most %v are used, %v are not in ClickHouse yet", Bytes(stat.Bytes), Bytes(stat.MaxBytes), Bytes(stat.Uncommitted))
		if err := g.journal.Ready(); err != nil {
			return check{Name: "journal", State: stateFault, Detail: err.Error()}
		}
		return check{Name: "journal", State: stateOK, Detail: detail}
	})
}

// watchChecks logs each change of a check's state until ctx ends.
func (g *gateway) watchChecks(ctx context.Context) {
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	known := make(map[string]string)
	for {
		g.logChanges(known, g.checks())
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// logChanges logs the checks whose state is not the known one, and makes it
// known. What is in order from the start is not worth a line.
func (g *gateway) logChanges(known map[string]string, checks []check) {
	for _, c := range checks {
		before, seen := known[c.Name]
		known[c.Name] = c.State
		if before == c.State || !seen && c.State == stateOK {
			continue
		}
		level := slog.LevelInfo
		if c.State != stateOK {
			level = slog.LevelWarn
		}
		g.log.Log(context.Background(), level, "a check changed its state", "check", c.Name, "state", c.State, "detail", c.Detail)
	}
}

// serveReadiness answers GET /api/v1/readiness, which is there for commands on
// this machine where there is no admin listener: others get 404.
func (g *gateway) serveReadiness(w http.ResponseWriter, r *http.Request) {
	if !sameSecret(r.Header.Get("Authorization"), "Bearer "+g.control.Key) {
		writeError(w, http.StatusNotFound, "not_found", "there is nothing here")
		return
	}
	g.writeReadiness(w)
}

func (g *gateway) writeReadiness(w http.ResponseWriter) {
	answer := g.readiness()
	status := http.StatusOK
	if answer.Status != "ready" {
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "5")
	}
	writeJSON(w, status, answer)
}

func writeJSON(w http.ResponseWriter, status int, answer any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // whoever asked may have gone
}

func writeError(w http.ResponseWriter, status int, code, message string) {
	writeJSON(w, status, map[string]map[string]string{"error": {"code": code, "message": message}})
}

// readiness asks the running gateway how its parts are. Errors: errNoGateway if
// it is gone, or why it cannot be asked.
func (c control) readiness(ctx context.Context) ([]check, error) {
	if c.AdminURL != "" {
		checks, err := c.readinessAt(ctx, c.AdminURL+"/readyz?verbose")
		if err == nil {
			return checks, nil
		}
	}
	return c.readinessAt(ctx, c.URL+"/api/v1/readiness")
}

func (c control) readinessAt(ctx context.Context, url string) ([]check, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	// Either proves that the gateway is the one that wrote the control file.
	req.Header.Set("Authorization", "Bearer "+c.Key)
	req.Header.Set(controlHeader, c.Key)
	response, err := http.DefaultClient.Do(req)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil, errNoGateway
	} else if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	var answer readiness
	switch response.StatusCode {
	case http.StatusOK, http.StatusServiceUnavailable:
		if err := json.Unmarshal(text, &answer); err == nil && len(answer.Checks) > 0 {
			return answer.Checks, nil
		}
	case http.StatusUnauthorized, http.StatusNotFound: // another process on its port
		return nil, errNoGateway
	}
	return nil, refusal(response.StatusCode, text)
}
