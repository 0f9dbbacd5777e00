package ingest

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Source knows one sender's wire format. It is pure: no I/O, no clock but the
// delivery's ReceivedAt, no goroutine; and safe for concurrent use.
type Source interface {
	// Verify returns ErrUnverified (wrapped) unless d is from who it should be.
	Verify(d *Delivery) error
	// Decode says what d means. The result shares no memory with d.Body that
	// a caller could change. Errors: ErrMalformed (wrapped), *InvalidError,
	// *IgnoredError.
	Decode(d *Delivery) ([]Event, error)
}

// Authorizer is a Source that can refuse a delivery before its body is there.
// Authorized looks at method, URL, header, RemoteAddr and ReceivedAt only; it
// returns an error only if Verify would refuse the delivery with any body.
type Authorizer interface {
	Authorized(d *Delivery) error
}

// Challenger is a Source that answers its sender's probes. It is asked before
// Verify; a delivery that it answers is not kept.
type Challenger interface {
	Challenge(d *Delivery) (Answer, bool)
}

// Redactor is a Source whose deliveries carry secrets in their body. Redact is
// called after Verify and before the delivery is kept, and removes them; Decode
// must read a redacted delivery like the original.
type Redactor interface {
	Redact(d *Delivery)
}

// Responder is a Source that wants an answer of its own to a kept delivery.
// Events is nil for third-party sources, which are decoded later.
type Responder interface {
	Respond(d *Delivery, events []Event) Answer
}

// Refuser is a Source whose sender makes more of an error's status than that:
// drops the lead, switches the webhook off, bounces a customer's mail. Refuse
// returns what it is answered instead of the usual error; ok is false where the
// usual one will do. A refusal never becomes a 2xx unless losing the delivery is
// right. What Retry-After the door sets stays.
type Refuser interface {
	Refuse(d Refusal) (answer Answer, ok bool)
}

// Tokened is a Source whose signature covers a token and not the message, so
// that whoever has seen one delivery could send it again with other words.
// ReplayToken returns the token of a verified delivery, "" for none, and for how
// long Verify would take it. A token that is known already is refused with
// ErrReplayed, as far as anybody remembers: see TokenMemory.
type Tokened interface {
	ReplayToken(d *Delivery) (token string, ttl time.Duration)
}

// Confirmer is a Source whose sender wants to be told, at an address that it
// sends, that it may go on sending. Confirm is asked after the delivery is kept;
// ok is false for a delivery that asks for nothing. The source has verified the
// delivery and that the address is its platform's.
type Confirmer interface {
	Confirm(d *Delivery) (address string, ok bool)
}

// CertificateStore gives the certificates that platforms sign with. It is safe
// for concurrent use.
type CertificateStore interface {
	// Certificate returns the one at an https address, which the source has
	// found to be its platform's. Errors: ErrUnavailable (wrapped), as it may be
	// had later.
	Certificate(address string) (*x509.Certificate, error)
}

// Refusal is what the door is about to answer to a delivery that it does not
// keep.
type Refusal struct {
	Status  int    // 401, 413, 429, 503 …
	Code    string // as in the error's JSON: unverified, too_large, rate_limited …
	Message string // for people; holds nothing that was sent
}

// Answer is what the sender gets.
type Answer struct {
	Status      int
	ContentType string
	Location    string
	// Header holds further fields, by canonical name.
	Header map[string]string
	Body   []byte
}

// SourceConfig is the configuration of one source, checked for what all types
// have in common, secrets resolved.
type SourceConfig struct {
	Name          string
	Type          string
	Workspace     string
	Secrets       []string
	DefaultRegion string         // ISO 3166 alpha-2, for national phone numbers
	Location      *time.Location // for zone-less local times; never nil
	Currency      string         // ISO 4217, for amounts without one
	AllowedHosts  []string       // a form's own hosts, for _next and CORS
	// Credentials are what the platform is asked with, by name: access_token.
	Credentials map[string]string
	Options     map[string]any // per type
	// Certificates for types whose sender signs with one; nil has none.
	Certificates CertificateStore
}

// DecodeOptions reads the per-type options into the struct that into points
// to, by json tags. A key it does not know is an error that names it.
func (c SourceConfig) DecodeOptions(into any) error {
	if len(c.Options) == 0 {
		return nil
	}
	text, err := json.Marshal(c.Options)
	if err != nil {
		return fmt.Errorf("options: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("options: %w", err)
	}
	return nil
}

// CheckCredentials returns an error that names the first credential that is not
// one of the given.
func (c SourceConfig) CheckCredentials(known ...string) error {
	for _, name := range slices.Sorted(maps.Keys(c.Credentials)) {
		if !slices.Contains(known, name) {
			if len(known) == 0 {
				known = []string{"none"}
			}
			return fmt.Errorf("credentials.%s: not known to this type (known: %s)", name, strings.Join(known, ", "))
		}
	}
	return nil
}

// ErrNoSecret refuses a source that would accept unsigned deliveries.
var ErrNoSecret = errors.New("secrets: at least one is needed to verify the sender")

// RequireSecrets returns ErrNoSecret unless there is at least one secret and
// none is empty.
func (c SourceConfig) RequireSecrets() error {
	if len(c.Secrets) == 0 {
		return ErrNoSecret
	}
	for i, s := range c.Secrets {
		if s == "" {
			return fmt.Errorf("secrets[%d]: empty", i)
		}
	}
	return nil
}
