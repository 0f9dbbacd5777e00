package limit_test

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/limit"
)

var _ ingest.TokenMemory = (*limit.Tokens)(nil)

func TestTokens(t *testing.T) {
	t.Parallel()
	server := returning(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	t.Cleanup(func() { _ = client.Close() })
	now := time.Unix(0, 0)
	tokens, err := limit.NewTokens(limit.TokensOptions{Redis: client, Timeout: 5 * time.Second, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tokens.Close() })
	seen := func(source, token string, want bool) {
		t.Helper()
		if got, err := tokens.Seen(t.Context(), source, token); err != nil || got != want {
			t.Errorf("%s %s: seen %v, %v", source, token, got, err)
		}
	}
	seen("mail", "a", false)
	seen("mail", "a", false) // to look is not to use
	if err := tokens.Remember(t.Context(), "mail", "a", time.Minute); err != nil {
		t.Fatal(err)
	}
	seen("mail", "a", true)
	seen("mail", "b", false)
	seen("other", "a", false) // another source's tokens are its own
	server.FastForward(time.Minute)
	seen("mail", "a", false)

	// Redis away: asked once in each period, and back when it is back.
	addr := server.Addr()
	server.Close()
	if _, err := tokens.Seen(t.Context(), "mail", "a"); err == nil {
		t.Error("a Redis that is away knows something")
	}
	if err := tokens.Remember(t.Context(), "mail", "a", time.Minute); err == nil {
		t.Error("a Redis that is away remembers")
	}
	if err := server.StartAddr(addr); err != nil {
		t.Fatal(err)
	}
	if _, err := tokens.Seen(t.Context(), "mail", "a"); err == nil {
		t.Error("Redis was not left alone")
	}
	now = now.Add(2 * time.Second)
	seen("mail", "a", false)
}

func TestNewTokens_NeedsItsOptions(t *testing.T) {
	t.Parallel()
	if _, err := limit.NewTokens(limit.TokensOptions{}); err == nil {
		t.Error("no Redis is accepted")
	}
}
