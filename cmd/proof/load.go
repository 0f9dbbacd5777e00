package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// loadOptions bound a load. Zero values mean the defaults told.
type loadOptions struct {
	rate    int // chains a second: 200; negative: as fast as it goes
	senders int // at a time: 8
	chains  int // how many in all; 0: until stop
	padding int // bytes of message in a lead, to fill segments: 0
}

// loader sends chains until it is stopped.
type loader struct {
	w       *world
	opts    loadOptions
	begun   atomic.Int64
	quit    chan struct{} // closed by stop
	once    sync.Once
	senders sync.WaitGroup
	ended   chan struct{} // closed when all senders have ended
}

// startLoad starts to send. A sender repeats a delivery that got no 2xx, with
// short pauses; now and then it gives one up, or sends one again that was
// accepted. Stop, or the end of ctx, ends it.
func (w *world) startLoad(ctx context.Context, opts loadOptions) *loader {
	if opts.rate == 0 {
		opts.rate = 200
	}
	if opts.senders == 0 {
		opts.senders = 8
	}
	l := &loader{w: w, opts: opts, quit: make(chan struct{}), ended: make(chan struct{})}
	var tick <-chan time.Time
	var ticker *time.Ticker
	if opts.rate > 0 {
		ticker = time.NewTicker(time.Second / time.Duration(opts.rate))
		tick = ticker.C
	}
	for n := range opts.senders {
		random := seeded(w.seed, uint64(1000+n))
		l.senders.Go(func() { l.send(ctx, tick, random) })
	}
	go func() {
		l.senders.Wait()
		if ticker != nil {
			ticker.Stop()
		}
		close(l.ended)
	}()
	return l
}

// stop ends the load and waits for its senders. What has no answer by then is
// sent again by settle.
func (l *loader) stop(ctx context.Context) error {
	l.once.Do(func() { close(l.quit) })
	return l.wait(ctx)
}

// wait waits until all chains of a bounded load were sent, or it was stopped.
func (l *loader) wait(ctx context.Context) error {
	select {
	case <-l.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// accepted waits until n more deliveries got a 2xx.
func (l *loader) accepted(ctx context.Context, n int) error {
	n += l.w.ledger.acceptedNow()
	return await(ctx, fmt.Sprintf("%d deliveries accepted", n), func() (bool, error) {
		return l.w.ledger.acceptedNow() >= n, nil
	})
}

func (l *loader) send(ctx context.Context, tick <-chan time.Time, random *rand.Rand) {
	for {
		if tick != nil {
			select {
			case <-tick:
			case <-l.quit:
				return
			case <-ctx.Done():
				return
			}
		}
		select {
		case <-l.quit:
			return
		case <-ctx.Done():
			return
		default:
		}
		if l.opts.chains > 0 && l.begun.Add(1) > int64(l.opts.chains) {
			return
		}
		l.sendChain(ctx, l.w.generator.next(l.opts.padding), random)
	}
}

// sendChain sends a chain to its end, unless the load ends or its sender gives
// up.
func (l *loader) sendChain(ctx context.Context, c chain, random *rand.Rand) {
	for i, d := range c {
		patient := random.IntN(20) != 0
		for !l.w.send(ctx, d) {
			if !patient {
				return
			}
			if !l.pause(ctx) {
				l.w.leave(c[i:])
				return
			}
		}
		if random.IntN(10) == 0 {
			l.w.send(ctx, d)
		}
	}
}

// pause before a repetition; false if there is to be none.
func (l *loader) pause(ctx context.Context) bool {
	wait := time.NewTimer(25 * time.Millisecond)
	defer wait.Stop()
	select {
	case <-wait.C:
		return true
	case <-l.quit:
	case <-ctx.Done():
	}
	return false
}

// leave keeps what a stopped load had not brought to an end, for settle.
func (w *world) leave(c chain) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left = append(w.left, c)
}

// settle sends what loads had left until it is accepted. The gateway must run.
func (w *world) settle(ctx context.Context) error {
	w.mu.Lock()
	left := w.left
	w.left = nil
	w.mu.Unlock()
	for _, c := range left {
		for _, d := range c {
			if err := w.deliver(ctx, d); err != nil {
				return err
			}
		}
	}
	return nil
}

// deliver sends d until it is accepted.
func (w *world) deliver(ctx context.Context, d *delivery) error {
	return await(ctx, d.kind+" accepted", func() (bool, error) { return w.send(ctx, d), nil })
}

// send sends d once, writes the ledger, and tells whether it was accepted.
func (w *world) send(ctx context.Context, d *delivery) bool {
	r := d.build()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url+r.path, bytes.NewReader(r.body))
	if err != nil {
		w.ledger.problem(err.Error())
		return false
	}
	req.Header.Set("Content-Type", r.contentType)
	for key, value := range r.header {
		req.Header.Set(key, value)
	}
	w.ledger.sending(d)
	status, text, err := w.do(req)
	switch {
	case status >= 200 && status < 400: // the status is the promise, though the body be cut off
		var receipt struct {
			ID string `json:"id"`
		}
		if err == nil {
			_ = json.Unmarshal([]byte(text), &receipt) // not every answer is JSON
		}
		w.ledger.answered(d, receipt.ID)
		return true
	case err != nil:
		w.ledger.unanswered()
	default:
		w.ledger.refused()
		if status < 500 && status != http.StatusTooManyRequests && status != http.StatusRequestTimeout {
			w.ledger.problem(fmt.Sprintf("%s was answered %d: %.200s", d.kind, status, text))
		}
	}
	return false
}
