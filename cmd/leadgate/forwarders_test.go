package main

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest/edge"
)

func TestForwardersCheck(t *testing.T) {
	t.Parallel()
	if c := forwardersCheck(nil); c.Name != "proxies" || c.State != stateOK {
		t.Errorf("%+v", c)
	}
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	c := forwardersCheck([]edge.Forwarder{
		{Network: netip.MustParsePrefix("10.0.0.0/24"), First: at, Requests: 9},
		{Network: netip.MustParsePrefix("203.0.113.0/24"), First: at.Add(-time.Minute), Requests: 1},
	})
	if c.State != stateWarning || !c.Since.Equal(at.Add(-time.Minute)) || !strings.Contains(c.Detail, "9 requests") ||
		!strings.Contains(c.Detail, "10.0.0.0/24") || !strings.Contains(c.Detail, "elsewhere (1 networks)") || !strings.Contains(c.Detail, "http.trusted_proxies") {
		t.Errorf("%+v", c)
	}
}

// A proxy that http.trusted_proxies lacks is found in the log, the metrics and by
// doctor; nothing of what it says.
func TestIntegration_UntrustedProxy(t *testing.T) {
	t.Parallel()
	p := serve(t, t.TempDir(), "sources: [{name: landing, type: form}]\n")
	if out := p.run("doctor"); !strings.Contains(out, "gateway: proxies") || strings.Contains(out, "http.trusted_proxies") {
		t.Errorf("doctor, before:\n%s", out)
	}
	for range 3 {
		status, text, err := p.do(http.MethodPost, "/in/landing", []byte(`{"email":"a@example.com"}`), "Content-Type: application/json\nX-Forwarded-For: 203.0.113.7")
		if err != nil || status != http.StatusOK {
			t.Fatalf("%d %s, %v", status, text, err)
		}
	}
	if _, text, err := p.admin("/metrics"); err != nil || !strings.Contains(text, "\nleadgate_edge_untrusted_forwarded_total 3\n") {
		t.Errorf("metrics: %v", err)
	}
	said := p.said.String()
	if out := p.run("doctor"); !strings.Contains(out, "3 requests") || !strings.Contains(out, "127.0.0.1/32") || !strings.Contains(out, "http.trusted_proxies") {
		t.Errorf("doctor:\n%s", out)
	}
	if strings.Count(said, "forwarded by a peer that is not trusted") != 1 || strings.Contains(said, "203.0.113.7") {
		t.Errorf("log:\n%s", said)
	}
}
