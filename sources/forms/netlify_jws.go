package forms

import (
	"crypto"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/signature"
)

// verifyJWS checks a header that holds a JSON Web Token about the body: signed
// with HS256 and nothing else, which the key decides and not the token; from the
// issuer; and with the SHA-256 of the body as its claim. Only what is signed by
// one of the secrets is parsed.
//
// https://www.rfc-editor.org/rfc/rfc7519
func verifyJWS(d *ingest.Delivery, header, issuer string, secrets []string) error {
	token, err := signature.Header(d, header)
	if err != nil {
		return err
	}
	parts := strings.SplitN(token, ".", 4)
	if len(parts) != 3 {
		return unverified("the header %s is not a token of three parts", header)
	}
	signed := parts[0] + "." + parts[1]
	received, err := base64.RawURLEncoding.Strict().DecodeString(parts[2])
	if err != nil || len(received) == 0 {
		return unverified("the token in %s is not signed", header)
	}
	if err := signature.HMAC(crypto.SHA256, secrets, received, []byte(signed)); err != nil {
		return err
	}
	var h struct {
		Algorithm string   `json:"alg"`
		Critical  []string `json:"crit"`
	}
	if readPart(parts[0], &h) != nil || h.Algorithm != "HS256" || h.Critical != nil {
		return unverified("the token in %s is not signed with HS256 alone", header)
	}
	var c struct {
		Issuer string `json:"iss"`
		Hash   string `json:"sha256"`
	}
	if readPart(parts[1], &c) != nil || c.Issuer != issuer {
		return unverified("the token in %s is not from %s", header, issuer)
	}
	claimed, err := signature.Hex(c.Hash)
	if err != nil {
		return unverified("the token in %s has no sha256 of the body", header)
	}
	if sum := sha256.Sum256(d.Body); !hmac.Equal(sum[:], claimed) {
		return unverified("the body is not the one that the token in %s was made for", header)
	}
	return nil
}

func unverified(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ingest.ErrUnverified, fmt.Sprintf(format, args...))
}

// readPart reads one part of a token.
func readPart(text string, into any) error {
	part, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return err
	}
	return json.Unmarshal(part, into)
}
