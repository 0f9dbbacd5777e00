package signature

import (
	"crypto"
	"errors"
	"fmt"
	"net/netip"
	"net/textproto"
	"strings"

	"github.com/leadgate/leadgate/ingest"
)

// GuardOptions are the options of every type whose sender does not sign. They
// are embedded in the type's own.
type GuardOptions struct {
	// Insecure takes deliveries from anybody: the only way without a secret.
	Insecure bool `json:"insecure"`
	// AllowIPs are the addresses and networks that the sender posts from, asked
	// for besides the secret: 192.0.2.7, 92.118.66.0/23.
	AllowIPs []string `json:"allow_ips"`
	// TokenHeader is one more header that may carry the secret as it is.
	TokenHeader string `json:"token_header"`
	// HMAC asks for a signature over the raw body instead of the secret itself.
	HMAC *HMACOptions `json:"hmac"`
}

// HMACOptions describe a signature over the raw body, as GitHub's:
// https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
type HMACOptions struct {
	Header    string `json:"header"`    // X-Hub-Signature-256 if empty
	Algorithm string `json:"algorithm"` // sha1, sha256 (if empty) or sha512
	Encoding  string `json:"encoding"`  // hex (if empty) or base64
	Prefix    string `json:"prefix"`    // before the digest; "sha256=" and the like if the header is empty
}

// Guard verifies senders that do not sign in a way of their own: by a shared
// secret (see Token) or by an HMAC, and by their address if that is configured.
// It is safe for concurrent use.
type Guard struct {
	secrets  []string
	networks []netip.Prefix
	header   string
	mac      *bodyMAC
}

type bodyMAC struct {
	header, prefix string
	hash           crypto.Hash
	decode         func(string) ([]byte, error)
}

// NewGuard checks the options. Without a secret it is an error (wrapping
// ingest.ErrNoSecret) not to say Insecure.
func NewGuard(config ingest.SourceConfig, o GuardOptions) (*Guard, error) {
	switch err := config.RequireSecrets(); {
	case errors.Is(err, ingest.ErrNoSecret) && o.Insecure:
	case errors.Is(err, ingest.ErrNoSecret):
		return nil, fmt.Errorf("%w (or options.insecure: true, to take deliveries from anybody)", err)
	case err != nil:
		return nil, err
	}
	g := &Guard{secrets: config.Secrets, header: textproto.CanonicalMIMEHeaderKey(o.TokenHeader)}
	for i, text := range o.AllowIPs {
		network, err := ParseNetwork(text)
		if err != nil {
			return nil, fmt.Errorf("options.allow_ips[%d]: %w", i, err)
		}
		g.networks = append(g.networks, network)
	}
	if o.HMAC == nil {
		return g, nil
	}
	if len(config.Secrets) == 0 {
		return nil, fmt.Errorf("options.hmac: %w", ingest.ErrNoSecret)
	}
	var err error
	g.mac, err = newBodyMAC(*o.HMAC)
	return g, err
}

// ParseNetwork reads an address, or a network such as 10.0.0.0/8.
func ParseNetwork(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()), nil
	}
	network, err := netip.ParsePrefix(text)
	if err != nil {
		return network, fmt.Errorf("not an address or a network such as 10.0.0.0/8 (got %q)", text)
	}
	return network.Masked(), nil
}

func newBodyMAC(o HMACOptions) (*bodyMAC, error) {
	if o.Algorithm == "" {
		o.Algorithm = "sha256"
	}
	m := &bodyMAC{header: o.Header, prefix: o.Prefix}
	if m.header == "" {
		m.header = "X-Hub-Signature-256"
		if m.prefix == "" {
			m.prefix = o.Algorithm + "="
		}
	}
	switch o.Algorithm {
	case "sha1":
		m.hash = crypto.SHA1
	case "sha256":
		m.hash = crypto.SHA256
	case "sha512":
		m.hash = crypto.SHA512
	default:
		return nil, fmt.Errorf("options.hmac.algorithm: not sha1, sha256 or sha512 (got %q)", o.Algorithm)
	}
	switch o.Encoding {
	case "", "hex":
		m.decode = Hex
	case "base64":
		m.decode = Base64
	default:
		return nil, fmt.Errorf("options.hmac.encoding: not hex or base64 (got %q)", o.Encoding)
	}
	return m, nil
}

// Verify returns ErrUnverified (wrapped) unless the delivery is from one of the
// networks, if any are configured, and carries or is signed with one of the
// secrets, if there are any.
func (g *Guard) Verify(d *ingest.Delivery) error {
	if err := g.fromNetwork(d.RemoteAddr); err != nil {
		return err
	}
	switch {
	case len(g.secrets) == 0:
		return nil
	case g.mac != nil:
		return g.mac.verify(d, g.secrets)
	case g.header != "" && len(d.Header[g.header]) > 0:
		text, err := Header(d, g.header)
		if err != nil {
			return err
		}
		return Secret(g.secrets, text)
	}
	return Token(d, g.secrets)
}

// VerifyHead is Verify as far as it does without the body: a signature over that is
// not checked, only that there is one.
func (g *Guard) VerifyHead(d *ingest.Delivery) error {
	if g.mac == nil || len(g.secrets) == 0 {
		return g.Verify(d)
	}
	if err := g.fromNetwork(d.RemoteAddr); err != nil {
		return err
	}
	_, err := Header(d, g.mac.header)
	return err
}

// Redact removes the configured token header; the door removes all the others.
func (g *Guard) Redact(d *ingest.Delivery) {
	if g.header != "" {
		d.Header.Del(g.header)
	}
}

// FromNetwork checks the sender's address alone, for types that have another
// proof of who it is.
func (g *Guard) FromNetwork(d *ingest.Delivery) error { return g.fromNetwork(d.RemoteAddr) }

func (g *Guard) fromNetwork(remote string) error {
	if len(g.networks) == 0 {
		return nil
	}
	addr, err := netip.ParseAddr(remote)
	for _, network := range g.networks {
		if err == nil && network.Contains(addr.Unmap()) {
			return nil
		}
	}
	return refuse("it is not from one of the addresses in options.allow_ips; "+
		"behind a proxy, http.trusted_proxies must name it (%d networks are allowed)", len(g.networks))
}

func (m *bodyMAC) verify(d *ingest.Delivery, secrets []string) error {
	text, err := Header(d, m.header)
	if err == nil {
		text, err = After(m.prefix, strings.TrimSpace(text))
	}
	if err != nil {
		return err
	}
	received, err := m.decode(text)
	if err != nil {
		return err
	}
	return HMAC(m.hash, secrets, received, d.Body)
}
