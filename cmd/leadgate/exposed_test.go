package main

import (
	"os"
	"strings"
	"testing"
)

// Finding 31: open sources on all addresses with an http public_url.
func TestExposed(t *testing.T) {
	t.Parallel()
	const signed = "sources: [{name: typed, type: typeform, secrets: [a-secret-of-the-test]}]\n"
	for text, want := range map[string]string{
		"":                                  "",
		"listen: 127.0.0.1:8080\n":          "",
		"listen: localhost:8080\n":          "",
		"listen: \"[::1]:8080\"\n":          "",
		"listen: 0.0.0.0:8080\n":            "clicks, landing",
		"listen: \":8080\"\n":               "clicks, landing",
		"listen: \"[::]:8080\"\n":           "clicks, landing",
		"listen: 192.0.2.1:8080\n":          "clicks, landing",
		"listen: 0.0.0.0:8080\n" + signed:   "",
		"listen: 0.0.0.0:8080\n" + openForm: "sent to form:",
		"listen: 0.0.0.0:8080\npublic_url: https://leads.example.com\n": "",
		"listen: 0.0.0.0:8080\npublic_url: http://leads.example.com\n":  "clicks, landing",
	} {
		config := writeConfig(t, text)
		var out, warned strings.Builder
		if code := run(t.Context(), []string{"config", "check", "--config", config}, os.Environ(), nil, &out, &warned); code != 0 {
			t.Errorf("%q: exit code %d: %s", text, code, &warned)
		}
		got := warned.String()
		if (want == "") != !strings.Contains(got, "public_url is http") || !strings.Contains(got, want) {
			t.Errorf("%q: config check warns %q, want %q", text, got, want)
		}
	}
}
