package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// clientFrom connects from a given loopback address.
func clientFrom(address string) *http.Client {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	return &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext}, Timeout: 20 * time.Second}
}

func postWith(ctx context.Context, client *http.Client, url, body string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	_, _ = io.Copy(io.Discard, answer.Body) // the status says all
	return answer.StatusCode, answer.Body.Close()
}

// Five addresses post junk as fast as they are let: more of it than the source's
// limit in all. No genuine lead is refused meanwhile.
func TestIntegration_JunkKeepsNoLeadOut(t *testing.T) {
	t.Parallel()
	p := serve(t, t.TempDir(), `limits: {per_source: 100/m, per_address: 50/s}`)
	ctx, stop := context.WithCancel(t.Context())
	var flood sync.WaitGroup
	var junk atomic.Int64
	for n := range 5 {
		flood.Go(func() {
			client := clientFrom(fmt.Sprintf("127.0.9.%d", n+1))
			defer client.CloseIdleConnections()
			for i := 0; ctx.Err() == nil && i < 20_000; i++ {
				body := []string{`{"email":"not an address","phone":"12"}`, `{"email":`, `[]`}[i%3]
				switch status, err := postWith(ctx, client, p.url+"/in/landing", body); {
				case ctx.Err() != nil:
				case err != nil || status != 422 && status != 400 && status != 429:
					t.Errorf("junk: %d, %v", status, err)
					return
				case status != 429:
					junk.Add(1)
				}
			}
		})
	}
	p.until("flooded beyond the limit of the source", func() bool { return junk.Load() > 200 })
	for n := range 60 {
		client := clientFrom(fmt.Sprintf("127.0.8.%d", n+1))
		if status, err := postWith(ctx, client, p.url+"/in/landing", fmt.Sprintf(`{"email":"fair%d@example.com"}`, n)); status != http.StatusOK {
			t.Errorf("lead %d: %d, %v", n, status, err)
		}
		client.CloseIdleConnections()
	}
	stop()
	flood.Wait()
	p.counted()
	if got := p.sql("SELECT count() FROM leads WHERE verdict = 'unique'"); got != "60" {
		t.Errorf("%s leads, want 60", got)
	}
}

// An array of clicks is as many events, whoever sends it.
func TestIntegration_EventsPerAddress(t *testing.T) {
	t.Parallel()
	p := serve(t, t.TempDir(), `limits: {events_per_address: 600/h, bytes_per_source: 10MiB/h}`)
	clicks := func(visitor string, n int) string {
		body := []byte("[")
		for i := range n {
			body = fmt.Appendf(body, `{"visitor_id":"%s-%d","url":"https://www.example.com/?utm_source=x"},`, visitor, i)
		}
		return string(body[:len(body)-1]) + "]"
	}
	one, other := clientFrom("127.0.7.1"), clientFrom("127.0.7.2")
	defer one.CloseIdleConnections()
	defer other.CloseIdleConnections()
	for i, step := range []struct {
		client *http.Client
		clicks int
		want   int
	}{{one, 500, 200}, {one, 101, 429}, {one, 100, 200}, {one, 1, 429}, {other, 500, 200}} {
		status, err := postWith(t.Context(), step.client, p.url+"/in/clicks", clicks(fmt.Sprint("v", i), step.clicks))
		if status != step.want || err != nil {
			t.Errorf("step %d: %d, %v; want %d", i, status, err, step.want)
		}
	}
	p.counted()
	if got := p.sql("SELECT count() FROM touches"); got != "1100" {
		t.Errorf("%s touches, want 1100", got)
	}
}
