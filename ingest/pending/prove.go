package pending

import (
	"context"
	"errors"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

const (
	// proveEvery is how often a token is looked at that is not used, and
	// endsSoon when its end is worth a word in the log.
	proveEvery = 6 * time.Hour
	endsSoon   = 7 * 24 * time.Hour
)

// proveForever finds out whether the token is good, at once and then regularly, so
// that it is known before the first lead needs it.
func (a *asker) proveForever(ctx context.Context) {
	for {
		a.prove(ctx)
		wait := proveEvery
		if a.refused() {
			wait = a.opts.TokenPause
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

func (a *asker) prove(ctx context.Context) {
	request := a.prover.Prove()
	if request == nil {
		return
	}
	answer, err := a.client.do(ctx, a.source, &a.plan, request)
	if err != nil {
		return // what is wrong with the platform is told when it is needed
	}
	expires, err := a.proved(answer)
	var failure *ingest.FetchError
	switch {
	case errors.As(err, &failure) && failure.Problem == ingest.TokenRefused:
		a.refuse(ingest.PlatformText(failure.Text, a.plan.Secrets...))
	case err == nil:
		a.tokenIsGood()
		a.expires(expires)
	}
}

func (a *asker) proved(answer ingest.Response) (expires time.Time, err error) {
	defer recovered(&err)
	return a.prover.Proved(answer)
}

// expires notes when the token ends.
func (a *asker) expires(at time.Time) {
	a.mu.Lock()
	changed := !a.known.Expires.Equal(at)
	a.known.Expires = at
	known := a.known
	a.mu.Unlock()
	if !at.IsZero() && at.Sub(a.opts.Now()) < endsSoon {
		a.log.Error("the token ends soon: renew it", "token_expires", at.UTC().Format(time.RFC3339))
	}
	if changed {
		a.note(known)
	}
}
