package sourcetest

import (
	"crypto"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/textproto"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/signature"
)

// fake signs "time.body"; its faults are planted to see that each is caught.
type fake struct {
	secrets []string
	fault   string
	decoded int
}

func (s *fake) Verify(d *ingest.Delivery) error {
	header := d.Header.Get("Fake-Signature")
	if s.fault == "open without header" && header == "" {
		return nil
	}
	elements := signature.Elements(header)
	if len(elements["t"]) != 1 || len(elements["v"]) != 1 {
		return signature.Secret(s.secrets, "")
	}
	claimed, err := signature.Seconds(elements["t"][0])
	if err != nil {
		return err
	}
	if s.fault == "no late side" && d.ReceivedAt.After(claimed) || s.fault == "no early side" && d.ReceivedAt.Before(claimed) {
		claimed = d.ReceivedAt
	}
	if err := signature.Within(d.ReceivedAt, claimed, 5*time.Minute); err != nil {
		return err
	}
	received, err := signature.Hex(elements["v"][0])
	if err != nil {
		return err
	}
	body := d.Body
	if s.fault == "ignores the end" {
		body = body[:min(len(body), 4)]
	}
	return signature.HMAC(crypto.SHA256, s.secrets, received, []byte(elements["t"][0]+"."), body)
}

func (s *fake) Decode(d *ingest.Delivery) ([]ingest.Event, error) {
	name := string(d.Body)
	switch s.fault {
	case "aliases":
		name = unsafe.String(unsafe.SliceData(d.Body), len(d.Body))
	case "counts":
		s.decoded++
		name = strconv.Itoa(s.decoded)
	case "writes":
		d.Body[0] = 'Y'
	}
	return []ingest.Event{{Kind: ingest.LeadKind, Key: "1", Lead: &ingest.Lead{Person: ingest.Person{Name: name}}}}, nil
}

func options(fault string) Options {
	return Options{
		New: func(c ingest.SourceConfig) (ingest.Source, error) {
			if fault != "takes no secret" {
				if err := c.RequireSecrets(); err != nil {
					return nil, err
				}
			}
			return &fake{secrets: c.Secrets, fault: fault}, nil
		},
		Config:  ingest.SourceConfig{Secrets: []string{"planted-secret"}},
		Signed:  true,
		Headers: []string{"Fake-Signature"},
		Timed:   true,
	}
}

func signed(body, secret string, at time.Time) *ingest.Delivery {
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(stamp + "." + body))
	header := textproto.MIMEHeader{}
	header.Set("Fake-Signature", "t="+stamp+",v="+hex.EncodeToString(mac.Sum(nil)))
	return &ingest.Delivery{ID: "d", Method: "POST", ReceivedAt: at, URL: "https://h/in/test", Header: header, Body: []byte(body)}
}

func problems(t *testing.T, fault string) []string {
	t.Helper()
	o := options(fault)
	at := time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	signedBody := "Kim Lee"
	if fault == "ignores the end" {
		signedBody = signedBody[:4]
	}
	d := signed(signedBody, "planted-secret", at)
	d.Body = []byte("Kim Lee")
	c, err := newCase(o, d)
	if err != nil {
		t.Fatal(err)
	}
	return append(checkConfig(o), c.check()...)
}

func TestHarness_PassesAGoodSource(t *testing.T) {
	t.Parallel()
	if found := problems(t, ""); len(found) > 0 {
		t.Errorf("a good source is blamed: %q", found)
	}
}

func TestHarness_CatchesPlantedFaults(t *testing.T) {
	t.Parallel()
	for fault, want := range map[string]string{
		"open without header": "accepted: no header Fake-Signature",
		"no late side":        "accepted: an hour late",
		"no early side":       "accepted: an hour early",
		"ignores the end":     "accepted: a flipped bit in byte 4",
		"aliases":             "the events hold memory of the body",
		"counts":              "decoding twice differs",
		"writes":              "decoding changes the body",
		"takes no secret":     "a configuration with no secret is accepted",
	} {
		if found := strings.Join(problems(t, fault), "\n"); !strings.Contains(found, want) {
			t.Errorf("%s: not caught; found %q", fault, found)
		}
	}
}

func TestHarness_RefusesAKeptSecret(t *testing.T) {
	t.Parallel()
	d := signed("my planted-secret", "planted-secret", time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC))
	c, err := newCase(options(""), d)
	if err != nil {
		t.Fatal(err)
	}
	if r := c.through(); !strings.Contains(r.Error, "holds the secret") {
		t.Errorf("a kept secret is not reported: %+v", r)
	}
}
