package signature

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"mime"
	"net/url"
	"slices"
	"strings"

	"github.com/leadgate/leadgate/ingest"
)

// Twilio checks the header X-Twilio-Signature: an HMAC-SHA1 under one of the
// account's auth tokens over the URL as the sender addressed it, followed by
// the form's parameters, sorted by name. The bytes of a body that is no form
// are not signed: their digest stands in the URL, as bodySHA256.
// https://www.twilio.com/docs/usage/security#validating-requests
//
// Whether the URL is signed with its port is not said anywhere, so it is tried
// with and without.
func Twilio(d *ingest.Delivery, secrets []string) error {
	header, err := Header(d, "X-Twilio-Signature")
	if err != nil {
		return err
	}
	received, err := Base64(header)
	if err != nil {
		return err
	}
	params, err := twilioParams(d)
	if err != nil {
		return err
	}
	for _, address := range withAndWithoutPort(d.URL) {
		if err = HMAC(crypto.SHA1, secrets, received, []byte(address), params); err == nil {
			return nil
		}
	}
	return err
}

// twilioParams returns what is signed behind the URL.
func twilioParams(d *ingest.Delivery) ([]byte, error) {
	switch media, _, _ := mime.ParseMediaType(d.Header.Get("Content-Type")); {
	case d.Method == "GET" && len(d.Body) > 0:
		return nil, refuse("a GET with a body, which nothing signs")
	case d.Method == "GET", media == "" && len(d.Body) == 0:
		return nil, nil
	case media != "application/x-www-form-urlencoded":
		return nil, bodyDigest(d)
	}
	form, err := url.ParseQuery(string(d.Body))
	if err != nil {
		return nil, refuse("the form cannot be read")
	}
	names := make([]string, 0, len(form))
	for name, values := range form {
		names = append(names, name)
		slices.Sort(values) // in place: form is ours
		form[name] = slices.Compact(values)
	}
	slices.Sort(names)
	var b bytes.Buffer
	b.Grow(len(d.Body))
	for _, name := range names {
		for _, value := range form[name] {
			b.WriteString(name)
			b.WriteString(value)
		}
	}
	return b.Bytes(), nil
}

// bodyDigest compares the body with the digest in the URL.
func bodyDigest(d *ingest.Delivery) error {
	_, query, _ := strings.Cut(d.URL, "?")
	for pair := range strings.SplitSeq(query, "&") {
		value, ok := strings.CutPrefix(pair, "bodySHA256=")
		if !ok {
			continue
		}
		claimed, err := Hex(value)
		if digest := sha256.Sum256(d.Body); err == nil && bytes.Equal(claimed, digest[:]) {
			return nil
		}
		return refuse("the body does not have the digest in the URL's bodySHA256")
	}
	return refuse("a body that is no form, and no bodySHA256 in the URL to know it by")
}

// withAndWithoutPort returns the address as it is, and then without its port
// or, where it has none, with that of its scheme.
func withAndWithoutPort(address string) []string {
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok {
		return []string{address}
	}
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	host, path := rest[:end], rest[end:]
	if colon := strings.LastIndexByte(host, ':'); colon > strings.LastIndexByte(host, ']') {
		return []string{address, scheme + "://" + host[:colon] + path}
	}
	port := ":443"
	if scheme == "http" {
		port = ":80"
	}
	return []string{address, scheme + "://" + host + port + path}
}
