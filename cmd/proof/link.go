package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	_ "github.com/Shopify/toxiproxy/v2/toxics" // registers latency
	"github.com/rs/zerolog"
)

// link is a TCP way to a server, by Toxiproxy, that can be made slow or cut.
// Only one goroutine may change it.
type link struct{ proxy *toxiproxy.Proxy }

// newLink opens a way to upstream on a free port.
func newLink(name, upstream string) (*link, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	l := &link{toxiproxy.NewProxy(server, name, fmt.Sprintf("127.0.0.1:%d", port), upstream)}
	if err := l.proxy.Start(); err != nil {
		return nil, fmt.Errorf("proxy to %s: %w", name, err)
	}
	return l, nil
}

// addr is the host and port to connect to, the same over cuts.
func (l *link) addr() string { return l.proxy.Listen }

// slow delays each answer.
func (l *link) slow(by time.Duration) error {
	toxic := fmt.Sprintf(`{"name":"slow","type":"latency","attributes":{"latency":%d}}`, by.Milliseconds())
	_, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(toxic))
	return err
}

// fast ends slow.
func (l *link) fast() error { return l.proxy.Toxics.RemoveToxic(context.Background(), "slow") }

// cut ends all connections and refuses new ones.
func (l *link) cut() { l.proxy.Stop() }

// mend ends cut.
func (l *link) mend() error { return l.proxy.Start() }
