package ingest_test

import (
	"context"
	"errors"
	"net/textproto"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// tokenSource takes everything; its token stands in the header Token.
type tokenSource struct{}

func (tokenSource) Verify(*ingest.Delivery) error                   { return nil }
func (tokenSource) Decode(*ingest.Delivery) ([]ingest.Event, error) { return nil, nil }

type tokenMemory struct {
	known        map[string]time.Duration
	err          error
	seen, stored int
}

func (m *tokenMemory) Seen(_ context.Context, source, token string) (bool, error) {
	m.seen++
	_, ok := m.known[source+" "+token]
	return ok, m.err
}

func (m *tokenMemory) Remember(_ context.Context, source, token string, ttl time.Duration) error {
	if m.stored++; m.err == nil {
		m.known[source+" "+token] = ttl
	}
	return m.err
}

type appendFunc func() error

func (f appendFunc) Append(context.Context, []byte) error { return f() }

func TestAcceptor_ReplayedTokens(t *testing.T) {
	t.Parallel()
	intake := &ingest.Intake{Source: tokenSource{}, ReplayToken: func(d *ingest.Delivery) (string, time.Duration) {
		return d.Header.Get("Token"), time.Hour
	}}
	memory := &tokenMemory{known: map[string]time.Duration{}}
	kept := 0
	var during func()
	var broken error
	acceptor := ingest.NewAcceptor(map[string]*ingest.Intake{"mail": intake}, appendFunc(func() error {
		if during != nil {
			during()
		}
		if broken == nil {
			kept++
		}
		return broken
	}))
	acceptor.RememberTokens(memory)
	send := func(token string) error {
		_, err := acceptor.Accept(t.Context(), &ingest.Delivery{
			Source: "mail", Method: "POST", Body: []byte("x"), Header: textproto.MIMEHeader{"Token": {token}},
		})
		return err
	}
	check := func(what string, err, want error, keeps int) {
		t.Helper()
		if !errors.Is(err, want) || (err == nil) != (want == nil) || kept != keeps {
			t.Errorf("%s: %v, %d kept", what, err, kept)
		}
	}
	// What the journal refused is not used up: its sender's retry must pass.
	broken = errors.New("disk")
	check("journal away", send("a"), ingest.ErrNotKept, 0)
	broken = nil
	// It is remembered only once it is kept; meanwhile nobody can slip in.
	during = func() {
		during = nil
		if memory.stored > 0 {
			t.Error("remembered before it is kept")
		}
		check("at the same time", send("a"), ingest.ErrUnavailable, 0)
	}
	check("first", send("a"), nil, 1)
	check("replay", send("a"), ingest.ErrReplayed, 1)
	check("another", send("b"), nil, 2)
	if memory.known["mail a"] != time.Hour {
		t.Errorf("remembered %v", memory.known)
	}
	// Without a token nothing is asked; without a memory everything passes.
	seen := memory.seen
	check("none", send(""), nil, 3)
	if memory.seen != seen {
		t.Error("the memory was asked for no token")
	}
	memory.err = errors.New("redis is away")
	check("memory away", send("a"), nil, 4)
	check("memory away, again", send("a"), nil, 5)
}

func TestAcceptor_ConfirmsAfterKeeping(t *testing.T) {
	t.Parallel()
	intake := &ingest.Intake{Source: tokenSource{}, Confirm: func(d *ingest.Delivery) (string, bool) {
		return d.Header.Get("Token"), d.Header.Get("Token") != ""
	}}
	var broken error
	appended := false
	acceptor := ingest.NewAcceptor(map[string]*ingest.Intake{"ses": intake}, appendFunc(func() error {
		appended = broken == nil
		return broken
	}))
	var asked []string
	acceptor.ConfirmWith(func(source, address string) {
		if !appended {
			t.Error("confirmed before it was kept")
		}
		asked = append(asked, source+" "+address)
	})
	for _, step := range []struct {
		token string
		err   error
	}{{"x", errors.New("disk")}, {"y", nil}, {"", nil}} {
		broken = step.err
		_, err := acceptor.Accept(t.Context(), &ingest.Delivery{
			Source: "ses", Method: "POST", Body: []byte("x"), Header: textproto.MIMEHeader{"Token": {step.token}},
		})
		if (err == nil) != (step.err == nil) {
			t.Error(err)
		}
	}
	if len(asked) != 1 || asked[0] != "ses y" {
		t.Errorf("asked %v", asked)
	}
}
