package mail_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/textproto"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/intake"
	"github.com/leadgate/leadgate/sources/mail"
)

func contains(text, part string) bool { return strings.Contains(text, part) }

type usedTokens map[string]time.Duration

func (u usedTokens) Seen(_ context.Context, source, token string) (bool, error) {
	_, ok := u[source+token]
	return ok, nil
}

func (u usedTokens) Remember(_ context.Context, source, token string, ttl time.Duration) error {
	u[source+token] = ttl
	return nil
}

type kept int

func (k *kept) Append(context.Context, []byte) error { *k++; return nil }

// The vectors in their order, with a memory of tokens: the ones that only it can
// refuse are refused, and nothing else.
func TestMailgun_Replays(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/mailgun/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		ID, Secret, URL, Body, Expected string
		Headers                         map[string]string
		Clock                           int64
		RequiresState                   string `json:"requires_state"`
	}
	if err := json.Unmarshal(text, &vectors); err != nil || len(vectors) == 0 {
		t.Fatal(len(vectors), err)
	}
	var journal kept
	memory := usedTokens{}
	stateful := 0
	for _, v := range vectors {
		source, err := mail.NewMailgun(ingest.SourceConfig{Secrets: []string{v.Secret}})
		if err != nil {
			t.Fatal(err)
		}
		in := intake.Wrap(source, ingest.SourceConfig{Name: "m"}, intake.Options{})
		acceptor := ingest.NewAcceptor(map[string]*ingest.Intake{"m": in}, &journal)
		if acceptor.RememberTokens(memory); v.RequiresState == "" {
			clear(memory)
		}
		d := &ingest.Delivery{
			ID: v.ID, Source: "m", Method: "POST", URL: v.URL, Body: []byte(v.Body),
			Header: textproto.MIMEHeader{}, ReceivedAt: time.Unix(v.Clock, 0).UTC(),
		}
		for name, value := range v.Headers {
			d.Header.Set(name, value)
		}
		_, err = acceptor.Accept(t.Context(), d)
		switch {
		case v.RequiresState != "":
			stateful++
			if !errors.Is(err, ingest.ErrReplayed) {
				t.Errorf("%s: %v", v.ID, err)
			}
		case (err == nil) != (v.Expected == "valid"):
			t.Errorf("%s: %v", v.ID, err)
		}
	}
	if stateful == 0 || journal != 2 {
		t.Errorf("%d replays, %d kept", stateful, journal)
	}
	for _, ttl := range memory {
		if ttl < 9*time.Hour {
			t.Errorf("forgotten after %s, while the signature is good", ttl)
		}
	}
}
