package signature_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/textproto"
	"testing"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/signature"
)

const twilioToken = "own-auth-token"

func twilioDelivery(method, address, contentType, body, signed string) *ingest.Delivery {
	mac := hmac.New(sha1.New, []byte(twilioToken))
	mac.Write([]byte(signed))
	d := &ingest.Delivery{Method: method, URL: address, Body: []byte(body), Header: textproto.MIMEHeader{}}
	d.Header.Set("X-Twilio-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	if contentType != "" {
		d.Header.Set("Content-Type", contentType)
	}
	return d
}

func TestTwilio(t *testing.T) {
	t.Parallel()
	const form = "application/x-www-form-urlencoded; charset=UTF-8"
	f := func(good bool, method, address, contentType, body, signed string) {
		t.Helper()
		d := twilioDelivery(method, address, contentType, body, signed)
		err := signature.Twilio(d, []string{"another", twilioToken})
		if (err == nil) != good || err != nil && !errors.Is(err, ingest.ErrUnverified) {
			t.Errorf("%s %s %q signed as %q: %v", method, address, body, signed, err)
		}
	}
	f(true, "POST", "https://a.example/in/x", form, "b=2&a=1&b=1", "https://a.example/in/xa1b1b2")
	f(true, "POST", "https://a.example/in/x", form, "a+b=c%2Fd&e=", "https://a.example/in/xa bc/de")
	f(true, "POST", "https://a.example:443/in/x", form, "a=1", "https://a.example/in/xa1")
	f(true, "POST", "https://a.example/in/x", form, "a=1", "https://a.example:443/in/xa1")
	f(true, "POST", "http://a.example/in/x", form, "a=1", "http://a.example:80/in/xa1")
	f(false, "POST", "http://a.example/in/x", form, "a=1", "http://a.example:443/in/xa1")
	f(true, "POST", "https://[2001:db8::1]/in/x", form, "a=1", "https://[2001:db8::1]:443/in/xa1")
	f(true, "POST", "https://[2001:db8::1]:8443/in/x", form, "a=1", "https://[2001:db8::1]/in/xa1")
	f(true, "POST", "https://a.example?x=1:2", form, "a=1", "https://a.example:443?x=1:2a1")
	// The sender's own percent-encoding is what is signed.
	f(true, "GET", "https://a.example/in/x?n=%7Ea+b%20c", "", "", "https://a.example/in/x?n=%7Ea+b%20c")
	f(false, "GET", "https://a.example/in/x?n=%7ea+b%20c", "", "", "https://a.example/in/x?n=%7Ea+b%20c")
	f(true, "POST", "https://a.example/in/x", "", "", "https://a.example/in/x")
	// Nothing that is not signed is taken.
	f(false, "GET", "https://a.example/in/x", form, "a=1", "https://a.example/in/x")
	f(false, "POST", "https://a.example/in/x", "text/plain", "a=1", "https://a.example/in/xa1")
	f(false, "POST", "https://a.example/in/x", "text/plain", "a=1", "https://a.example/in/x")
	f(false, "POST", "https://a.example/in/x", "", "a=1", "https://a.example/in/x")
	f(false, "POST", "https://a.example/in/x", form, "a=%zz", "https://a.example/in/xa%zz")
	digest := sha256.Sum256([]byte(`{"a":1}`))
	withDigest := "https://a.example/in/x?y=1&bodySHA256=" + hex.EncodeToString(digest[:])
	f(true, "POST", withDigest, "application/json", `{"a":1}`, withDigest)
	f(false, "POST", withDigest, "application/json", `{"a":2}`, withDigest)
	f(false, "POST", withDigest, "application/json", "", withDigest)
	f(false, "POST", withDigest+"0", "application/json", `{"a":1}`, withDigest+"0")
}

func TestTwilio_FailsClosed(t *testing.T) {
	t.Parallel()
	d := twilioDelivery("POST", "https://a.example/in/x", "", "", "https://a.example/in/x")
	for name, secrets := range map[string][]string{"none": nil, "an empty one": {twilioToken, ""}} {
		if err := signature.Twilio(d, secrets); !errors.Is(err, ingest.ErrUnverified) {
			t.Errorf("%s: %v", name, err)
		}
	}
	d.Header.Add("X-Twilio-Signature", d.Header.Get("X-Twilio-Signature"))
	if err := signature.Twilio(d, []string{twilioToken}); !errors.Is(err, ingest.ErrUnverified) {
		t.Errorf("a repeated header: %v", err)
	}
}
