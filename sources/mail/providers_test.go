package mail_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"maps"
	"strconv"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/mail"
	"github.com/leadgate/leadgate/sources/sourcetest"
)

// own returns the harness of a type whose sender gives a password.
func own(dir string, construct func(ingest.SourceConfig) (ingest.Source, error)) sourcetest.Options {
	return sourcetest.Options{New: construct, Config: config(), Dir: "testdata/" + dir, Headers: []string{"Authorization"}}
}

func TestSendGrid(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, own("sendgrid", mail.NewSendGrid))
}

func TestCloudMailin(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, own("cloudmailin", mail.NewCloudMailin))
}

func TestPosted(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, own("email-lead", mail.NewPosted))
}

func TestADF(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, own("adf", mail.NewADF))
}

func mailgunOptions() sourcetest.Options {
	o := own("mailgun", mail.NewMailgun)
	o.Config.Secrets, o.Headers = []string{"another-key", "key-own-webhook-signing-key"}, nil
	return o
}

func TestMailgun(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, mailgunOptions())
}

func TestMailgun_SignatureVectors(t *testing.T) {
	t.Parallel()
	sourcetest.Vectors(t, mail.NewMailgun, "testdata/mailgun/vectors.json") // those of a replay: TestMailgun_Replays
}

func TestSendGrid_SignatureVectors(t *testing.T) {
	t.Parallel()
	sourcetest.Vectors(t, mail.NewSendGrid, "testdata/sendgrid/vectors.json")
}

func FuzzSendGrid(f *testing.F)    { sourcetest.Fuzz(f, own("sendgrid", mail.NewSendGrid)) }
func FuzzMailgun(f *testing.F)     { sourcetest.Fuzz(f, mailgunOptions()) }
func FuzzCloudMailin(f *testing.F) { sourcetest.Fuzz(f, own("cloudmailin", mail.NewCloudMailin)) }
func FuzzPosted(f *testing.F)      { sourcetest.Fuzz(f, own("email-lead", mail.NewPosted)) }
func FuzzADF(f *testing.F)         { sourcetest.Fuzz(f, own("adf", mail.NewADF)) }

func BenchmarkSendGrid(b *testing.B) {
	sourcetest.Bench(b, own("sendgrid", mail.NewSendGrid), "notification")
}
func BenchmarkMailgun(b *testing.B) { sourcetest.Bench(b, mailgunOptions(), "notification") }
func BenchmarkCloudMailin(b *testing.B) {
	sourcetest.Bench(b, own("cloudmailin", mail.NewCloudMailin), "notification")
}
func BenchmarkPosted(b *testing.B) { sourcetest.Bench(b, own("email-lead", mail.NewPosted), "raw") }
func BenchmarkADF(b *testing.B)    { sourcetest.Bench(b, own("adf", mail.NewADF), "prospect") }

// What a status does to a mail is thought of: a 4xx of ours would bounce it to
// the customer, or drop it.
func TestRefuse(t *testing.T) {
	t.Parallel()
	with := func(change func(*ingest.SourceConfig)) ingest.SourceConfig {
		c := config()
		c.Location = time.UTC
		change(&c)
		return c
	}
	plain := with(func(*ingest.SourceConfig) {})
	topics := map[string]any{"topics": []string{topic}}
	ses := with(func(c *ingest.SourceConfig) { c.Options, c.Secrets = topics, nil })
	sesWithSecret := with(func(c *ingest.SourceConfig) { c.Options = topics })
	for _, c := range []struct {
		name   string
		new    func(ingest.SourceConfig) (ingest.Source, error)
		config ingest.SourceConfig
		code   string
		status int
		want   int // 0: as usual
	}{
		{"cloudmailin password", mail.NewCloudMailin, plain, "unverified", 401, 503},
		{"cloudmailin size", mail.NewCloudMailin, plain, "too_large", 413, 503},
		{"cloudmailin limit", mail.NewCloudMailin, plain, "rate_limited", 429, 503},
		{"cloudmailin disk", mail.NewCloudMailin, plain, "full", 503, 0},
		{"sendgrid signature", mail.NewSendGrid, plain, "unverified", 401, 503},
		{"sendgrid panic", mail.NewSendGrid, plain, "internal", 500, 0},
		{"mailgun replay", mail.NewMailgun, plain, "replayed", 409, 406},
		{"mailgun signature", mail.NewMailgun, plain, "unverified", 401, 0},
		{"mailgun size", mail.NewMailgun, plain, "too_large", 413, 0},
		{"postmark password", mail.NewPostmark, plain, "unverified", 401, 0},
		{"postmark stop", mail.NewPostmark, plain, "origin_not_allowed", 403, 503},
		{"ses signature", mail.NewSES, ses, "unverified", 401, 503},
		{"ses asks for the password", mail.NewSES, sesWithSecret, "unverified", 401, 401},
		{"ses limit", mail.NewSES, ses, "rate_limited", 429, 0},
		{"ses certificate", mail.NewSES, ses, "unavailable", 503, 0},
	} {
		source, err := c.new(c.config)
		if err != nil {
			t.Fatal(c.name, err)
		}
		answer, ok := source.(ingest.Refuser).Refuse(ingest.Refusal{Status: c.status, Code: c.code, Message: "m"})
		if ok != (c.want != 0) || answer.Status != c.want {
			t.Errorf("%s: got %v %d", c.name, ok, answer.Status)
		}
		if asks := answer.Header["Www-Authenticate"] != ""; asks != (c.want == 401) {
			t.Errorf("%s: WWW-Authenticate: %v", c.name, asks)
		}
	}
}

// What the rules for senders say is checked at the start, and named.
func TestSenders_Invalid(t *testing.T) {
	t.Parallel()
	for want, rule := range map[string]map[string]any{
		"senders[0].from":                  {"ignore": true},
		"fields: Kunde":                    {"from": "*", "fields": map[string]string{"Kunde": "nam"}},
		"fields: a label without letters":  {"from": "*", "fields": map[string]string{"--": "name"}},
		"fields: two labels that differ":   {"from": "*", "fields": map[string]string{"Ihr Name": "name", "ihr name:": "company"}},
		"patterns: phone: needs one group": {"from": "*", "patterns": map[string]string{"phone": "[0-9]+"}},
		"patterns: phone: error parsing":   {"from": "*", "patterns": map[string]string{"phone": "("}},
		"set: email is each lead's own":    {"from": "*", "set": map[string]string{"email": "a@example.com"}},
		"robot: needs from":                {"subject": "x", "robot": true},
		"unknown field \"form\"":           {"form": "x"},
	} {
		c := config()
		c.Options = map[string]any{"senders": []any{rule}}
		if _, err := mail.NewPostmark(c); err == nil || !contains(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
}

// signed is a mail that SendGrid signed at noon, and the secret to check it by.
func signed(t *testing.T) (d *ingest.Delivery, secret string) {
	t.Helper()
	d, err := sourcetest.Read("testdata/sendgrid/notification/request.http")
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	at := strconv.FormatInt(d.ReceivedAt.Unix(), 10)
	digest := sha256.Sum256(append([]byte(at), d.Body...))
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	d.Header.Del("Authorization")
	d.Header.Set("X-Twilio-Email-Event-Webhook-Timestamp", at)
	d.Header.Set("X-Twilio-Email-Event-Webhook-Signature", base64.StdEncoding.EncodeToString(signature))
	return d, base64.StdEncoding.EncodeToString(der)
}

func TestSendGrid_Signed(t *testing.T) {
	t.Parallel()
	d, secret := signed(t)
	_, other := signed(t)
	verify := func(d *ingest.Delivery, secrets ...string) error {
		t.Helper()
		c := config()
		c.Secrets = secrets
		source, err := mail.NewSendGrid(c)
		if err != nil {
			t.Fatal(err)
		}
		return source.Verify(d)
	}
	changed := func(change func(*ingest.Delivery)) *ingest.Delivery {
		copied := *d
		copied.Header, copied.Body = maps.Clone(d.Header), bytes.Clone(d.Body)
		change(&copied)
		return &copied
	}
	const day = 24 * time.Hour
	unsigned := changed(func(d *ingest.Delivery) {
		d.Header.Del("X-Twilio-Email-Event-Webhook-Signature")
		d.Header.Set("Authorization", "Bearer own-token")
	})
	for what, err := range map[string]error{
		"as it is":             verify(d, secret),
		"rotation":             verify(d, other, secret),
		"beside a token":       verify(d, "own-token", secret),
		"with the token":       verify(unsigned, "own-token", secret),
		"after days of trying": verify(changed(func(d *ingest.Delivery) { d.ReceivedAt = d.ReceivedAt.Add(3 * day) }), secret),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, err := range map[string]error{
		"another key":            verify(d, other),
		"a token where a key is": verify(unsigned, secret),
		"a forged signature beside a good token": verify(changed(func(d *ingest.Delivery) {
			d.Header.Set("Authorization", "Bearer own-token")
			d.Body[9] ^= 1
		}), "own-token", secret),
		"a body":          verify(changed(func(d *ingest.Delivery) { d.Body = append(d.Body, '\n') }), secret),
		"another time":    verify(changed(func(d *ingest.Delivery) { d.Header.Set("X-Twilio-Email-Event-Webhook-Timestamp", "1767614406") }), secret),
		"no time":         verify(changed(func(d *ingest.Delivery) { d.Header.Del("X-Twilio-Email-Event-Webhook-Timestamp") }), secret),
		"no signature":    verify(changed(func(d *ingest.Delivery) { d.Header.Del("X-Twilio-Email-Event-Webhook-Signature") }), secret),
		"empty signature": verify(changed(func(d *ingest.Delivery) { d.Header.Set("X-Twilio-Email-Event-Webhook-Signature", "") }), secret),
		"too old":         verify(changed(func(d *ingest.Delivery) { d.ReceivedAt = d.ReceivedAt.Add(5 * day) }), secret),
		"from the future": verify(changed(func(d *ingest.Delivery) { d.ReceivedAt = d.ReceivedAt.Add(-time.Hour) }), secret),
	} {
		if !errors.Is(err, ingest.ErrUnverified) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
