package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leadgate/leadgate/sources"
)

const inspectConfig = `
public_url: https://leads.example.net
data_dir: {{dir}}
sources:
  - {name: google, type: google-ads, secrets: [own-google-key]}
  - {name: survey, type: typeform, secrets: [own-typeform-secret]}
  - {name: landing, type: form, options: {required: [email]}}
  - {name: phone, type: twilio, secrets: ["12345"]}
  - {name: ip, type: json, options: {insecure: true, allow_ips: [192.0.2.0/24]}}
`

// inspectRun runs the command on a text as its standard input.
func inspectRun(t *testing.T, stdin string, args ...string) (lines []inspection, code int) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(inspectConfig, "{{dir}}", dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	code = run(t.Context(), append([]string{"inspect", "--config", path}, args...), nil, strings.NewReader(stdin), &out, &errs)
	for dec := json.NewDecoder(&out); dec.More(); {
		var line inspection
		if err := dec.Decode(&line); err != nil {
			t.Fatalf("%v: %s %s", err, out.String(), errs.String())
		}
		lines = append(lines, line)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("a dry run leaves something behind: %v, %v", entries, err)
	}
	return lines, code
}

func TestInspect_TellsWhatACaptureMeans(t *testing.T) {
	t.Parallel()
	lead := filepath.Join("..", "..", "sources", "ads", "testdata", "google-ads", "lead", "request.http")
	forged := filepath.Join("..", "..", "sources", "ads", "testdata", "google-ads", "refused-other-key", "request.http")
	lines, code := inspectRun(t, "", "--source", "google", lead, forged)
	if code != 0 || len(lines) != 2 {
		t.Fatalf("exit code %d, %d lines", code, len(lines))
	}
	got := lines[0]
	if !got.Verified || got.Error != "" || got.Answer.Status != 200 || got.Answer.Body != "{}" || got.Verdict != "accepted" || len(got.Events) != 1 {
		t.Fatalf("%+v", got)
	}
	for column, want := range map[string]any{
		"kind": "lead", "email": "kim.lee@example.com", "phone": "+15125550142", "gclid": "Cj0KCQiAownInventedGclid_BwE",
		"channel": "Paid Search", "verdict": "unique", "received_at": "2026-01-05T12:00:05Z", "occurred_at": "2026-01-05T12:00:03Z",
	} {
		if got.Events[0][column] != want {
			t.Errorf("%s is %v, want %v", column, got.Events[0][column], want)
		}
	}
	if got := lines[1]; got.Verified || got.Answer.Status != 401 || !strings.Contains(got.Error, "not verified") || len(got.Events) != 0 || got.Verdict != "" {
		t.Errorf("forged: %+v", got)
	}
	// A captured time of receipt can be replaced by one of the user's.
	lines, _ = inspectRun(t, "", "--source", "google", "--at", "2026-03-01T00:00:00Z", lead)
	if lines[0].Events[0]["received_at"] != "2026-03-01T00:00:00Z" {
		t.Errorf("--at: %v", lines[0].Events[0]["received_at"])
	}
}

func TestInspect_TellsWhyNot(t *testing.T) {
	t.Parallel()
	f := func(source, request, why string, status int, verified bool) {
		t.Helper()
		lines, code := inspectRun(t, request, "--source", source, "-")
		if code != 0 || len(lines) != 1 {
			t.Fatalf("exit code %d, %d lines", code, len(lines))
		}
		if got := lines[0]; got.Verified != verified || got.Answer.Status != status || !strings.Contains(got.Error, why) || why == "" && got.Error != "" {
			t.Errorf("%s: %+v %+v", request, got, got.Answer)
		}
	}
	f("survey", "POST /hook HTTP/1.1\n\n{}", "Typeform-Signature is missing", 401, false)
	f("landing", "POST /x HTTP/1.1\nContent-Type: application/json\n\n{\"email\":\"no\"}", "email", 422, true)
	f("landing", "POST /x HTTP/1.1\nContent-Type: application/json\nContent-Length: 1\nTransfer-Encoding: chunked\n\n{\"email\":\"kim@example.com\"}", "", 200, true)
	f("landing", "GET /x HTTP/1.1\n\n", "refused by the door", 405, true)
	f("google", "POST /x HTTP/1.1\n\n{\"google_key\":\"own-google-key\"}", "no lead_id", 200, true)
	f("ip", "POST /x HTTP/1.1\nX-Forwarded-For: 192.0.2.9\nContent-Type: application/json\n\n{\"email\":\"kim@example.com\"}", "", 200, true)
	f("ip", "POST /x HTTP/1.1\nContent-Type: application/json\n\n{\"email\":\"kim@example.com\"}", "allow_ips", 401, false)
}

func TestInspect_RefusesWhatIsNoCapture(t *testing.T) {
	t.Parallel()
	lines, code := inspectRun(t, "", "--source", "landing", "no-such-file.http")
	if code != 1 || len(lines) != 1 || lines[0].Error == "" {
		t.Errorf("no file: %d, %+v", code, lines)
	}
	if lines, code := inspectRun(t, `{"email":"kim@example.com"}`, "--source", "landing", "-"); code != 1 || !strings.Contains(lines[0].Error, "raw HTTP request") {
		t.Errorf("no request: %d, %+v", code, lines)
	}
	if _, code := inspectRun(t, "", "--source", "nobody", "-"); code != 2 {
		t.Errorf("no source: %d", code)
	}
	if _, code := inspectRun(t, "", "--source", "landing", "--at", "noon", "-"); code != 2 {
		t.Errorf("no time: %d", code)
	}
	if _, code := inspectRun(t, ""); code != 2 {
		t.Errorf("no arguments: %d", code)
	}
}

// Senders that sign the URL they called can be looked into wherever their
// request was captured.
func TestInspect_URLThatWasSigned(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("testdata", "twilio.http"))
	if err != nil {
		t.Fatal(err)
	}
	lines, code := inspectRun(t, string(text), "--source", "phone", "--at", "2026-01-05T12:00:00Z", "-")
	if code != 0 || !lines[0].Verified {
		t.Errorf("the URL that was called: %d, %+v", code, lines)
	}
	moved := strings.Replace(string(text), "https://mycompany.com/", "https://other.example/", 1)
	if lines, _ := inspectRun(t, moved, "--source", "phone", "-"); lines[0].Verified || lines[0].Answer.Status != 401 {
		t.Errorf("another URL: %+v", lines[0])
	}
}

func TestSources_ListsEveryType(t *testing.T) {
	t.Parallel()
	code, out, errs := call(t, nil, "sources")
	if code != 0 || errs != "" {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	for _, typ := range sources.Types() {
		if !strings.Contains(out, "│ "+typ.Name+" ") {
			t.Errorf("%s is not listed", typ.Name)
		}
	}
}
