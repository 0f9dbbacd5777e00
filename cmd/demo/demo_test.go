package main

import (
	"bytes"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/leadgate/leadgate/analytics/clickhouse/clickhousetest"
)

// The demonstration must work, and its report must agree with what it sent:
// demo returns an error where it does not.
func TestIntegration_Demo(t *testing.T) {
	t.Parallel()
	clickhousetest.Library(t) // without it there is nothing to show
	binary := filepath.Join(t.TempDir(), "leadgate")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../leadgate").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	port, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	number := port.Addr().(*net.TCPAddr).Port
	if err := port.Close(); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := demo(t.Context(), &out, binary, number, true); err != nil {
		t.Error(err)
	}
	checkCatalogue(t, out.String())
}

// checkCatalogue reads the table of the kinds.
func checkCatalogue(t *testing.T, out string) {
	t.Helper()
	rows := make(map[string][]string)
	for line := range strings.Lines(out) {
		if cells := strings.Split(line, "│"); len(cells) == 9 {
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			rows[cells[1]] = cells[2:8]
		}
	}
	if delete(rows, "source"); len(rows) != len(kinds) {
		t.Errorf("%d rows of %d kinds in\n%s", len(rows), len(kinds), out)
	}
	for source, want := range map[string][]string{
		"form":           {"form, urlencoded", "303", "accepted", "", "Kim Lee", "Paid Search"},
		"click":          {"click, JSON", "200", "accepted", "touch", "winter_roofing", "Paid Search"},
		"status":         {"status, JSON", "200", "accepted", "status", "won, 1200.50 EUR", ""},
		"cost-csv":       {"cost file, CSV", "200", "accepted", "2 costs", "0.50 USD, 20000.00 RUB", "Paid Search"},
		"cost-meta":      {"cost file, JSON", "200", "accepted", "cost", "57.43 USD", "Paid Social"},
		"twilio":         {"call, urlencoded", "204", "accepted", "", "LEE KIM", ""},
		"meta":           {"notice of a lead, JSON", "200", "accepted", "", "Kim Lee", ""},
		"hubspot":        {"notice of a lead, JSON", "200", "accepted", "", "Kim Lee", "Paid Search"},
		"yandex-direct":  {"nothing, it is asked", "–", "accepted", "", "Иван", ""},
		"aws-ses":        {"e-mail, JSON", "200", "accepted", "", "Kim Lee", ""},
		"email-lead":     {"e-mail, as it is", "200", "accepted", "lead, counted", "Jürgen Müller", ""},
		"gravity-forms":  {"form, JSON", "200", "accepted", "", "Kim Lee", "Paid Search"},
		"cost-tiktok":    {"cost file, JSON", "200", "accepted", "2 costs", "57.43 EUR", "Paid Social"},
		"zapier-generic": {"form, JSON", "200", "accepted", "", "Kim Lee", ""},
	} {
		for i, cell := range want { // an empty one is any
			if got := rows[source]; len(got) != len(want) || cell != "" && got[i] != cell {
				t.Errorf("%s: got %q, want %q", source, got, want)
				break
			}
		}
	}
}

// The demonstration is not shorter than the registry, and says what is missing.
func TestKinds_CoverTheRegistry(t *testing.T) {
	t.Parallel()
	if err := uncovered(); err != nil {
		t.Error(err)
	}
	root, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for _, k := range kinds {
		if seen[k.source()] {
			t.Errorf("%s is there twice", k.source())
		}
		seen[k.source()] = true
		for _, sample := range []string{k.sample, k.lead} {
			if _, err := k.recorded(root, sample); sample != "" && err != nil {
				t.Errorf("%s: %v", k.source(), err)
			}
		}
	}
}

func TestSending_Lacks(t *testing.T) {
	t.Parallel()
	lead := sending{kind: kind{typ: "typeform", sample: "x"}, answer: 200}
	announced := sending{kind: kind{typ: "meta", sample: "x", lead: "y"}, answer: 200}
	refused := lead
	refused.answer = 401
	views := func(deliveries int, verdict, view string, rows int, event string) map[string]outcome {
		return map[string]outcome{"deliveries": {Rows: deliveries, Verdict: verdict}, view: {Rows: rows, Verdict: event}}
	}
	for name, c := range map[string]struct {
		sent sending
		of   map[string]outcome
		want string
	}{
		"whole":          {lead, views(1, "accepted", "leads", 1, "unique"), ""},
		"known person":   {lead, views(1, "accepted", "leads", 1, "duplicate"), ""},
		"a cost":         {sending{kind: kind{typ: "cost", sample: "x"}, answer: 200}, views(1, "accepted", "costs", 2, ""), ""},
		"refused":        {refused, views(1, "accepted", "leads", 1, "unique"), "answered 401"},
		"never decoded":  {lead, nil, `delivery is ""`},
		"quarantined":    {lead, views(1, "quarantined", "leads", 1, "unique"), `delivery is "quarantined"`},
		"in other views": {lead, views(1, "accepted", "touches", 1, ""), "the view leads has nothing"},
		"nobody":         {lead, views(1, "accepted", "leads", 1, "interest"), `lead is "interest"`},
		"not fetched":    {announced, views(1, "accepted", "leads", 1, "unique"), "not fetched"},
		"fetched":        {announced, views(2, "accepted", "leads", 1, "unique"), ""},
	} {
		err := c.sent.lacks(c.of)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func TestPlanDay_IsTheSameForTheSameTime(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	a, b := planDay(now), planDay(now)
	if a.uniqueLeads != 68 || len(a.steps) != len(b.steps) || len(a.clicks) != len(b.clicks) {
		t.Errorf("%d leads, %d and %d steps", a.uniqueLeads, len(a.steps), len(b.steps))
	}
	for i := range a.clicks {
		for j := range a.clicks[i] {
			if a.clicks[i][j] != b.clicks[i][j] {
				t.Fatalf("click %d of stream %d differs", j, i)
			}
		}
	}
}
