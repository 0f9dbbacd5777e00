package ask

import (
	"context"
	"sync"
	"time"
)

const (
	maxTries   = 8
	maxWaiting = 32 // confirmations at once
)

// Confirmer visits the addresses that confirm a subscription. What it has not
// managed when it is closed is forgotten: the platform is then asked to send the
// request for confirmation again.
type Confirmer struct {
	o       Options
	ctx     context.Context
	stop    context.CancelFunc
	mu      sync.Mutex
	waiting map[string]bool
	tasks   sync.WaitGroup
}

// NewConfirmer returns a Confirmer. Close ends it.
func NewConfirmer(o Options) *Confirmer {
	c := &Confirmer{o: o.withDefaults(), waiting: make(map[string]bool)}
	c.ctx, c.stop = context.WithCancel(context.Background())
	return c
}

// Confirm visits the address soon, and again while that fails. It does not
// block.
func (c *Confirmer) Confirm(source, address string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.ctx.Err() != nil, c.waiting[address]:
	case len(c.waiting) == maxWaiting:
		c.o.Log.Error("too many subscriptions want to be confirmed: have the platform send the request again", "source", source)
	default:
		c.waiting[address] = true
		c.tasks.Go(func() {
			c.visit(source, address)
			c.mu.Lock()
			defer c.mu.Unlock()
			delete(c.waiting, address)
		})
	}
}

func (c *Confirmer) visit(source, address string) {
	pause := c.o.Retry
	for try := 1; ; try++ {
		_, err := c.o.get(c.ctx, address)
		switch {
		case err == nil:
			c.o.Log.Info("the subscription is confirmed", "source", source)
			return
		case c.ctx.Err() != nil:
			return
		case try == maxTries:
			c.o.Log.Error("the subscription is not confirmed: have the platform send the request again", "source", source, "err", err)
			return
		}
		c.o.Log.Warn("the subscription could not be confirmed yet", "source", source, "try", try, "err", err)
		select {
		case <-c.ctx.Done():
			return
		case <-time.After(pause):
		}
		pause *= 2
	}
}

// Close ends what is under way and waits for it.
func (c *Confirmer) Close() error {
	c.mu.Lock()
	c.stop()
	c.mu.Unlock()
	c.tasks.Wait()
	return nil
}
