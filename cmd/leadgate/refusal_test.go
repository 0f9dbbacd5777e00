package main

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// call runs a command line in this process.
func call(t *testing.T, environ []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, environ, strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

// What keeps the gateway from starting is told with the thing and the remedy.
func TestServe_RefusesToStart(t *testing.T) {
	t.Parallel()
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("not a library"), 0o600); err != nil {
		t.Fatal(err)
	}
	free := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	for name, c := range map[string]struct {
		config  string
		environ []string
		want    []string
	}{
		"busy port": {
			config: "listen: " + taken.Addr().String(),
			want:   []string{taken.Addr().String(), "another process has this port", "listen"},
		},
		"data directory is a file": {
			config: "listen: " + free + "\ndata_dir: " + file,
			want:   []string{file, "data_dir", "give the gateway a directory"},
		},
		"bad configuration": {
			config: "listen: nowhere\nlog: {level: loud}",
			want:   []string{"listen: not host:port", "log.level: "},
		},
	} {
		dir := t.TempDir()
		config := c.config + "\n"
		if !strings.Contains(config, "data_dir") {
			config += "data_dir: " + filepath.Join(dir, "data") + "\n"
		}
		code, _, stderr := call(t, c.environ, "serve", "--config", writeConfig(t, config))
		if code != 1 {
			t.Errorf("%s: exit code %d", name, code)
		}
		for _, want := range c.want {
			if !strings.Contains(stderr, want) {
				t.Errorf("%s: %q is not told:\n%s", name, want, stderr)
			}
		}
	}
}

// Without a gateway, commands start the engine themselves, and say what it lacks.
// The gateway starts without one: see TestIntegration_LibraryMissing.
func TestCommands_NoEngine(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("not a library"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, library := range []string{"/does/not/exist.so", file} {
		config := writeConfig(t, "data_dir: "+filepath.Join(t.TempDir(), "data")+"\n")
		code, _, stderr := call(t, []string{"LEADGATE_LIBCHDB=" + library}, "sql", "SELECT 1", "--config", config)
		if code != 1 || !strings.Contains(stderr, "engine library") || !strings.Contains(stderr, library) {
			t.Errorf("%s: exit code %d: %s", library, code, stderr)
		}
	}
}

func TestIntegration_SecondGatewayOnOneDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	serve(t, dir, "")
	config := fmt.Sprintf("listen: 127.0.0.1:%d\ndata_dir: %s\n", freePort(t), filepath.Join(dir, "data"))
	code, _, stderr := call(t, nil, "serve", "--config", writeConfig(t, config))
	if code != 1 || !strings.Contains(stderr, "in use by another process") || !strings.Contains(stderr, "data_dir") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

func TestCommands_ExitCodes(t *testing.T) {
	t.Parallel()
	config := writeConfig(t, "data_dir: "+t.TempDir()+"\nclickhouse: {url: \"clickhouse://u:hidden@127.0.0.1:1/leadgate\"}\nredis: {url: \"redis://127.0.0.1:1/0\"}\n")
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"version"}, 0, "leadgate"},
		{[]string{"--help"}, 0, "Usage:"},
		{[]string{"config", "check", "--config", config}, 0, "configuration is good"},
		{[]string{"serve", "--no-such-flag"}, 2, "no-such-flag"},
		{[]string{"fly"}, 2, "fly"},
		{[]string{"sql"}, 2, "arg"},
		{[]string{"sql", "SELECT 1", "--format", "XML", "--config", config}, 2, "TSV, JSON or Pretty"},
		{[]string{"sql", "SELECT 1", "--config", config}, 1, "127.0.0.1:1 cannot be reached"},
		{[]string{"migrate", "--config", config}, 1, "cannot be reached"},
		{[]string{"report", "cpl", "--model", "guess", "--config", config}, 2, "last-touch"},
		{[]string{"report", "cpl", "--from", "yesterday", "--tz", "Mars/Base", "--config", config}, 2, "2026-01-31"},
		{[]string{"import", "costs", "x.csv", "--source", "nobody", "--config", config}, 2, "nobody"},
		{[]string{"import", "costs", "x.csv", "--source", "landing", "--config", config}, 2, "of type cost"},
		{[]string{"import", "leads", "missing.csv", "--source", "landing", "--config", config}, 1, "missing.csv"},
		{[]string{"import", "costs", "x.csv"}, 2, "source"},
		{[]string{"deliveries", "list", "--from", "then", "--config", config}, 2, "--from"},
		{[]string{"doctor", "--config", config}, 1, "faults"},
		{[]string{"config", "check", "--config", "/does/not/exist.yaml"}, 1, "/does/not/exist.yaml"},
	} {
		code, stdout, stderr := call(t, nil, c.args...)
		if code != c.code || !strings.Contains(stdout+stderr, c.want) {
			t.Errorf("leadgate %s: exit code %d, want %d with %q:\n%s%s", strings.Join(c.args, " "), code, c.code, c.want, stdout, stderr)
		}
		if strings.Contains(stdout+stderr, "hidden") {
			t.Errorf("leadgate %s shows a password", strings.Join(c.args, " "))
		}
	}
}

// Every command must have an example, or nobody learns how to call it.
func TestCommands_HaveExamples(t *testing.T) {
	t.Parallel()
	root := new(app).rootCommand()
	commands := root.Commands()
	for len(commands) > 0 {
		cmd := commands[0]
		commands = append(commands[1:], cmd.Commands()...)
		if !cmd.HasSubCommands() && cmd.Name() != "help" && cmd.Example == "" {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
	}
}

const refusalConfig = `
http: {max_body: 64KiB}
sources:
  - {name: landing, type: form, allowed_hosts: [www.example.com]}
  - {name: google, type: google-ads, secrets: [google-key]}
  - {name: costs, type: cost, secrets: [import-token], options: {format: google-ads-csv}}
  - {name: statuses, type: status, secrets: [import-token]}
`

// Bad input gets a clear refusal, and nothing of it is kept.
func TestIntegration_RefusesBadDeliveries(t *testing.T) {
	t.Parallel()
	p := serve(t, t.TempDir(), refusalConfig)
	const token = "\nAuthorization: Bearer import-token"
	for name, c := range map[string]struct {
		method, path, header, body string
		status                     int
		want                       []string
	}{
		"unknown source":    {"POST", "/in/nobody", jsonHeader, `{}`, 404, []string{`"unknown_source"`}},
		"wrong method":      {"PUT", "/in/landing", jsonHeader, `{}`, 405, nil},
		"empty body":        {"POST", "/in/landing", jsonHeader, ``, 400, []string{"no body"}},
		"broken JSON":       {"POST", "/in/landing", jsonHeader, `{"email":`, 400, []string{`"malformed"`}},
		"media type":        {"POST", "/in/landing", "Content-Type: application/pdf", `%PDF`, 415, nil},
		"content encoding":  {"POST", "/in/landing", jsonHeader + "\nContent-Encoding: br", `x`, 415, nil},
		"broken gzip":       {"POST", "/in/landing", jsonHeader + "\nContent-Encoding: gzip", `not gzip`, 400, nil},
		"too large":         {"POST", "/in/landing", jsonHeader, `{"message":"` + strings.Repeat("x", 70<<10) + `"}`, 413, nil},
		"bad fields":        {"POST", "/in/landing", jsonHeader, `{"email":"not an address","phone":"12"}`, 422, []string{`"email"`, `"phone"`}},
		"forged webhook":    {"POST", "/in/google", jsonHeader, `{"google_key":"wrong","lead_id":"1"}`, 401, []string{`{"message":"the sender could not be verified`}}, // Google's own form
		"status, no token":  {"POST", "/in/statuses", jsonHeader, `{"lead_id":"1","status":"won"}`, 401, []string{`"unverified"`}},
		"status, bad money": {"POST", "/in/statuses", jsonHeader + token, `[{"lead_id":"1","status":"won","value":"1,5"}]`, 422, []string{`[0].value`}},
		"cost file": {
			"POST", "/in/costs", "Content-Type: text/csv" + token,
			"Day,Campaign,Currency code,Cost,Clicks\n2026-01-01,a,EUR,1.00,1\nyesterday,b,EUR,2.00,1\n2026-01-03,c,EUR,much,1\n", 422,
			[]string{"line 3", "line 4"},
		},
		"API without a key": {"GET", "/api/v1/reports/cpl", "", "", 401, []string{"api.keys"}},
	} {
		status, text, err := p.do(c.method, c.path, []byte(c.body), c.header)
		if err != nil || status != c.status {
			t.Errorf("%s: %d %s, %v; want %d", name, status, text, err, c.status)
		}
		for _, want := range c.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: the answer lacks %s: %s", name, want, text)
			}
		}
	}
	status, text, err := p.do(http.MethodPost, "/in/landing", []byte("email=nobody"), "Content-Type: application/x-www-form-urlencoded\nAccept: text/html")
	if err != nil || status != 422 || !strings.Contains(text, "<!doctype html>") || !strings.Contains(text, "email") {
		t.Errorf("a browser's bad form: %d %s, %v", status, text, err)
	}
	p.counted()
	if got := p.sql("SELECT count() FROM deliveries"); got != "0" {
		t.Errorf("%s refused deliveries were kept", got)
	}
	// What a third party sends is verified, kept, and told of if unreadable.
	p.post(200, "/in/google", `{"google_key":"google-key","user_column_data":[]}`, jsonHeader)
	p.counted()
	if got := p.run("quarantine", "list"); !strings.Contains(got, "google") || !strings.Contains(got, "lead_id") {
		t.Errorf("quarantine list:\n%s", got)
	}
	id := strings.TrimSpace(p.sql("SELECT delivery_id FROM deliveries"))
	if got := p.run("quarantine", "show", id); strings.Contains(got, "google-key") || !strings.Contains(got, "user_column_data") {
		t.Errorf("quarantine show:\n%s", got)
	}
}

func TestImport_ReadsRecords(t *testing.T) {
	t.Parallel()
	f := func(text string, wantLines []int, want string) {
		t.Helper()
		records, err := readRecords([]byte(text))
		if want != "" {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: got %v, want %q", text, err, want)
			}
			return
		}
		var lines []int
		for _, record := range records {
			lines = append(lines, record.line)
		}
		if err != nil || !slices.Equal(lines, wantLines) {
			t.Errorf("%q: lines %v, %v; want %v", text, lines, err, wantLines)
		}
	}
	f("[{\"a\":1},\n{\"a\":2}]", []int{1, 2}, "")
	f("{\"a\":1}\n{\"a\":2}\n\n{\"a\":3}\n", []int{1, 2, 4}, "")
	f("\ufeffname,email\nKim,kim@example.com\n\"Lee,\nJr\",\n", []int{2, 3}, "")
	f("", nil, "no records")
	f("[]", nil, "no records")
	f("[1]", nil, "line 1: not a JSON object")
	f("[{\"a\":1},", nil, "line 1")
	f("{\"a\":1}\n{\"a\":", nil, "line 2")
	f("just words", nil, "neither JSON nor CSV")
	f("a,b\n1\n", nil, "wrong number of fields")
	records, err := readRecords([]byte("name,email\nKim,\n"))
	if err != nil || string(records[0].text) != `{"name":"Kim"}` {
		t.Errorf("an empty cell: %s, %v", records[0].text, err)
	}
}

func TestIntegration_ImportLeads(t *testing.T) {
	t.Parallel()
	p := serve(t, t.TempDir(), `limits: {per_address: "5/s"}`)
	file := filepath.Join(t.TempDir(), "fair.csv")
	text := "id,name,email\n"
	for i := range 12 {
		text += fmt.Sprintf("%d,Person %d,fair%d@example.com\n", i, i, i)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time counts nothing
		if got := p.run("import", "leads", file, "--source", "landing"); !strings.Contains(got, "12 records") {
			t.Errorf("import said %s", got)
		}
	}
	p.counted()
	if got := p.sql("SELECT count() FROM leads WHERE verdict = 'unique'"); got != "12" {
		t.Errorf("%s leads, want 12", got)
	}
	if err := os.WriteFile(file, []byte(text+"12,Person 12,not an address\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := call(t, nil, "import", "leads", file, "--source", "landing", "--config", p.config)
	if code != 1 || !strings.Contains(stderr, "line 14") || !strings.Contains(stderr, "email") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}
