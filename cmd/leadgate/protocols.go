package main

import (
	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/ask"
	"github.com/leadgate/leadgate/ingest/limit"
	"github.com/leadgate/leadgate/sources/signature"
)

// openProtocols gives the door what some senders' protocols need beside it: a
// memory of the tokens that may be used once, and somebody who confirms
// subscriptions.
func (g *gateway) openProtocols(acceptor *ingest.Acceptor) error {
	g.settings.Certificates.LogTo(g.log)
	var tokened, confirmed bool
	for _, intake := range g.settings.Intakes {
		tokened, confirmed = tokened || intake.ReplayToken != nil, confirmed || intake.Confirm != nil
	}
	if tokened {
		tokens, err := limit.NewTokens(limit.TokensOptions{Redis: g.redis, Now: g.hooks.now, Log: g.log})
		if err != nil {
			return err
		}
		g.onClose(tokens.Close)
		acceptor.RememberTokens(tokens)
	}
	if confirmed {
		confirmer := ask.NewConfirmer(ask.Options{Allowed: signature.SNSAddress, Log: g.log})
		g.onClose(confirmer.Close)
		acceptor.ConfirmWith(confirmer.Confirm)
	}
	return nil
}
