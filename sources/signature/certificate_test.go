package signature

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/url"
	"testing"

	"github.com/leadgate/leadgate/ingest"
)

func publicDER(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestParseECDSA(t *testing.T) {
	t.Parallel()
	p256, err1 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p384, err2 := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	rsaKey, err3 := rsa.GenerateKey(rand.Reader, 2048)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	der := publicDER(t, &p256.PublicKey)
	for what, text := range map[string]string{
		"DER": base64.StdEncoding.EncodeToString(der), "blanks": " " + base64.StdEncoding.EncodeToString(der) + "\n",
		"PEM": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
	} {
		if key, err := ParseECDSA(text); err != nil || !key.Equal(&p256.PublicKey) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, text := range map[string]string{
		"nothing": "", "a password": "own-password", "a base64 password": "b3duLXBhc3N3b3Jk",
		"another curve":  base64.StdEncoding.EncodeToString(publicDER(t, &p384.PublicKey)),
		"an RSA key":     base64.StdEncoding.EncodeToString(publicDER(t, &rsaKey.PublicKey)),
		"an empty block": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY"})),
	} {
		if _, err := ParseECDSA(text); err == nil {
			t.Errorf("%s is taken for a key", what)
		}
	}
	digest := sha256.Sum256([]byte("ab"))
	signed, err := ecdsa.SignASN1(rand.Reader, p256, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	if err := ECDSA([]*ecdsa.PublicKey{&p256.PublicKey}, signed, []byte("a"), []byte("b")); err != nil {
		t.Error(err)
	}
	for what, err := range map[string]error{
		"other parts": ECDSA([]*ecdsa.PublicKey{&p256.PublicKey}, signed, []byte("a")),
		"no keys":     ECDSA(nil, signed, []byte("ab")),
		"cut off":     ECDSA([]*ecdsa.PublicKey{&p256.PublicKey}, signed[:10], []byte("ab")),
	} {
		if !errors.Is(err, ingest.ErrUnverified) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestSNSAddress(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"https://sns.eu-west-1.amazonaws.com/a.pem": true, "https://sns.cn-north-1.amazonaws.com.cn/a.pem": true,
		"http://sns.eu-west-1.amazonaws.com/a.pem": false, "https://sns.eu-west-1.amazonaws.com:443/a.pem": false,
		"https://sns.eu-west-1.amazonaws.com.evil.example/a.pem": false, "https://sns.evil.example/x.amazonaws.com/a.pem": false,
		"https://sns.a.b.amazonaws.com/a.pem": false, "https://sns..amazonaws.com/a.pem": false, "https://s3.eu-west-1.amazonaws.com/a.pem": false,
		"https://x@sns.eu-west-1.amazonaws.com/a.pem": false, "https:sns.eu-west-1.amazonaws.com/a.pem": false, "https://sns.eu-west-1.amazonaws.com\n/a": false,
	} {
		u, err := url.Parse(address)
		if got := err == nil && SNSAddress(u); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}

type certificates struct{ key any }

func (c certificates) Certificate(string) (*x509.Certificate, error) {
	return &x509.Certificate{PublicKey: c.key}, nil
}

// Amazon's own validators differ in what they take into the text of a
// subscription's end; both are the sender's. Anything else is not.
func TestSNS(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	const topic = "arn:aws:sns:eu-west-1:1:t"
	message := func(text string) *SNSMessage {
		digest := sha256.Sum256([]byte(text))
		signed, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
		if err != nil {
			t.Fatal(err)
		}
		return &SNSMessage{
			Type: SNSUnsubscribe, MessageID: "m", TopicARN: topic, Message: "x", Timestamp: "now", Token: "t", SubscribeURL: "u",
			SignatureVersion: "2", Signature: base64.StdEncoding.EncodeToString(signed), SigningCertURL: "https://sns.eu-west-1.amazonaws.com/a.pem",
		}
	}
	const before, after = "Message\nx\nMessageId\nm\nSubscribeURL\nu\nTimestamp\nnow\n", "TopicArn\n" + topic + "\nType\nUnsubscribeConfirmation\n"
	store := certificates{&key.PublicKey}
	for _, text := range []string{before + "Token\nt\n" + after, before + after} {
		if err := SNS(message(text), []string{topic}, store); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	good := before + after
	change := func(f func(*SNSMessage)) *SNSMessage { m := message(good); f(m); return m }
	for what, err := range map[string]error{
		"a token where it is signed": SNS(change(func(m *SNSMessage) { m.Message = "y" }), []string{topic}, store),
		"a subscription without it":  SNS(change(func(m *SNSMessage) { m.Type = SNSSubscribe }), []string{topic}, store),
		"another type":               SNS(change(func(m *SNSMessage) { m.Type = "Other" }), []string{topic}, store),
		"no version":                 SNS(change(func(m *SNSMessage) { m.SignatureVersion = "" }), []string{topic}, store),
		"the older version":          SNS(change(func(m *SNSMessage) { m.SignatureVersion = "1" }), []string{topic}, store),
		"no topics":                  SNS(message(good), nil, store),
		"no signature":               SNS(change(func(m *SNSMessage) { m.Signature = "" }), []string{topic}, store),
		"a query":                    SNS(change(func(m *SNSMessage) { m.SigningCertURL += "?a" }), []string{topic}, store),
		"no PEM":                     SNS(change(func(m *SNSMessage) { m.SigningCertURL = "https://sns.eu-west-1.amazonaws.com/" }), []string{topic}, store),
		"a key of another kind":      SNS(message(good), []string{topic}, certificates{"key"}),
	} {
		if !errors.Is(err, ingest.ErrUnverified) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
