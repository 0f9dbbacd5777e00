package signature_test

import (
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/textproto"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/signature"
)

func must[T any](value T, err error) func(*error) T {
	return func(to *error) T {
		if *to == nil {
			*to = err
		}
		return value
	}
}

// schemes are the providers' checks written with the primitives, as their
// files write them.
var schemes = map[string]func(d *ingest.Delivery, secrets []string) error{
	"github-style": hubSignature,
	"meta":         hubSignature,
	"linkedin": func(d *ingest.Delivery, secrets []string) (err error) {
		text := must(signature.Header(d, "X-Li-Signature"))(&err)
		received := must(signature.Hex(strings.TrimPrefix(text, "hmacsha256=")))(&err)
		if err != nil {
			return err
		}
		return signature.HMAC(crypto.SHA256, secrets, received, []byte("hmacsha256="), d.Body)
	},
	"webflow": func(d *ingest.Delivery, secrets []string) (err error) {
		stamp := must(signature.Header(d, "X-Webflow-Timestamp"))(&err)
		received := must(signature.Hex(d.Header.Get("X-Webflow-Signature")))(&err)
		claimed := must(signature.Millis(stamp))(&err)
		if err == nil {
			err = signature.Within(d.ReceivedAt, claimed, 5*time.Minute)
		}
		if err != nil {
			return err
		}
		return signature.HMAC(crypto.SHA256, secrets, received, []byte(stamp+":"), d.Body)
	},
	"calendly":  elements("Calendly-Webhook-Signature"),
	"formspree": elements("Formspree-Signature"),
	"callrail": func(d *ingest.Delivery, secrets []string) (err error) {
		received := must(signature.Base64(d.Header.Get("Signature")))(&err)
		if err != nil {
			return err
		}
		return signature.HMAC(crypto.SHA1, secrets, received, d.Body)
	},
	"calltrackingmetrics": func(d *ingest.Delivery, secrets []string) (err error) {
		received := must(signature.Base64Line(d.Header.Get("X-Ctm-Signature")))(&err)
		if err != nil {
			return err
		}
		return signature.HMAC(crypto.SHA1, secrets, received, []byte(d.Header.Get("X-Ctm-Time")), d.Body)
	},
}

func hubSignature(d *ingest.Delivery, secrets []string) (err error) {
	text := must(signature.Header(d, "X-Hub-Signature-256"))(&err)
	text = must(signature.After("sha256=", text))(&err)
	received := must(signature.Hex(text))(&err)
	if err != nil {
		return err
	}
	return signature.HMAC(crypto.SHA256, secrets, received, d.Body)
}

func elements(header string) func(*ingest.Delivery, []string) error {
	return func(d *ingest.Delivery, secrets []string) error {
		e := signature.Elements(d.Header.Get(header))
		if len(e["t"]) != 1 {
			return signature.Secret(secrets, "")
		}
		claimed, err := signature.Seconds(e["t"][0])
		if err != nil {
			return err
		}
		if err := signature.Within(d.ReceivedAt, claimed, 5*time.Minute); err != nil {
			return err
		}
		for _, text := range e["v1"] {
			if received, err := signature.Hex(text); err == nil &&
				signature.HMAC(crypto.SHA256, secrets, received, []byte(e["t"][0]+"."), d.Body) == nil {
				return nil
			}
		}
		return signature.Secret(secrets, "")
	}
}

func TestVectors(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		ID, Provider, Secret, URL, Body, Expected, Why string
		Headers                                        map[string]string
		Clock                                          int64
		Tolerance                                      int64 `json:"tolerance_seconds"`
	}
	if err := json.Unmarshal(text, &vectors); err != nil || len(vectors) < 15 {
		t.Fatalf("%d vectors, %v", len(vectors), err)
	}
	for _, v := range vectors {
		at := time.Unix(v.Clock, 0)
		d := &ingest.Delivery{Method: "POST", URL: v.URL, Body: []byte(v.Body), Header: textproto.MIMEHeader{}, ReceivedAt: at}
		for name, value := range v.Headers {
			d.Header.Set(name, value)
		}
		verify := schemes[v.Provider]
		if err := verify(d, []string{"another", v.Secret}); (err == nil) != (v.Expected == "valid") {
			t.Errorf("%s (%s): %s expected, got %v", v.ID, v.Why, v.Expected, err)
		} else if err != nil && !errors.Is(err, ingest.ErrUnverified) {
			t.Errorf("%s: %v is not ErrUnverified", v.ID, err)
		}
		for _, secrets := range [][]string{nil, {""}, {v.Secret, ""}} {
			if verify(d, secrets) == nil {
				t.Errorf("%s: accepted with secrets that hold nothing", v.ID)
			}
		}
	}
}

func TestWithin(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	f := func(claimed time.Duration, good bool) {
		t.Helper()
		if err := signature.Within(at, at.Add(claimed), 5*time.Minute); (err == nil) != good {
			t.Errorf("claimed %s from receipt: %v", claimed, err)
		}
	}
	f(0, true)
	f(-5*time.Minute, true)
	f(5*time.Minute, true)
	f(-5*time.Minute-1, false)
	f(5*time.Minute+1, false)
}

func TestEncodings(t *testing.T) {
	t.Parallel()
	f := func(name string, decode func(string) ([]byte, error), text string, good bool) {
		t.Helper()
		if b, err := decode(text); (err == nil) != good || good && string(b) != "key!" {
			t.Errorf("%s(%q) = %q, %v", name, text, b, err)
		}
	}
	f("Hex", signature.Hex, "6b657921", true)
	f("Hex", signature.Hex, "6B657921", true)
	f("Hex", signature.Hex, "6b65792", false)
	f("Hex", signature.Hex, "", false)
	f("Base64", signature.Base64, "a2V5IQ==", true)
	f("Base64", signature.Base64, "a2V5IQ==\n", false)
	f("Base64", signature.Base64, "a2V5IQ", false)
	f("Base64", signature.Base64, "a2V5IR==", false) // spare bits set
	f("Base64Line", signature.Base64Line, "a2V5IQ==\r\n", true)
	f("Base64Line", signature.Base64Line, "a2\nV5IQ==", false)
}

func TestToken(t *testing.T) {
	t.Parallel()
	secrets := []string{"old-secret", "s3cret:with&signs"}
	f := func(want bool, url string, headers ...string) {
		t.Helper()
		d := &ingest.Delivery{URL: url, Header: textproto.MIMEHeader{}}
		for i := 0; i < len(headers); i += 2 {
			d.Header.Add(headers[i], headers[i+1])
		}
		err := signature.Token(d, secrets)
		if (err == nil) != want {
			t.Errorf("%s %q: %v", url, headers, err)
		}
		if err != nil && (!errors.Is(err, ingest.ErrUnverified) || strings.Contains(err.Error(), "s3cret")) {
			t.Errorf("%s %q: bad reason %q", url, headers, err)
		}
	}
	basic := func(pair string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(pair)) }
	f(true, "https://h/in/x", "Authorization", "Bearer old-secret")
	f(true, "https://h/in/x", "Authorization", "bearer   old-secret")
	f(true, "https://h/in/x", "Authorization", basic("anybody:old-secret"))
	f(true, "https://h/in/x", "Authorization", basic("u:s3cret:with&signs"))
	f(true, "https://h/in/x", "Authorization", basic("s3cret:with&signs")) // the pair itself
	f(true, "https://h/in/x", "X-Api-Key", "old-secret")
	f(true, "https://h/in/x?token=old-secret&a=b")
	f(true, "https://h/in/x?a=b&key=s3cret%3Awith%26signs")
	f(true, "https://h/in/x?token=wrong", "X-Api-Key", "old-secret")
	f(false, "https://h/in/x")
	f(false, "https://h/in/x?TOKEN=old-secret") // would not be removed from what is kept
	f(false, "https://h/in/x?t%6Fken=old-secret")
	f(false, "https://h/in/x?token=old-secre")
	f(false, "https://h/in/x?token=")
	f(false, "https://h/in/x", "Authorization", "old-secret")
	f(false, "https://h/in/x", "Authorization", "Digest old-secret")
	f(false, "https://h/in/x", "Authorization", basic("old-secret:"))
	f(false, "https://h/in/x", "Authorization", "Basic %%%")
	f(false, "https://h/in/x", "Authorization", "Bearer ")
	for _, none := range [][]string{nil, {""}} {
		d := &ingest.Delivery{URL: "https://h/in/x?token=", Header: textproto.MIMEHeader{"X-Api-Key": {""}}}
		if err := signature.Token(d, none); !errors.Is(err, ingest.ErrUnverified) {
			t.Errorf("secrets %q take an empty token: %v", none, err)
		}
	}
}

func TestHeader_Repeated(t *testing.T) {
	t.Parallel()
	d := &ingest.Delivery{Header: textproto.MIMEHeader{"Signature": {"a", "b"}}}
	if _, err := signature.Header(d, "signature"); !errors.Is(err, ingest.ErrUnverified) {
		t.Errorf("a repeated header is taken: %v", err)
	}
}

func TestStandardKeys_Ed25519(t *testing.T) {
	t.Parallel()
	private := ed25519.NewKeyFromSeed([]byte("an invented seed of 32 bytes ..!"))
	public := private.Public().(ed25519.PublicKey)
	keys, err := signature.ParseStandardKeys([]string{"whpk_" + base64.StdEncoding.EncodeToString(public)})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1767614400, 0)
	sign := func(id string) string {
		return base64.StdEncoding.EncodeToString(ed25519.Sign(private, []byte(id+".1767614400.{}")))
	}
	f := func(want bool, entry string) {
		t.Helper()
		d := &ingest.Delivery{ReceivedAt: at, Body: []byte("{}"), Header: textproto.MIMEHeader{
			"Webhook-Id": {"msg_1"}, "Webhook-Timestamp": {"1767614400"}, "Webhook-Signature": {entry},
		}}
		if err := keys.Verify(d, 5*time.Minute); (err == nil) != want {
			t.Errorf("%s: %v", entry, err)
		}
	}
	f(true, "v1a,"+sign("msg_1"))
	f(true, "v1,AAAA v1a,"+sign("msg_1"))
	f(false, "v1a,"+sign("msg_2"))
	f(false, "v1,"+sign("msg_1"))
	f(false, "v1a,")
}

func TestParseStandardKeys_Refuses(t *testing.T) {
	t.Parallel()
	for _, secrets := range [][]string{nil, {""}, {"whsec_"}, {"whsec_not base64"}, {"whpk_AAAA"}, {"whsec_AAAA", "whsec_!"}} {
		_, err := signature.ParseStandardKeys(secrets)
		if err == nil {
			t.Errorf("%q is accepted", secrets)
		} else if strings.Contains(err.Error(), "whsec_not") {
			t.Errorf("%q: the error repeats the secret: %v", secrets, err)
		}
	}
}

func BenchmarkHMAC(b *testing.B) {
	body := []byte(strings.Repeat("x", 1000))
	received := make([]byte, 32)
	b.SetBytes(1000)
	b.ReportAllocs()
	for b.Loop() {
		if signature.HMAC(crypto.SHA256, []string{"secret"}, received, body) == nil {
			b.Fatal("accepted")
		}
	}
}
