package signature

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"strings"
)

// errNoKey is not shown: whoever asks knows what else the text may be.
var errNoKey = errors.New("not a public key")

// ParseECDSA reads a P-256 public key as SendGrid shows it (the base64 of its
// DER), or in PEM.
func ParseECDSA(text string) (*ecdsa.PublicKey, error) {
	var der []byte
	if block, _ := pem.Decode([]byte(text)); block != nil {
		der = block.Bytes
	} else {
		var err error
		if der, err = base64.StdEncoding.DecodeString(strings.TrimSpace(text)); err != nil {
			return nil, errNoKey
		}
	}
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, errNoKey
	}
	key, ok := parsed.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errNoKey
	}
	return key, nil
}

// ECDSA checks a received signature (ASN.1 DER), already decoded, over the
// SHA-256 of the concatenated parts, by any one of the keys.
func ECDSA(keys []*ecdsa.PublicKey, received []byte, parts ...[]byte) error {
	if len(keys) == 0 {
		return refuse("no public key is configured")
	}
	h := sha256.New()
	for _, part := range parts {
		h.Write(part)
	}
	digest := h.Sum(nil)
	for _, key := range keys {
		if ecdsa.VerifyASN1(key, digest, received) {
			return nil
		}
	}
	return refuse("the signature does not match")
}
