package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/textproto"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/edge"
	"github.com/leadgate/leadgate/sources"
)

// signatureVector is one signed request and whether it is genuine. Published
// ones repeat a provider's own test; see testdata/vectors.json.
type signatureVector struct {
	ID, Provider, Method, URL, Body, Expected, Why string

	Secret        any
	Headers       map[string]string
	BodyEncoding  string `json:"body_encoding"`
	Clock         int64
	Certificate   string `json:"cert_pem"`
	RequiresState string `json:"requires_state"`
}

type handshake struct {
	Provider, Name string
	Request        struct {
		Method, URL, Body string
		Headers           map[string]string
	}
	Config map[string]any
	Expect struct {
		Status            int
		Body              string
		Headers           map[string]string
		JSON              map[string]any
		BodyMustNotRepeat string   `json:"body_must_not_contain"`
		HeadersAbsent     []string `json:"headers_absent"`
	}
}

func readVectors(t *testing.T, into any) {
	t.Helper()
	text, err := os.ReadFile("testdata/vectors.json")
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// vectorDoor is the gateway's own door with one source behind it. Tokens are
// remembered over the doors that share them.
type vectorDoor struct {
	config ingest.SourceConfig
	at     time.Time
	tokens usedTokens
	kept   recorder
}

type usedTokens map[string]bool

func (u usedTokens) Seen(_ context.Context, source, token string) (bool, error) {
	return u[source+token], nil
}

func (u usedTokens) Remember(_ context.Context, source, token string, _ time.Duration) error {
	u[source+token] = true
	return nil
}

func (v *vectorDoor) send(t *testing.T, d *ingest.Delivery) edge.Answered {
	t.Helper()
	intake, err := sources.New(v.config)
	if err != nil {
		t.Fatal(err)
	}
	acceptor := ingest.NewAcceptor(map[string]*ingest.Intake{v.config.Name: intake}, &v.kept)
	if v.tokens != nil {
		acceptor.RememberTokens(v.tokens)
	}
	door, err := edge.New(edge.Options{Acceptor: acceptor, PublicURL: "https://leads.example.net", Now: func() time.Time { return v.at }})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := door.Once(t.Context(), v.config.Name, d)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func requestFor(method, address, body string, headers map[string]string) *ingest.Delivery {
	d := &ingest.Delivery{Method: method, URL: address, Body: []byte(body), Header: textproto.MIMEHeader{}}
	for name, value := range headers {
		d.Header.Set(name, value)
	}
	if u, err := url.Parse(address); err == nil && u.User != nil { // a client puts it into the header
		if d.Header.Get("Authorization") == "" {
			d.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(u.User.String())))
		}
		u.User = nil
		d.URL = u.String()
	}
	return d
}

// vectorConfig is the configuration under which a vector is what it says.
func vectorConfig(t *testing.T, v *signatureVector) ingest.SourceConfig {
	t.Helper()
	name := "s"
	if u, err := url.Parse(v.URL); err == nil && strings.HasPrefix(u.Path, "/in/") {
		name, _, _ = strings.Cut(strings.TrimPrefix(u.Path, "/in/"), "/")
	}
	c := ingest.SourceConfig{Name: name, Type: v.Provider, Workspace: "w", Currency: "USD", DefaultRegion: "US"}
	switch secret := v.Secret.(type) {
	case string:
		c.Secrets = []string{secret}
	case map[string]any:
		c.Secrets = []string{fmt.Sprintf("%s:%s", secret["vpbx_api_key"], secret["vpbx_api_salt"])}
	}
	switch v.Provider {
	case "aws-sns":
		c.Type = "aws-ses"
		c.Options = map[string]any{"topics": []string{"arn:aws:sns:eu-west-1:111122223333:lead-mail"}}
		block, _ := pem.Decode([]byte(v.Certificate))
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		c.Certificates = oneCertificate{certificate}
	case "tiktok-leads":
		c.Type = "tiktok"
	case "mailgun":
		c.Options = map[string]any{"max_age": "300s"} // that of the vectors
	}
	return c
}

type oneCertificate struct{ certificate *x509.Certificate }

func (o oneCertificate) Certificate(string) (*x509.Certificate, error) { return o.certificate, nil }

// Every signature is judged as its scheme says, through the door: what is
// genuine is kept, what is not is refused and leaves nothing.
func TestVectors_Signatures(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []signatureVector `json:"signature_vectors"`
	}
	readVectors(t, &file)
	if len(file.Vectors) < 80 {
		t.Fatalf("%d vectors", len(file.Vectors))
	}
	tokens := usedTokens{}
	for i := range file.Vectors {
		v := &file.Vectors[i]
		body := []byte(v.Body)
		if v.BodyEncoding == "base64" {
			var err error
			if body, err = base64.StdEncoding.DecodeString(v.Body); err != nil {
				t.Fatal(err)
			}
		}
		door := &vectorDoor{config: vectorConfig(t, v), at: time.Unix(v.Clock, 0)}
		if v.Clock == 0 {
			door.at = time.Date(2026, 1, 5, 12, 0, 5, 0, time.UTC)
		}
		switch {
		case v.RequiresState != "":
			door.tokens = tokens
		case v.Provider == "mailgun" && v.Why == "fresh":
			door.tokens = tokens // what comes behind it is held against it
		}
		d := requestFor(v.Method, v.URL, string(body), v.Headers)
		answer := door.send(t, d)
		verified := door.kept.record != nil
		if answer.Status == 405 { // a method that this type's door does not take: only the signature counts
			intake, err := sources.New(door.config)
			if err != nil {
				t.Fatal(err)
			}
			d.ReceivedAt = door.at
			verified = intake.Verify(d) == nil
		}
		if verified != (v.Expected == "valid") {
			t.Errorf("%s (%s): want %s, answered %d %s", v.ID, v.Why, v.Expected, answer.Status, answer.Body)
		}
		if v.Expected == "invalid" && answer.Status < 400 {
			t.Errorf("%s (%s): a refusal is answered with %d", v.ID, v.Why, answer.Status)
		}
	}
}

// handshakeConfig translates a handshake's configuration into ours.
func handshakeConfig(h *handshake) ingest.SourceConfig {
	path := strings.TrimPrefix(strings.SplitN(h.Request.URL, "?", 2)[0], "https://leads.example.net/in/")
	c := ingest.SourceConfig{Name: path, Type: h.Provider, Workspace: "w", Secrets: []string{"own-secret"}, Options: map[string]any{}}
	for key, value := range h.Config {
		switch key {
		case "client_secret", "secret", "google_key":
			c.Secrets = []string{value.(string)}
		case "confirmation_code":
			c.Options["confirmation"] = value
		case "allowed_topic_arns":
			c.Options["topics"] = value
		default:
			c.Options[key] = value
		}
	}
	return c
}

// Every handshake of a platform gets the answer that it waits for.
func TestVectors_Handshakes(t *testing.T) {
	t.Parallel()
	var file struct {
		Handshakes []handshake
		Vectors    []signatureVector `json:"signature_vectors"`
	}
	readVectors(t, &file)
	for i := range file.Handshakes {
		h := &file.Handshakes[i]
		door := &vectorDoor{config: handshakeConfig(h), at: time.Date(2026, 1, 5, 12, 0, 5, 0, time.UTC)}
		if h.Provider == "aws-sns" { // its signed body is among the signatures, and tested there
			continue
		}
		answer := door.send(t, requestFor(h.Request.Method, h.Request.URL, h.Request.Body, h.Request.Headers))
		name := h.Provider + ", " + h.Name
		if h.Expect.Status != 0 && answer.Status != h.Expect.Status || h.Expect.Body != "" && string(answer.Body) != h.Expect.Body {
			t.Errorf("%s: answered %d %q, want %d %q", name, answer.Status, answer.Body, h.Expect.Status, h.Expect.Body)
		}
		for field, want := range h.Expect.Headers {
			if got := answer.Header.Get(field); !strings.HasPrefix(strings.ToLower(got), strings.ToLower(want)) {
				t.Errorf("%s: header %s is %q, want %q", name, field, got, want)
			}
		}
		for _, field := range h.Expect.HeadersAbsent {
			if answer.Header.Get(field) != "" {
				t.Errorf("%s: header %s is there", name, field)
			}
		}
		if h.Expect.JSON != nil {
			var got map[string]any
			if err := json.Unmarshal(answer.Body, &got); err != nil || fmt.Sprint(got) != fmt.Sprint(h.Expect.JSON) {
				t.Errorf("%s: answered %s, want %v", name, answer.Body, h.Expect.JSON)
			}
		}
		if h.Expect.BodyMustNotRepeat != "" && bytes.Contains(answer.Body, []byte(h.Expect.BodyMustNotRepeat)) {
			t.Errorf("%s: the answer repeats the challenge", name)
		}
		if kept := door.kept.record != nil; kept && h.Provider == "tilda" {
			t.Errorf("%s: a probe is kept", name)
		}
	}
}
