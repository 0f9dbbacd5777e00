package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/pending"
	"github.com/leadgate/leadgate/ingest/redact"
)

// hostile are texts that would steer a terminal or deceive its reader.
var hostile = []string{
	"\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x1b]52;c;Y3VybA==\x1b\\", "\x1b[2J\x1b[H", "\x1bP+q544e\x1b\\", "\x1b[8mhidden",
	"\u009b31mC1", "\x9b31m byte", "\u0085next", "del\x7f\x7f\b\b", "nul\x00", "genuine\rforged", "\x0e\x0f\x05",
	"\u202etxt.exe", "\u2066a\u2069", "\u200fr", "\u061c", "line\u2028para\u2029", "zero\u200bwidth\u200d\u2060", "\ufeffbom", "soft\u00adhyphen",
	"\u3164\u115f\u2800", "\U000e0041\U000e0042", "\ue000private", "cut\xc3", "\xed\xa0\x80", "\xff\xfe",
}

// steers returns the first character that is neither visible nor a line end, a
// tab or a space; -1 if there is none.
func steers(out string) rune {
	for i, r := range out {
		_, size := utf8.DecodeRuneInString(out[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return rune(out[i])
		case r == '\n' || r == '\t' || redact.Visible(r) || unicode.Is(unicode.Zs, r):
		case r == '\r' && strings.HasPrefix(out[i:], "\r\n"):
		default:
			return r
		}
	}
	return -1
}

// both runs a command and returns what it prints, errors too.
func (p *process) both(args ...string) string {
	p.t.Helper()
	cmd := p.command(p.t.Context(), args...)
	out, _ := cmd.CombinedOutput() // the exit code does not matter
	return string(out)
}

// Whatever senders put into bodies, headers and fields, and whatever else came
// into the store: no command prints what could steer a terminal.
func TestIntegration_NothingSteersATerminal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := serve(t, dir, "log: {level: debug, format: json}\nlimits: {per_address: \"\", per_source: \"\"}\n"+
		"sources: [{name: landing, type: form}, {name: spend, type: cost, secrets: [0123456789abcdef]}]\n")
	text := strings.Join(hostile, " ")
	body, err := json.Marshal(map[string]string{
		"email": "kim@example.com", "name": text, "message": text, "note\x1b[31m": text,
		"page_url": "https://www.example.com/?utm_source=x&utm_campaign=%1B%5B31m%C2%9B%E2%80%AE%E2%80%8B",
	})
	if err != nil {
		t.Fatal(err)
	}
	p.post(http.StatusOK, "/in/landing", string(body), jsonHeader+"\nX-Note: a\u009b31m\u202eb\x9b")
	p.counted()
	raw := "unhex('" + hex.EncodeToString([]byte(text)) + "')"
	now := time.Now().UTC()
	for _, statement := range []string{
		fmt.Sprintf(`INSERT INTO deliveries_log (delivery_id, workspace, source, received_at, verdict, reason, event_ids, version)
			SELECT '01KE0000000000000000000001', 'default', 'landing', now64(6), 'quarantined', %s, ['%%'], 1`, raw),
		fmt.Sprintf(`INSERT INTO leads_log (workspace, source, lead_id, delivery_id, received_at, occurred_at, verdict, utm_campaign, attrs, version)
			SELECT 'default', 'landing', %[1]s, '01KE0000000000000000000001', now64(6), now64(6), 'unique', %[1]s, map(%[1]s, %[1]s), 1`, raw),
		fmt.Sprintf(`INSERT INTO costs_log (workspace, source, cost_id, day, campaign, cost, currency, received_at, version)
			SELECT 'default', 'spend', 'c', today(), %s, 1, 'USD', now64(6), 1`, raw),
	} {
		p.run("sql", "--write", "--yes", statement)
	}
	id := p.sql("SELECT delivery_id FROM deliveries WHERE verdict = 'accepted'")
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	csv := write("costs.csv", "date,source,medium,campaign,cost,currency,clicks,impressions\n"+text+",x,cpc,"+text+",1,USD,1,1\n2026-01-31,x,cpc,c,"+text+",USD,1,1\n")
	captured := write("captured.http", "POST /in/landing HTTP/1.1\nHost: a.example\nContent-Type: application/json\n\n"+string(body))
	configs := write("other.yaml", "listen: \"\\e[31m\"\nlog: {level: \"\\e]0;x\\a\\u202e\"}\n\"\\e[31m\": x\n")
	today := now.Format(time.DateOnly)
	yesterday := now.Add(-day).Format(time.DateOnly)
	for _, args := range [][]string{
		{"deliveries", "list"}, {"deliveries", "list", "--format", "json"},
		{"deliveries", "show", id}, {"deliveries", "show", "01KE0000000000000000000001"}, {"deliveries", "show", text[:20]},
		{"quarantine", "list"}, {"quarantine", "list", "--format", "json"}, {"quarantine", "show", "01KE0000000000000000000001"},
		{"quarantine", "replay", "--dry-run"}, {"deliveries", "replay", text[:20]},
		{"sql", "SELECT * FROM deliveries", "--format", "TSV"}, {"sql", "SELECT * FROM deliveries", "--format", "JSON"}, {"sql", "SELECT * FROM deliveries"},
		{"sql", "SELECT * FROM leads", "--format", "TSV"}, {"sql", "SELECT * FROM leads", "--format", "JSON"}, {"sql", "SELECT * FROM leads"},
		{"sql", "SELECT raw, [raw], map(raw, raw) FROM raw_log", "--format", "TSV"}, {"sql", "SELECT raw, [raw] FROM raw_log", "--format", "JSON"},
		{"sql", "SELECT raw, [raw] FROM raw_log"}, {"sql", "SELECT 1 AS \"\\x1b[31m\u202e\""}, {"sql", "SELECT 1 AS \"\\x1b[31m\u202e\"", "--format", "JSON"},
		{"sql", "SELECT '" + hostile[0] + hostile[6] + hostile[13] + "' FROM nowhere"}, {"sql", "SELECT throwIf(1, reason) FROM deliveries_log"},
		{"report", "cpl", "--by", "campaign", "--from", yesterday, "--to", today},
		{"report", "cpl", "--by", "campaign", "--from", yesterday, "--to", today, "--format", "csv"},
		{"report", "cpl", "--by", "campaign", "--from", yesterday, "--to", today, "--format", "json"},
		{"report", "cpl", "--workspace", text[:20]},
		{"reconcile", "--from", yesterday, "--to", today}, {"reconcile", "--from", yesterday, "--to", today, "--format", "json"},
		{"inspect", "--source", "landing", captured}, {"inspect", "--source", text[:20], captured},
		{"import", "costs", csv, "--source", "spend"}, {"doctor"}, {"pending", "list"}, {"journal", "stat"}, {"journal", "verify"}, {"sources"},
		{"config", "check"}, {text[:20]}, {"sql", "--\x1b[31m"},
	} {
		out := p.both(args...)
		if r := steers(out); r >= 0 {
			t.Errorf("%q prints %U: %q", args, r, out)
		}
		if out == "" {
			t.Errorf("%q prints nothing", args)
		}
	}
	cmd := p.command(t.Context(), "config", "check")
	cmd.Args = append(cmd.Args, "--config", configs)
	if out, _ := cmd.CombinedOutput(); steers(string(out)) >= 0 || len(out) == 0 {
		t.Errorf("config check prints %q", out)
	}
	if r := steers(p.said.String()); r >= 0 {
		t.Errorf("the log holds %U", r)
	}

	// What is escaped means the same, and the bytes are to be had.
	var answer struct{ Data []map[string]string }
	query := "SELECT reason FROM deliveries WHERE verdict = 'quarantined'"
	if err := json.Unmarshal([]byte(p.run("sql", query, "--format", "JSON")), &answer); err != nil || answer.Data[0]["reason"] != strings.ToValidUTF8(text, "\ufffd") &&
		answer.Data[0]["reason"] == "" {
		t.Errorf("JSON: %v, %q", err, answer)
	}
	tsv := strings.ReplaceAll(strings.ReplaceAll(p.sql(query), `\`, `\\`), "'", `\'`)
	format := "SELECT hex(s) FROM format(TSV, 's String', '" + tsv + "\\n')" // a table function: not for who only reads
	if got := strings.TrimSpace(p.run("sql", "--write", "--yes", "--format", "TSV", format)); !strings.EqualFold(got, hex.EncodeToString([]byte(text))) {
		t.Errorf("TSV is read as %s\nwant %x", got, text)
	}
	shown, err := ingest.ParseCapture([]byte(p.run("deliveries", "show", id, "--raw")))
	if err != nil || !bytes.Equal(shown.Body, body) {
		t.Errorf("--raw: %v", err)
	}
}

// What platforms say of a fetch stands in the list of what waits.
func TestPending_NothingSteersATerminal(t *testing.T) {
	t.Parallel()
	text := strings.Join(hostile, " ")
	for _, format := range []string{"table", "json"} {
		var out bytes.Buffer
		w := redact.NewWriter(&out)
		a := &app{stdout: w}
		tasks := []pending.Task{{Source: "facebook", Text: text, Ref: ingest.Reference{Kind: "lead", ID: text}}}
		err := a.printPending(tasks, []pending.SourceState{{Source: "facebook", Refused: time.Now(), Text: text}}, 10)
		if format == "json" {
			err = a.pendingJSON(tasks, 10)
		}
		if r := steers(out.String()); err != nil || r >= 0 || out.Len() == 0 {
			t.Errorf("%v, %U: %q", err, r, out.String())
		}
	}
}

func TestLogger_NothingSteersATerminal(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"text", "json"} {
		var out bytes.Buffer
		a := &app{stderr: redact.NewWriter(&out)}
		for _, text := range hostile {
			a.logger(LogConfig{Level: "info", Format: format}).With(text, text).Info(text, "key", text, "err", fmt.Errorf("%s", text))
		}
		if r := steers(out.String()); r >= 0 || strings.Count(out.String(), "\n") != len(hostile) {
			t.Errorf("%s: %U in %q", format, r, out.String())
		}
		for line := range strings.Lines(out.String()) {
			if format == "json" && !json.Valid([]byte(line)) {
				t.Errorf("no JSON: %q", line)
			}
		}
	}
}
