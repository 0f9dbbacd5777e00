package mail_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"math/big"
	"net/textproto"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/mail"
	"github.com/leadgate/leadgate/sources/signature"
	"github.com/leadgate/leadgate/sources/sourcetest"
)

var sign = flag.Bool("sign", false, "sign the golden cases of aws-ses anew, under a new certificate")

const (
	topic       = "arn:aws:sns:eu-west-1:111122223333:lead-mail"
	certificate = "testdata/aws-ses/certificate.pem"
)

// store has one certificate at every address.
type store struct {
	certificate *x509.Certificate
	err         error
	asked       int
}

func (s *store) Certificate(string) (*x509.Certificate, error) {
	s.asked++
	return s.certificate, s.err
}

func parsePEM(t testing.TB, text []byte) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(text)
	if block == nil {
		t.Fatal("no certificate")
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func sesOptions(t testing.TB) sourcetest.Options {
	t.Helper()
	text, err := os.ReadFile(certificate)
	if err != nil {
		t.Fatal(err)
	}
	o := sourcetest.Options{New: mail.NewSES, Config: config(), Dir: "testdata/aws-ses", Open: true}
	o.Config.Secrets = nil
	o.Config.Options = map[string]any{"topics": []string{"arn:aws:sns:us-east-1:111122223333:other", topic}}
	o.Config.Certificates = &store{certificate: parsePEM(t, text)}
	return o
}

func TestSES(t *testing.T) {
	if *sign {
		signCases(t)
	}
	t.Parallel()
	sourcetest.Run(t, sesOptions(t))
}

// With a secret the address must carry it, and SNS may leave its envelope out.
func TestSES_Secret(t *testing.T) {
	t.Parallel()
	o := sesOptions(t)
	o.Dir, o.Config.Secrets, o.Headers = "testdata/aws-ses/secret", config().Secrets, []string{"Authorization"}
	sourcetest.Run(t, o)
}

func FuzzSES(f *testing.F)      { sourcetest.Fuzz(f, sesOptions(f)) }
func BenchmarkSES(b *testing.B) { sourcetest.Bench(b, sesOptions(b), "notification") }

func TestSES_SignatureVectors(t *testing.T) {
	t.Parallel()
	const path = "testdata/aws-ses/vectors.json"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		PEM string `json:"cert_pem"`
	}
	if err := json.Unmarshal(text, &vectors); err != nil || len(vectors) == 0 {
		t.Fatal(len(vectors), err)
	}
	certificates := &store{certificate: parsePEM(t, []byte(vectors[0].PEM))}
	sourcetest.Vectors(t, func(c ingest.SourceConfig) (ingest.Source, error) {
		c.Secrets, c.Certificates, c.Options = nil, certificates, map[string]any{"topics": []string{topic}}
		return mail.NewSES(c)
	}, path)
	if certificates.asked != len(vectors)-1 {
		t.Errorf("asked for %d certificates: one of the vectors names another host", certificates.asked)
	}
}

// A certificate that cannot be had just now is no forgery.
func TestSES_CertificateAway(t *testing.T) {
	t.Parallel()
	o := sesOptions(t)
	d, err := sourcetest.Read("testdata/aws-ses/notification/request.http")
	if err != nil {
		t.Fatal(err)
	}
	for name, certificates := range map[string]ingest.CertificateStore{
		"fails": &store{err: fmt.Errorf("%w: x", ingest.ErrUnavailable)}, "none": nil,
	} {
		o.Config.Certificates = certificates
		source, err := mail.NewSES(o.Config)
		if err != nil {
			t.Fatal(err)
		}
		if err := source.Verify(d); !errors.Is(err, ingest.ErrUnavailable) || errors.Is(err, ingest.ErrUnverified) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Only a subscription is confirmed, and only at Amazon's own address.
func TestSES_Confirm(t *testing.T) {
	t.Parallel()
	o := sesOptions(t)
	source, err := mail.NewSES(o.Config)
	if err != nil {
		t.Fatal(err)
	}
	confirm := func(d *ingest.Delivery) string {
		address, ok := source.(ingest.Confirmer).Confirm(d)
		if ok != (address != "") {
			t.Errorf("%q, %v", address, ok)
		}
		return address
	}
	for name, want := range map[string]bool{"subscription": true, "subscription-ended": false, "notification": false, "malformed-not-of-ses": false} {
		d, err := sourcetest.Read("testdata/aws-ses/" + name + "/request.http")
		if err != nil {
			t.Fatal(err)
		}
		if got := confirm(d); (got != "") != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	for address, want := range map[string]bool{
		"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=x": true,
		"http://sns.eu-west-1.amazonaws.com/":                                     false,
		"https://sns.eu-west-1.amazonaws.com.evil.example/":                       false,
		"https://sns.eu-west-1.amazonaws.com@evil.example/":                       false,
		"https://evil.example/sns.eu-west-1.amazonaws.com":                        false,
		"https://sns.eu-west-1.amazonaws.com:8443/":                               false,
		"https://sns.us-east-1.amazonaws.com/":                                    false,
		"https://sqs.eu-west-1.amazonaws.com/":                                    false,
		"https://SNS.eu-west-1.amazonaws.com/":                                    false,
		"":                                                                        false,
	} {
		body, err := json.Marshal(map[string]string{"Type": "SubscriptionConfirmation", "MessageId": "m", "TopicArn": topic, "SubscribeURL": address})
		if err != nil {
			t.Fatal(err)
		}
		if got := confirm(&ingest.Delivery{Header: textproto.MIMEHeader{}, Body: body}); (got != "") != want {
			t.Errorf("%s: %q", address, got)
		}
	}
}

func TestNewSES_Options(t *testing.T) {
	t.Parallel()
	for want, options := range map[string]map[string]any{
		"options.topics:":    nil,
		"options.topics[1]":  {"topics": []string{topic, "lead-mail"}},
		"options.insecure":   {"topics": []string{topic}, "insecure": true},
		"options.senders[0]": {"topics": []string{topic}, "senders": []any{map[string]any{}}},
	} {
		if _, err := mail.NewSES(ingest.SourceConfig{Options: options}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// newSigner returns a certificate and what signs under it.
func newSigner(t testing.TB) (certificate []byte, sign func(*signature.SNSMessage) string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sns.amazonaws.com"},
		NotBefore: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2045, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), func(m *signature.SNSMessage) string {
		text := textOfSNS(m)
		algorithm, digest := crypto.SHA256, sha256.Sum256([]byte(text))
		sum := digest[:]
		if m.SignatureVersion == "1" {
			old := sha1.Sum([]byte(text))
			algorithm, sum = crypto.SHA1, old[:]
		}
		signed, err := rsa.SignPKCS1v15(rand.Reader, key, algorithm, sum)
		if err != nil {
			t.Fatal(err)
		}
		return base64.StdEncoding.EncodeToString(signed)
	}
}

// textOfSNS is what SNS signs, written down a second time.
func textOfSNS(m *signature.SNSMessage) string {
	lines := []string{"Message", m.Message, "MessageId", m.MessageID}
	if m.Type == "Notification" {
		if m.Subject != nil {
			lines = append(lines, "Subject", *m.Subject)
		}
		lines = append(lines, "Timestamp", m.Timestamp, "TopicArn", m.TopicARN, "Type", m.Type)
	} else {
		lines = append(lines, "SubscribeURL", m.SubscribeURL, "Timestamp", m.Timestamp, "Token", m.Token, "TopicArn", m.TopicARN, "Type", m.Type)
	}
	return strings.Join(lines, "\n") + "\n"
}

var signaturePattern = regexp.MustCompile(`"Signature": "[^"]*"`)

// signCases signs all cases but those whose names begin with refused-.
func signCases(t *testing.T) {
	t.Helper()
	text, sign := newSigner(t)
	if err := os.WriteFile(certificate, text, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"testdata/aws-ses/*/request.http", "testdata/aws-ses/secret/*/request.http"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			t.Fatal("no cases", err)
		}
		for _, path := range paths {
			if strings.Contains(path, "/refused-") {
				continue
			}
			request, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			_, body, _ := strings.Cut(string(request), "\n\n")
			var m signature.SNSMessage
			if err := json.Unmarshal([]byte(body), &m); err != nil || m.Signature == "" {
				continue
			}
			signed := signaturePattern.ReplaceAllLiteralString(string(request), `"Signature": "`+sign(&m)+`"`)
			if err := os.WriteFile(path, []byte(signed), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}
