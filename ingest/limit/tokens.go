package limit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"
)

// TokensOptions describe a Tokens. Redis is needed.
type TokensOptions struct {
	// Redis that remembers. The Tokens make a client of their own from its
	// options, with Timeout for everything.
	Redis redis.UniversalClient
	// Timeout bounds what Redis may add to a delivery; 250 ms if zero.
	Timeout time.Duration
	// Retry is how long Redis is left alone after a failure; 1 s if zero.
	Retry time.Duration
	Now   func() time.Time // the clock of Retry; time.Now if nil
	// Log is told when Redis is away and when it is back; may be nil.
	Log *slog.Logger
}

// Tokens allow what may be used once: see ingest.TokenMemory. While Redis is
// away everything passes. It is safe for concurrent use.
type Tokens struct {
	client  redis.UniversalClient
	timeout time.Duration
	breaker breaker
	log     *slog.Logger
}

// NewTokens returns a memory of tokens. It does not touch the network. Close
// ends its connections.
func NewTokens(o TokensOptions) (*Tokens, error) {
	t := &Tokens{timeout: o.Timeout, log: o.Log, breaker: breaker{retry: o.Retry, now: o.Now}}
	if t.timeout <= 0 {
		t.timeout = 250 * time.Millisecond
	}
	if t.breaker.retry <= 0 {
		t.breaker.retry = time.Second
	}
	if t.breaker.now == nil {
		t.breaker.now = time.Now
	}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if t.client, err = impatient(o.Redis, t.timeout); err != nil {
		return nil, fmt.Errorf("tokens: %w", err)
	}
	return t, nil
}

var errAway = errors.New("redis is away")

// Seen tells whether a source's token is remembered.
func (t *Tokens) Seen(ctx context.Context, source, token string) (seen bool, err error) {
	err = t.do(ctx, func(ctx context.Context) error {
		n, err := t.client.Exists(ctx, tokenKey(source, token)).Result()
		seen = n > 0
		return err
	})
	return seen, err
}

// Remember keeps a source's token for that long.
func (t *Tokens) Remember(ctx context.Context, source, token string, ttl time.Duration) error {
	return t.do(ctx, func(ctx context.Context) error {
		return t.client.Set(ctx, tokenKey(source, token), 1, max(ttl, time.Second)).Err()
	})
}

func (t *Tokens) do(ctx context.Context, ask func(context.Context) error) error {
	if !t.breaker.allow() {
		return errAway
	}
	bounded, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	err := ask(bounded)
	if err != nil && ctx.Err() != nil {
		return err // the request ended, which says nothing of Redis
	}
	if t.breaker.report(err != nil) {
		if err != nil {
			t.log.Warn("redis is away: replayed tokens are not recognised", "err", err)
		} else {
			t.log.Info("redis is back: replayed tokens are refused again")
		}
	}
	return err
}

// tokenKey is of one length, whatever was sent.
func tokenKey(source, token string) string {
	digest := sha256.Sum256([]byte(token))
	return "leadgate:token:" + source + ":" + hex.EncodeToString(digest[:16])
}

// Close ends the connections to Redis.
func (t *Tokens) Close() error { return t.client.Close() }
