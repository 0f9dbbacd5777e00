package ads

import (
	"cmp"
	"crypto"
	"fmt"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
	"github.com/leadgate/leadgate/sources/signature"
)

// timedOptions are the options of senders of which it is not sure whether, and
// when, they sign "t.body".
type timedOptions struct {
	signature.GuardOptions
	// Signature says what is asked for: "auto" (if empty) is a signature where
	// there is one and the secret where there is none, "required" is always a
	// signature, "ignored" is always the secret.
	Signature string `json:"signature"`
	// Tolerance is how old or early a signature may be, as "5m".
	Tolerance string `json:"tolerance"`
}

// timedGuard verifies such senders. A signature that is there must be right: the
// secret in the URL does not make up for it.
type timedGuard struct {
	*signature.Guard
	networks  *signature.Guard // options.allow_ips alone
	secrets   []string
	mode      string
	tolerance time.Duration
}

// timedForm is a lead form of such a sender: its guard, and what its fields mean.
type timedForm struct {
	*timedGuard
	config  ingest.SourceConfig
	mapping *fields.Mapping
}

func openTimedForm(config ingest.SourceConfig) (*timedForm, error) {
	var options struct {
		timedOptions
		Fields map[string]string `json:"fields"` // meaning -> name of the field
	}
	if err := config.DecodeOptions(&options); err != nil {
		return nil, err
	}
	guard, err := newTimedGuard(config, options.timedOptions)
	if err != nil {
		return nil, err
	}
	mapping, err := fields.NewMapping(options.Fields)
	if err != nil {
		return nil, err
	}
	return &timedForm{timedGuard: guard, config: config, mapping: mapping}, nil
}

const (
	signedIfThere = "auto"
	signedAlways  = "required"
	signedNever   = "ignored"
)

func newTimedGuard(config ingest.SourceConfig, o timedOptions) (*timedGuard, error) {
	g := &timedGuard{secrets: config.Secrets, mode: cmp.Or(o.Signature, signedIfThere)}
	var err error
	if g.Guard, err = signature.NewGuard(config, o.GuardOptions); err != nil {
		return nil, err
	}
	g.networks, err = signature.NewGuard(ingest.SourceConfig{}, signature.GuardOptions{Insecure: true, AllowIPs: o.AllowIPs})
	if err != nil {
		return nil, err
	}
	switch g.mode {
	case signedIfThere, signedNever:
	case signedAlways:
		if err := config.RequireSecrets(); err != nil {
			return nil, fmt.Errorf("options.signature: %w", err)
		}
	default:
		return nil, fmt.Errorf("options.signature: not auto, required or ignored (got %q)", o.Signature)
	}
	if g.tolerance, err = time.ParseDuration(cmp.Or(o.Tolerance, "5m")); err != nil || g.tolerance <= 0 {
		return nil, fmt.Errorf("options.tolerance: not a duration as in 5m (got %q)", o.Tolerance)
	}
	return g, nil
}

// asksSignature tells whether the signature, if one is there, is to be checked.
// Who takes deliveries from anybody has nothing to check it with.
func (g *timedGuard) asksSignature(there bool) bool {
	return g.mode == signedAlways || g.mode == signedIfThere && there && len(g.secrets) > 0
}

// verify checks the signature, in hexadecimal digits, of "t.body".
func (g *timedGuard) verify(d *ingest.Delivery, t, signed string) error {
	if err := g.networks.Verify(d); err != nil {
		return err
	}
	at, err := signature.Seconds(t)
	if err != nil {
		return err
	}
	if err := signature.Within(d.ReceivedAt, at, g.tolerance); err != nil {
		return err
	}
	received, err := signature.Hex(signed)
	if err != nil {
		return err
	}
	return signature.HMAC(crypto.SHA256, g.secrets, received, []byte(t+"."), d.Body)
}
