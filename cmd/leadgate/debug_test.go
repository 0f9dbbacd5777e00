package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Profiles are served at debug_listen, and not where the world calls.
func TestIntegration_Profiles(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	p := serve(t, t.TempDir(), fmt.Sprintf("debug_listen: 127.0.0.1:%d\n", port))
	answer, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/debug/pprof/goroutine?debug=1", port))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK || !strings.Contains(string(text), "leadgate") {
		t.Errorf("status %d, %v: %.200s", answer.StatusCode, err, text)
	}
	if status, _, err := p.do(http.MethodGet, "/debug/pprof/", nil, ""); err != nil || status != http.StatusNotFound {
		t.Errorf("at the public address: %d, %v", status, err)
	}
}
