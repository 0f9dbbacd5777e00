package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// loadScenarios are more, larger, slower and ruder senders than anybody wants.
var loadScenarios = []scenario{
	{"bodies at the cap", bodiesAtTheCap},
	{"slow clients (slowloris)", slowClients},
	{"5,000 idle connections", idleConnections},
	{"clients gone before the answer", goneClients},
	{"ten times the rate limit", overTheLimit},
	{"a backlog while ClickHouse is away", backlog},
}

// padded is a lead whose request body is exactly size bytes.
func (w *world) padded(size int) *delivery {
	d := w.plain(0)
	var fields map[string]string
	if err := json.Unmarshal(d.build().body, &fields); err != nil {
		panic(err) // our own
	}
	fields["message"] = ""
	fields["message"] = strings.Repeat("m", size-len(jsonRequest("", fields).body))
	d.build = always(jsonRequest("/in/landing", fields))
	return d
}

// bodiesAtTheCap sends bodies of exactly the largest size, many at once, and
// some that are a byte larger.
func bodiesAtTheCap(ctx context.Context, w *world) (err error) {
	const limit = 1 << 20
	w.configure("{http: {max_body: 1MiB}, journal: {segment_bytes: 4MiB}}")
	if err := w.start(ctx); err != nil {
		return err
	}
	load := w.startLoad(ctx, loadOptions{rate: 50})
	defer func() { err = errors.Join(err, load.stop(ctx)) }()
	for round := 0; round == 0 || w.long(); round++ {
		var senders sync.WaitGroup
		failures := make([]error, 4)
		for n := range failures {
			senders.Go(func() {
				for range 8 {
					failures[n] = errors.Join(failures[n], w.deliver(ctx, w.padded(limit)))
				}
			})
			w.struck()
		}
		senders.Wait()
		if err := errors.Join(failures...); err != nil {
			return err
		}
		for range 8 {
			// The sender may find the door shut before it has said all.
			status, _, err := w.probe(ctx, w.padded(limit+1))
			if err == nil && status != http.StatusRequestEntityTooLarge {
				return fmt.Errorf("a body a byte over the cap is answered %d", status)
			}
		}
		if err := load.accepted(ctx, 50); err != nil {
			return err
		}
	}
	return nil
}

// dial opens a connection to the gateway.
func (w *world) dial(ctx context.Context) (net.Conn, error) {
	to, err := url.Parse(w.url)
	if err != nil {
		return nil, err
	}
	return (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", to.Host)
}

// slowClients send their requests a byte at a time. Each is cut off when its
// time is over; others do not notice.
func slowClients(ctx context.Context, w *world) (err error) {
	w.configure("http: {read_timeout: 2s}")
	if err := w.start(ctx); err != nil {
		return err
	}
	load := w.startLoad(ctx, loadOptions{})
	defer func() { err = errors.Join(err, load.stop(ctx)) }()
	for round := 0; round == 0 || w.long(); round++ {
		var clients sync.WaitGroup
		failures := make([]error, 300)
		for n := range failures {
			clients.Go(func() { failures[n] = w.dawdle(ctx, n) })
		}
		w.struck()
		err := load.accepted(ctx, 200)
		clients.Wait()
		if err := errors.Join(append(failures, err)...); err != nil {
			return err
		}
	}
	return nil
}

// dawdle sends a request slowly until the gateway hangs up, which it must do
// before the request is whole. Every other client is slow in its body only.
func (w *world) dawdle(ctx context.Context, n int) error {
	c, err := w.dial(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	head := "POST /in/landing HTTP/1.1\r\nHost: proof\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{"
	if n%2 == 1 {
		if _, err := io.WriteString(c, head); err != nil {
			return err
		}
		head = strings.Repeat(" ", len(head))
	}
	closed := make(chan error, 1)
	go func() {
		_ = c.SetReadDeadline(time.Now().Add(patience))
		text, err := io.ReadAll(c)
		if bytes.Contains(text, []byte(" 200 ")) {
			err = fmt.Errorf("half a request was answered %q", text)
		} else if !errors.Is(err, os.ErrDeadlineExceeded) {
			err = nil // an answer, an end or a reset: it hung up
		}
		closed <- err
	}()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for at := 0; ; at++ {
		select {
		case err := <-closed:
			return err
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			_, _ = io.WriteString(c, head[at%len(head):][:1]) // it may be closed by now
		}
	}
}

// idleConnections holds 5,000 connections open that say nothing.
func idleConnections(ctx context.Context, w *world) (err error) {
	const many = 5000
	w.configure("http: {read_timeout: 60s, idle_timeout: 60s, connections_per_address: 6000}") // all from one address
	if err := w.start(ctx); err != nil {
		return err
	}
	load := w.startLoad(ctx, loadOptions{})
	defer func() { err = errors.Join(err, load.stop(ctx)) }()
	idle := make([]net.Conn, 0, many)
	defer func() {
		for _, c := range idle {
			_ = c.Close()
		}
	}()
	for len(idle) < many {
		c, err := w.dial(ctx)
		if err != nil {
			return fmt.Errorf("connection %d: %w", len(idle), err)
		}
		idle = append(idle, c)
	}
	w.struck()
	if err := errors.Join(load.accepted(ctx, 200), w.ready(ctx), w.works(1)(ctx)); err != nil {
		return err
	}
	// They are still there, and each can be used.
	for n := 0; n < many; n += 500 {
		answer, err := speak(idle[n], "GET /healthz HTTP/1.1\r\nHost: proof\r\n\r\n")
		if err != nil || !strings.Contains(answer, " 200 ") {
			return fmt.Errorf("idle connection %d answers %q: %w", n, answer, err)
		}
	}
	return nil
}

// speak says something and returns the first of what is answered.
func speak(c net.Conn, text string) (string, error) {
	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(c, text); err != nil {
		return "", err
	}
	answer := make([]byte, 256)
	n, err := c.Read(answer)
	return string(answer[:n]), err
}

// goneClients send whole deliveries and leave before the answer, half of them
// with a reset. Some come again.
func goneClients(ctx context.Context, w *world) (err error) {
	if err := w.start(ctx); err != nil {
		return err
	}
	load := w.startLoad(ctx, loadOptions{})
	defer func() { err = errors.Join(err, load.stop(ctx)) }()
	for round := 0; round == 0 || w.long(); round++ {
		for n := range 200 {
			d := w.plain(0)
			if err := w.leaveEarly(ctx, d, n%2 == 0); err != nil {
				return err
			}
			w.struck()
			if n%3 == 0 {
				if err := w.deliver(ctx, d); err != nil {
					return err
				}
			}
		}
		if err := load.accepted(ctx, 50); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) leaveEarly(ctx context.Context, d *delivery, reset bool) error {
	c, err := w.dial(ctx)
	if err != nil {
		return err
	}
	r := d.build()
	w.ledger.sending(d)
	w.ledger.unanswered()
	_, err = fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: proof\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", r.path, r.contentType, len(r.body), r.body)
	if reset {
		err = errors.Join(err, c.(*net.TCPConn).SetLinger(0))
	}
	return errors.Join(err, c.Close())
}

// overTheLimit sends as fast as it goes where a tenth of that is allowed.
func overTheLimit(ctx context.Context, w *world) (err error) {
	w.configure(`limits: {per_source: "20/s", per_address: ""}`)
	if err := w.start(ctx); err != nil {
		return err
	}
	load := w.startLoad(ctx, loadOptions{rate: -1, senders: 32})
	defer func() { err = errors.Join(err, load.stop(ctx)) }()
	for round := 0; round < 3 || w.long(); round++ {
		before := w.ledger.refusedNow()
		if err := errors.Join(w.wantRefusal(ctx, http.StatusTooManyRequests), load.accepted(ctx, 50)); err != nil {
			return err
		}
		if refused := w.ledger.refusedNow() - before; refused < 10*50 {
			continue // slower than ten times the limit: another round
		}
		w.struck()
	}
	return nil
}

var backlogSize = flag.Int("backlog", 0, "deliveries in the scenario of a backlog; 0: 20,000, or 2 million in a long run")

// backlog has deliveries pile up while ClickHouse is away, and then be drained
// while new ones come. Redis is a real one: the embedded one remembers within
// the gateway, so its memory grows with what was ever taken in. The figures are
// told on standard error.
func backlog(ctx context.Context, w *world) (err error) {
	if err := errors.Join(w.useRedis(), w.redis.start(ctx)); err != nil {
		return err
	}
	s, err := w.far(ctx)
	if err != nil {
		return err
	}
	size := *backlogSize
	switch {
	case size > 0:
	case w.long():
		size = 2_000_000
	default:
		size = 20_000
	}
	w.configure("drain: {flush_interval: 200ms}")
	w.generator.kinds = []func(*generator, string, int) chain{(*generator).form, (*generator).htmlForm, (*generator).hook}
	if err := errors.Join(w.start(ctx), w.deliver(ctx, w.plain(0)), w.counted(ctx)); err != nil {
		return err
	}
	s.link.cut()
	w.struck()
	figures := backlogFigures{Deliveries: size, began: time.Now()}
	load := w.startLoad(ctx, loadOptions{rate: -1, senders: 64, chains: size})
	for waiting := true; waiting; {
		step := time.NewTimer(time.Second)
		select {
		case <-load.ended:
			waiting = false
		case <-step.C:
		case <-ctx.Done():
			return errors.Join(ctx.Err(), load.stop(ctx))
		}
		step.Stop()
		figures.Memory = append(figures.Memory, residentMiB(w.pid()))
	}
	figures.Filled = time.Since(figures.began)
	if err := s.link.mend(); err != nil {
		return err
	}
	if err := w.catchUp(ctx, &figures); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, figures.String())
	return nil
}

// caughtUp is the lag, in bytes, of a gateway that only has what just came in.
const caughtUp = 64 << 10

// catchUp sends new deliveries, one at a time, until the backlog is drained, and
// notes how long they took.
func (w *world) catchUp(ctx context.Context, f *backlogFigures) error {
	began, waited := time.Now(), time.Now()
	lag, err := w.metric(ctx, "leadgate_drain_lag_bytes")
	for least := lag; lag > caughtUp || err != nil; {
		if err := ctx.Err(); err != nil {
			return err
		}
		sent := time.Now()
		if w.send(ctx, w.plain(0)) {
			f.Latencies = append(f.Latencies, time.Since(sent))
		}
		f.Memory = append(f.Memory, residentMiB(w.pid()))
		if lag, err = w.metric(ctx, "leadgate_drain_lag_bytes"); err == nil && lag < least {
			least, waited = lag, time.Now()
		}
		if time.Since(waited) > patience {
			return errors.Join(fmt.Errorf("the backlog does not shrink below %g bytes", least), err)
		}
	}
	f.Drained = time.Since(began)
	return nil
}

// backlogFigures are told, not judged.
type backlogFigures struct {
	Deliveries      int
	began           time.Time
	Filled, Drained time.Duration
	Memory          []int // MiB resident, over time
	Latencies       []time.Duration
}

func (f *backlogFigures) String() string {
	slices.Sort(f.Latencies)
	at := func(share float64) time.Duration {
		if len(f.Latencies) == 0 {
			return 0
		}
		return f.Latencies[int(share*float64(len(f.Latencies)-1))].Round(100 * time.Microsecond)
	}
	tenth := max(1, len(f.Memory)/10)
	return fmt.Sprintf("backlog: %d deliveries came in %v while ClickHouse was away, and were drained in %v; "+
		"resident memory %d MiB after a tenth of the time, %d MiB at most; %d new deliveries meanwhile took %v (median), %v (99 %%), %v (longest)",
		f.Deliveries, f.Filled.Round(time.Millisecond), f.Drained.Round(time.Millisecond),
		slices.Max(append([]int{0}, f.Memory[:min(tenth, len(f.Memory))]...)), slices.Max(append([]int{0}, f.Memory...)),
		len(f.Latencies), at(0.5), at(0.99), at(1))
}

// residentMiB is how much memory a process has, 0 if that cannot be told.
func residentMiB(pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
			return kib >> 10
		}
	}
	return 0
}
