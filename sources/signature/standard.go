package signature

import (
	"crypto"
	"crypto/ed25519"
	"crypto/hmac"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// StandardKeys are the parsed keys of a Standard Webhooks sender.
type StandardKeys struct {
	shared []string
	public []ed25519.PublicKey
}

// ParseStandardKeys reads secrets in the notation of Standard Webhooks:
// "whsec_" (or nothing) and the base64 of a shared key, or "whpk_" and the
// base64 of an Ed25519 public key. The base64 is decoded: using its text as
// the key is the usual mistake.
func ParseStandardKeys(secrets []string) (*StandardKeys, error) {
	keys := new(StandardKeys)
	for i, secret := range secrets {
		text, public := strings.CutPrefix(secret, "whpk_")
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, "whsec_"))
		switch {
		case err != nil || len(key) == 0:
			return nil, fmt.Errorf("secrets[%d]: not base64 after whsec_ or whpk_", i)
		case public && len(key) != ed25519.PublicKeySize:
			return nil, fmt.Errorf("secrets[%d]: a whpk_ key has %d bytes (got %d)", i, ed25519.PublicKeySize, len(key))
		case public:
			keys.public = append(keys.public, key)
		default:
			keys.shared = append(keys.shared, string(key))
		}
	}
	if len(keys.shared)+len(keys.public) == 0 {
		return nil, ingest.ErrNoSecret
	}
	return keys, nil
}

// maxSignatures bounds the list in webhook-signature.
const maxSignatures = 16

// Verify checks the headers webhook-id, webhook-timestamp (seconds) and
// webhook-signature as Standard Webhooks has them: one good v1 (HMAC-SHA256)
// or v1a (Ed25519) entry over "id.timestamp.body" is enough, unknown versions
// are passed over.
//
// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
func (k *StandardKeys) Verify(d *ingest.Delivery, tolerance time.Duration) error {
	id, err := Header(d, "Webhook-Id")
	if err != nil {
		return err
	}
	timestamp, err := Header(d, "Webhook-Timestamp")
	if err != nil {
		return err
	}
	signatures, err := Header(d, "Webhook-Signature")
	if err != nil {
		return err
	}
	claimed, err := Seconds(timestamp)
	if err != nil {
		return err
	}
	if err := Within(d.ReceivedAt, claimed, tolerance); err != nil {
		return err
	}
	if k.anyMatches(signatures, []byte(id+"."+timestamp+"."), d.Body) {
		return nil
	}
	return refuse("no entry of Webhook-Signature matches the content")
}

// anyMatches tells whether one entry of the list signs head and body. However
// many entries there are, the content is gone through once for each key of
// ours, for the MACs, and copied once, for Ed25519.
func (k *StandardKeys) anyMatches(signatures string, head, body []byte) bool {
	var macs [][]byte
	var content []byte
	list := strings.Fields(signatures)
	for _, entry := range list[:min(len(list), maxSignatures)] {
		version, text, _ := strings.Cut(entry, ",")
		received, err := Base64(text)
		if err != nil {
			continue
		}
		switch version {
		case "v1":
			if macs == nil {
				macs = k.macs(head, body)
			}
			for _, mac := range macs {
				if hmac.Equal(mac, received) {
					return true
				}
			}
		case "v1a":
			if content == nil {
				content = slices.Concat(head, body)
			}
			for _, key := range k.public {
				if ed25519.Verify(key, content, received) {
					return true
				}
			}
		}
	}
	return false
}

func (k *StandardKeys) macs(parts ...[]byte) [][]byte {
	macs := make([][]byte, 0, len(k.shared))
	for _, key := range k.shared {
		macs = append(macs, macOf(crypto.SHA256, key, parts...))
	}
	return macs
}
