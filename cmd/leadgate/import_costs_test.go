package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources"
	"github.com/leadgate/leadgate/sources/costs"
)

const importCostsConfig = `
limits: {per_address: "", per_source: ""}
sources:
  - {name: csv-costs, type: cost, workspace: w, secrets: [import-token], currency: EUR}
  - {name: meta-costs, type: cost, workspace: w, secrets: [import-token], options: {format: meta}}
  - {name: direct-costs, type: cost, workspace: w, secrets: [import-token], currency: EUR, options: {format: yandex-direct}}
`

// Importing a day again replaces it, in the views and in the reports, and a
// replay of the older import changes nothing.
func TestIntegration_ImportCostsReplacesDays(t *testing.T) {
	t.Parallel()
	p := serve(t, t.TempDir(), importCostsConfig)
	dir := t.TempDir()
	load := func(source, name, text string, more ...string) {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		p.run(append([]string{"import", "costs", file, "--source", source}, more...)...)
		p.counted()
	}
	want := func(rows string) {
		t.Helper()
		if got := p.sql("SELECT day, source, campaign, toFloat64(cost) FROM costs ORDER BY ALL"); got != strings.ReplaceAll(rows, "|", "\t") {
			t.Errorf("costs are\n%s\nwant\n%s", got, rows)
		}
	}
	total := func(cost string) {
		t.Helper()
		answer := p.cpl("--workspace", "w", "--from", "2026-01-01", "--to", "2026-01-31", "--by", "source", "--currency", "EUR")
		var costs []string
		for _, row := range answer.Rows {
			costs = append(costs, fmt.Sprint(row["source"], " ", row["cost"]))
		}
		if got := strings.Join(costs, ", "); got != cost {
			t.Errorf("the report has %s, want %s", got, cost)
		}
	}
	const header = "date,source,medium,campaign,cost\n"
	load("csv-costs", "a.csv", header+"2026-01-04,google,cpc,spring,10\n2026-01-04,google,cpc,summer,20\n2026-01-05,google,cpc,summer,30\n")
	want("2026-01-04|csv-costs|spring|10\n2026-01-04|csv-costs|summer|20\n2026-01-05|csv-costs|summer|30")
	load("csv-costs", "b.csv", header+"2026-01-04,google,cpc,spring,11\n")
	want("2026-01-04|csv-costs|spring|11\n2026-01-05|csv-costs|summer|30")
	total("google 41.00")
	load("csv-costs", "a.csv", header+"2026-01-04,google,cpc,autumn,5\n", "--replace", "rows")
	want("2026-01-04|csv-costs|autumn|5\n2026-01-04|csv-costs|spring|11\n2026-01-05|csv-costs|summer|30")

	insights := func(campaigns ...string) string {
		var rows []string
		for _, c := range campaigns {
			rows = append(rows, fmt.Sprintf(`{"account_id":"1","account_currency":"EUR","campaign_name":%q,"spend":"1.5","date_start":"2026-01-04","date_stop":"2026-01-04"}`, c))
		}
		return `{"data":[` + strings.Join(rows, ",") + `]}`
	}
	load("meta-costs", "insights.json", insights("x", "y"))
	load("meta-costs", "insights", insights("y"))
	load("direct-costs", "report.tsv", "Date\tCampaignName\tCost\n2026-01-04\tОкна\t2000000\n")
	shown := "2026-01-04|csv-costs|autumn|5\n2026-01-04|csv-costs|spring|11\n2026-01-04|direct-costs|Окна|2\n" +
		"2026-01-04|meta-costs|y|1.5\n2026-01-05|csv-costs|summer|30"
	want(shown)
	total("google 46.00, yandex 2.00, facebook 1.50")
	load("csv-costs", "b.csv", header+"2026-01-04,google,cpc,spring,11\n") // as it was, later
	shown = strings.Replace(shown, "2026-01-04|csv-costs|autumn|5\n", "", 1)
	want(shown)
	p.run("deliveries", "replay", "--source", "csv-costs")
	p.counted()
	want(shown)
	today := strings.Fields(p.sql("SELECT toDate(now('UTC')), toDate(now('UTC')) - 1"))
	p.run("reconcile", "--from", today[1], "--to", today[0]) // a cost that was left out is not missing
}

func TestImport_NamesTheFormatsOfCosts(t *testing.T) {
	t.Parallel()
	config := filepath.Join(t.TempDir(), "wrong.yaml")
	if err := os.WriteFile(config, []byte("data_dir: "+t.TempDir()+"\nsources:\n  - {name: c, type: cost, secrets: [x], options: {format: excel}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, help, _ := call(t, nil, "import", "--help")
	_, ownHelp, _ := call(t, nil, "import", "costs", "--help")
	code, _, refused := call(t, nil, "import", "costs", config, "--source", "c", "--config", config)
	typ, _ := sources.Lookup("cost")
	for what, text := range map[string]string{"import --help": help, "import costs --help": ownHelp, "the refusal": refused} {
		if !strings.Contains(text, strings.Join(costs.Formats(), ", ")) {
			t.Errorf("%s does not list the formats:\n%s", what, text)
		}
	}
	for _, format := range costs.Formats() {
		if !strings.Contains(typ.About, "`"+format+"`") {
			t.Errorf("the registry does not name the format %s", format)
		}
	}
	if code == 0 {
		t.Error("a wrong format is accepted")
	}
	if code, _, stderr := call(t, nil, "import", "costs", config, "--source", "c", "--replace", "week", "--config", config); code != 2 || !strings.Contains(stderr, "day or rows") {
		t.Errorf("--replace week: exit code %d, %s", code, stderr)
	}
}

func TestImport_FileTypes(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"a.JSON": "application/json", "a.tsv": "text/tab-separated-values", "a.csv": "text/csv", "a": "text/csv", "dir.json/a.txt": "text/csv",
	} {
		if got := fileType(path, []byte("date,cost")); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	if got := fileType("a", []byte("\ufeff [{}]")); got != "application/json" {
		t.Errorf("a JSON text: %s", got)
	}
}

// sliced reads imports of costs: Email is the slice, Note the amount, and Mutable
// says that the delivery tells all of it.
func sliced(d *ingest.Delivery, _ int, t *shiftyThing) (ingest.Event, error) {
	thing := *t
	thing.Mutable = true
	e, err := plain(d, 0, &thing)
	amount, _ := strconv.Atoi(t.Note)
	e.Cost.Campaign, e.Cost.Amount = t.Key, ingest.Micros(amount)*1e6
	e.Cost.Slice, e.Cost.Whole, e.Cost.Level = t.Email, t.Mutable, "campaign"
	return e, err
}

// Imports through the journal, the drain, the memory and the engine, with
// replays and a forgotten memory in between: the view shows what the latest of
// each slice told.
func TestIntegration_RandomImportsEqualTheModel(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(2026, 1))
	w := newWorks(t)
	w.means(sliced)
	var sent [][]shiftyThing
	var ids []string
	model := func() string {
		since, latest, amounts := map[string]int{}, map[string]int{}, map[string]string{}
		slice := map[string]string{}
		for rank, things := range sent {
			for _, thing := range things {
				latest[thing.Key], amounts[thing.Key], slice[thing.Key] = rank, thing.Note, thing.Email
				if thing.Mutable {
					since[thing.Email] = rank
				}
			}
		}
		var lines []string
		for key, rank := range latest {
			if rank >= since[slice[key]] {
				lines = append(lines, key+"|"+amounts[key])
			}
		}
		slices.Sort(lines)
		return strings.Join(lines, "\n")
	}
	for round := range 30 {
		for range 1 + r.IntN(3) {
			whole := r.IntN(3) > 0
			var things []shiftyThing
			for n := range 6 {
				if r.IntN(2) == 0 || n == 5 && len(things) == 0 {
					things = append(things, shiftyThing{
						Kind: ingest.CostKind, Key: fmt.Sprint("c", n), Email: fmt.Sprint("s", n%2), Note: fmt.Sprint(1 + r.IntN(2)), Mutable: whole,
					})
				}
			}
			sent, ids = append(sent, things), append(ids, w.send(things...))
		}
		switch r.IntN(4) {
		case 0:
			w.drained()
			w.replay(replayRequest{IDs: []string{ids[r.IntN(len(ids))], ids[r.IntN(len(ids))]}})
		case 1:
			w.forget()
		case 2:
			w.merge()
		}
		w.drained()
		if got, want := w.ask("SELECT campaign, toInt64(cost) FROM costs ORDER BY campaign"), model(); got != want {
			t.Fatalf("round %d: the view shows\n%s\nwant\n%s", round, got, want)
		}
	}
	w.replay(everything)
	w.drained()
	w.want("SELECT campaign, toInt64(cost) FROM costs ORDER BY campaign", model())
	w.want("SELECT count() FROM deliveries WHERE verdict != 'accepted'", "0")
}
