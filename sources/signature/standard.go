package signature

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// StandardKeys are the parsed keys of a Standard Webhooks sender.
type StandardKeys struct {
	shared [][]byte
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
			keys.shared = append(keys.shared, key)
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
	head := []byte(id + "." + timestamp + ".")
	list := strings.Fields(signatures)
	for _, entry := range list[:min(len(list), maxSignatures)] {
		version, text, _ := strings.Cut(entry, ",")
		received, err := Base64(text)
		if err != nil {
			continue
		}
		if version == "v1" && checkMAC(sha256.New, k.shared, received, [][]byte{head, d.Body}) == nil {
			return nil
		}
		if version == "v1a" && k.verifyPublic(received, append(head[:len(head):len(head)], d.Body...)) {
			return nil
		}
	}
	return refuse("no entry of Webhook-Signature matches the content")
}

func (k *StandardKeys) verifyPublic(received, content []byte) bool {
	for _, key := range k.public {
		if ed25519.Verify(key, content, received) {
			return true
		}
	}
	return false
}
