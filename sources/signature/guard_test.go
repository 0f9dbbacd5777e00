package signature_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"net/textproto"
	"strings"
	"testing"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/signature"
)

func TestNewGuard(t *testing.T) {
	t.Parallel()
	f := func(secrets []string, o signature.GuardOptions, want string) {
		t.Helper()
		_, err := signature.NewGuard(ingest.SourceConfig{Secrets: secrets}, o)
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	key := []string{"k"}
	f(nil, signature.GuardOptions{}, "insecure: true")
	f(nil, signature.GuardOptions{AllowIPs: []string{"192.0.2.7"}}, "insecure: true")
	f(nil, signature.GuardOptions{Insecure: true}, "")
	f([]string{""}, signature.GuardOptions{Insecure: true}, "secrets[0]")
	f(key, signature.GuardOptions{}, "")
	f(key, signature.GuardOptions{AllowIPs: []string{"10.0.0.0/8", "2001:db8::1", "x"}}, "allow_ips[2]")
	f(nil, signature.GuardOptions{Insecure: true, HMAC: &signature.HMACOptions{}}, "options.hmac")
	f(key, signature.GuardOptions{HMAC: &signature.HMACOptions{Algorithm: "md5"}}, "options.hmac.algorithm")
	f(key, signature.GuardOptions{HMAC: &signature.HMACOptions{Encoding: "hex ", Header: "X"}}, "options.hmac.encoding")
}

func TestGuard_Verify(t *testing.T) {
	t.Parallel()
	body := []byte(`{"foo":"bar"}`)
	f := func(o signature.GuardOptions, secrets []string, change func(*ingest.Delivery), good bool) {
		t.Helper()
		g, err := signature.NewGuard(ingest.SourceConfig{Secrets: secrets}, o)
		if err != nil {
			t.Fatal(err)
		}
		d := &ingest.Delivery{URL: "https://leads.example.net/in/s", RemoteAddr: "192.0.2.7", Body: body, Header: textproto.MIMEHeader{}}
		change(d)
		err = g.Verify(d)
		if (err == nil) != good || err != nil && !errors.Is(err, ingest.ErrUnverified) {
			t.Errorf("%+v: want %v, got %v", o, good, err)
		}
	}
	set := func(name, value string) func(*ingest.Delivery) {
		return func(d *ingest.Delivery) { d.Header.Set(name, value) }
	}
	nothing := func(*ingest.Delivery) {}
	keys := []string{"former", "mysecret"}

	f(signature.GuardOptions{}, keys, nothing, false)
	f(signature.GuardOptions{}, keys, set("Authorization", "Bearer mysecret"), true)
	f(signature.GuardOptions{}, keys, func(d *ingest.Delivery) { d.URL += "?token=former" }, true)
	f(signature.GuardOptions{}, keys, set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("user:mysecret"))), true)

	custom := signature.GuardOptions{TokenHeader: "x-form-key"}
	f(custom, keys, set("X-Form-Key", "mysecret"), true)
	f(custom, keys, set("X-Form-Key", "other"), false)
	f(custom, keys, func(d *ingest.Delivery) { d.Header["X-Form-Key"] = []string{"mysecret", "mysecret"} }, false)
	f(custom, keys, set("Authorization", "Bearer mysecret"), true)

	from := signature.GuardOptions{AllowIPs: []string{"192.0.2.0/24", "2001:db8::/32"}, Insecure: true}
	f(from, nil, nothing, true)
	f(from, nil, func(d *ingest.Delivery) { d.RemoteAddr = "198.51.100.1" }, false)
	f(from, nil, func(d *ingest.Delivery) { d.RemoteAddr = "::ffff:192.0.2.9" }, true)
	f(from, nil, func(d *ingest.Delivery) { d.RemoteAddr = "" }, false)
	f(from, keys, nothing, false)

	// The published vector of octokit/webhooks-methods.js.
	const digest = "4864d2759938a15468b5df9ade20bf161da9b4f737ea61794142f3484236bda3"
	hub := signature.GuardOptions{HMAC: &signature.HMACOptions{}}
	f(hub, keys, set("X-Hub-Signature-256", "sha256="+digest), true)
	f(hub, keys, set("X-Hub-Signature-256", digest), false)
	f(hub, keys, set("Authorization", "Bearer mysecret"), false)
	f(hub, []string{"former"}, set("X-Hub-Signature-256", "sha256="+digest), false)
	f(hub, keys, func(d *ingest.Delivery) {
		d.Header.Set("X-Hub-Signature-256", "sha256="+digest)
		d.Body = append([]byte(" "), body...)
	}, false)
	mac := hmac.New(sha1.New, []byte("mysecret"))
	mac.Write(body)
	own := signature.GuardOptions{HMAC: &signature.HMACOptions{Header: "X-Sig", Algorithm: "sha1", Encoding: "base64", Prefix: "v1 "}}
	f(own, keys, set("X-Sig", "v1 "+base64.StdEncoding.EncodeToString(mac.Sum(nil))), true)
}

func TestGuard_Redact(t *testing.T) {
	t.Parallel()
	g, err := signature.NewGuard(ingest.SourceConfig{Secrets: []string{"k"}}, signature.GuardOptions{TokenHeader: "X-Form-Key"})
	if err != nil {
		t.Fatal(err)
	}
	d := &ingest.Delivery{Header: textproto.MIMEHeader{"X-Form-Key": {"k"}, "Accept": {"*/*"}}}
	if g.Redact(d); d.Header.Get("X-Form-Key") != "" || d.Header.Get("Accept") == "" {
		t.Errorf("%v", d.Header)
	}
}
