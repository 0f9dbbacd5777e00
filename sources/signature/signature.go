// Package signature holds the ways in which senders prove who they are, as
// pure functions over a delivery's bytes and its time of receipt.
//
// Its law: a check fails closed. No secret, an empty secret, a missing header
// and an encoding that is not the documented one all refuse, in constant time
// where a secret is compared, and no reason ever repeats a secret.
package signature

import (
	"crypto"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// refuse returns ErrUnverified with a reason. Reasons are shown and logged:
// they name headers and limits, never values.
func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ingest.ErrUnverified, fmt.Sprintf(format, args...))
}

// HMAC checks a received signature, already decoded, against the HMAC of the
// concatenated parts under any one of the secrets.
func HMAC(hash crypto.Hash, secrets []string, received []byte, parts ...[]byte) error {
	return anyHMAC(hash, secrets, [][]byte{received}, parts...)
}

// anyHMAC is HMAC for senders that send several signatures during a rotation,
// one of which must be good. The parts are gone through once for each secret.
func anyHMAC(hash crypto.Hash, secrets []string, received [][]byte, parts ...[]byte) error {
	if len(secrets) == 0 {
		return refuse("no secret is configured")
	}
	good := false
	for _, key := range secrets {
		if len(key) == 0 {
			return refuse("an empty secret is configured")
		}
		sum := macOf(hash, key, parts...)
		for _, text := range received {
			good = hmac.Equal(sum, text) || good
		}
	}
	if !good {
		return refuse("the signature does not match the content")
	}
	return nil
}

// Secret checks a shared secret that the sender repeats as it is. It takes
// the same time however much of it is right.
func Secret(secrets []string, received string) error {
	if len(secrets) == 0 {
		return refuse("no secret is configured")
	}
	got := sha256.Sum256([]byte(received))
	good := 0
	for _, secret := range secrets {
		if secret == "" {
			return refuse("an empty secret is configured")
		}
		want := sha256.Sum256([]byte(secret))
		good |= subtle.ConstantTimeCompare(got[:], want[:])
	}
	if good == 0 {
		return refuse("the secret is not one of ours")
	}
	return nil
}

// Header returns the one value of a header that must be there exactly once.
func Header(d *ingest.Delivery, name string) (string, error) {
	switch values := d.Header.Values(name); {
	case len(values) == 0 || values[0] == "":
		return "", refuse("the header %s is missing", name)
	case len(values) > 1:
		return "", refuse("the header %s is repeated", name)
	default:
		return values[0], nil
	}
}

// Hex decodes a signature in hexadecimal digits of either case.
func Hex(text string) ([]byte, error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) == 0 {
		return nil, refuse("the signature is not hexadecimal")
	}
	return b, nil
}

// Base64 decodes a signature in padded standard base64 (RFC 4648 §4) without
// line breaks, which Go's decoder alone would pass over.
func Base64(text string) ([]byte, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(b) == 0 || strings.ContainsAny(text, "\r\n") {
		return nil, refuse("the signature is not base64")
	}
	return b, nil
}

// Base64Line is Base64 for senders whose encoder ends the text with a newline
// (CallTrackingMetrics): trailing line breaks are tolerated.
func Base64Line(text string) ([]byte, error) {
	return Base64(strings.TrimRight(text, "\r\n"))
}

// After returns what follows a prefix such as "sha256=" that must be there.
func After(prefix, text string) (string, error) {
	rest, ok := strings.CutPrefix(text, prefix)
	if !ok {
		return "", refuse("the signature does not start with %s", prefix)
	}
	return rest, nil
}

// Elements reads a header of the form "t=1492774577,v1=5257a8…": every value
// by its name, in order. Names may repeat during a rotation of secrets.
func Elements(header string) map[string][]string {
	elements := make(map[string][]string, 2)
	for element := range strings.SplitSeq(header, ",") {
		if name, value, ok := strings.Cut(strings.TrimSpace(element), "="); ok {
			elements[name] = append(elements[name], value)
		}
	}
	return elements
}

// Seconds reads a time in whole seconds since 1970.
func Seconds(text string) (time.Time, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > 1<<40 {
		return time.Time{}, refuse("the timestamp is not a number of seconds")
	}
	return time.Unix(n, 0).UTC(), nil
}

// Millis reads a time in whole milliseconds since 1970.
func Millis(text string) (time.Time, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > 1<<50 {
		return time.Time{}, refuse("the timestamp is not a number of milliseconds")
	}
	return time.UnixMilli(n).UTC(), nil
}

// Within checks that a claimed time lies within the tolerance of the time of
// receipt, on either side; the limit itself still passes.
func Within(at, claimed time.Time, tolerance time.Duration) error {
	return Between(at, claimed, tolerance, tolerance)
}

// Between is Within for senders that try again under the first time: a claim
// may be older than it may be ahead.
func Between(at, claimed time.Time, old, ahead time.Duration) error {
	switch age := at.Sub(claimed); {
	case age > old:
		return refuse("the timestamp is older than %s", old)
	case age < -ahead:
		return refuse("the timestamp is more than %s ahead", ahead)
	}
	return nil
}
