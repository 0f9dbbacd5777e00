package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources"
	"github.com/leadgate/leadgate/sources/costs"
)

// outcome is what a view has of a source.
type outcome struct {
	Source  string `json:"source"`
	View    string `json:"view"`
	Rows    int    `json:"n"`
	Verdict string `json:"verdict"`
	Content string `json:"content"`
	Channel string `json:"channel"`
}

// outcomeQuery asks the views for what the deliveries of the catalogue became.
const outcomeQuery = `
SELECT source, 'deliveries' AS view, count() AS n,
    arrayStringConcat(arraySort(groupUniqArray(toString(verdict))), ', ') AS verdict, max(reason) AS content, '' AS channel
FROM deliveries WHERE workspace = '` + catalogueWorkspace + `' GROUP BY source
UNION ALL
SELECT l.source, 'leads', count(), arrayStringConcat(arraySort(groupUniqArray(toString(l.verdict))), ', '),
    max(multiIf(s.name != '', s.name, s.email != '', s.email, s.phone)), max(toString(l.channel))
FROM leads AS l LEFT JOIN submissions AS s ON l.workspace = s.workspace AND l.lead_id = s.lead_id
WHERE l.workspace = '` + catalogueWorkspace + `' GROUP BY l.source
UNION ALL
SELECT source, 'touches', count(), '', max(utm_campaign), max(toString(channel))
FROM touches WHERE workspace = '` + catalogueWorkspace + `' GROUP BY source
UNION ALL
SELECT source, 'statuses', count(), '', max(concat(toString(status), ', ', toDecimalString(value, 2), ' ', toString(currency))), ''
FROM statuses WHERE workspace = '` + catalogueWorkspace + `' GROUP BY source
UNION ALL
SELECT source, 'costs', sum(n), '', arrayStringConcat(arraySort(groupArray(spent)), ', '), max(channel) FROM (
    SELECT source, count() AS n, concat(toDecimalString(sum(cost), 2), ' ', toString(currency)) AS spent, max(toString(channel)) AS channel
    FROM costs WHERE workspace = '` + catalogueWorkspace + `' GROUP BY source, currency)
GROUP BY source`

// outcomes reads the views: of each source, what each has.
func (g *gateway) outcomes(ctx context.Context) (map[string]map[string]outcome, error) {
	out, err := g.run(ctx, "sql", outcomeQuery, "--format", "JSON")
	if err != nil {
		return nil, fmt.Errorf("ask the views: %w", err)
	}
	var answer struct {
		Data []outcome `json:"data"`
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		return nil, fmt.Errorf("read the views' answer: %w", err)
	}
	all := make(map[string]map[string]outcome)
	for _, o := range answer.Data {
		if all[o.Source] == nil {
			all[o.Source] = make(map[string]outcome)
		}
		all[o.Source][o.View] = o
	}
	return all, nil
}

// views are where events of each kind are.
var views = map[ingest.Kind]string{
	ingest.LeadKind: "leads", ingest.TouchKind: "touches", ingest.CostKind: "costs", ingest.StatusKind: "statuses",
}

func (s sending) view() string {
	t, _ := sources.Lookup(s.typ)
	return views[t.Kind]
}

// lacks says what did not come of it, nil if all did.
func (s sending) lacks(of map[string]outcome) error {
	delivery, event := of["deliveries"], of[s.view()]
	switch {
	case s.sample != "" && (s.answer < 200 || s.answer > 399):
		return s.errorf("it was answered %d", s.answer)
	case delivery.Verdict != "accepted":
		return s.errorf("its delivery is %q %s", delivery.Verdict, delivery.Content)
	case event.Rows == 0:
		return s.errorf("the view %s has nothing of it", s.view())
	case s.lead != "" && s.sample != "" && delivery.Rows < 2:
		return s.errorf("its lead was not fetched")
	case s.view() == "leads" && event.Verdict != "unique" && event.Verdict != "duplicate":
		return s.errorf("its lead is %q", event.Verdict)
	}
	return nil
}

// uncovered are the types and formats that no kind stands for.
func uncovered() error {
	var problems []error
	for _, t := range sources.Types() {
		if !slices.ContainsFunc(kinds, func(k kind) bool { return k.typ == t.Name }) {
			problems = append(problems, fmt.Errorf("%s: the demonstration has no delivery of this type", t.Name))
		}
	}
	for _, format := range costs.Formats() {
		if !slices.ContainsFunc(kinds, func(k kind) bool { return k.format == format }) {
			problems = append(problems, fmt.Errorf("cost: the demonstration has no file of the format %s", format))
		}
	}
	return errors.Join(problems...)
}

// catalogue sends a delivery of every kind, waits for what comes of it, and
// shows that. What does not come out is the error.
func (g *gateway) catalogue(ctx context.Context, root string) error {
	fmt.Fprintf(g.out, "\nOne delivery of every kind, as its sender writes and signs it, in the workspace %s:\n", catalogueWorkspace)
	sent, err := g.sendCatalogue(ctx, root)
	if err != nil {
		return err
	}
	all, missing, err := g.waitOutcomes(ctx, sent)
	if err != nil {
		return err
	}
	printCatalogue(g.out, sent, all)
	if missing = errors.Join(uncovered(), missing); missing != nil {
		return fmt.Errorf("not every kind came out:\n%w", missing)
	}
	return nil
}

// waitOutcomes waits until everything came out; what is announced is fetched
// after the answer. What is missing in the end is not an error.
func (g *gateway) waitOutcomes(ctx context.Context, sent []sending) (all map[string]map[string]outcome, missing, err error) {
	for end := time.Now().Add(20 * time.Second); ; {
		if err := g.waitCounted(ctx); err != nil {
			return nil, nil, err
		}
		if all, err = g.outcomes(ctx); err != nil {
			return nil, nil, err
		}
		missing = nil
		for _, s := range sent {
			missing = errors.Join(missing, s.lacks(all[s.source()]))
		}
		if missing == nil || time.Now().After(end) {
			return all, missing, nil
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func printCatalogue(w io.Writer, sent []sending, all map[string]map[string]outcome) {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	t.SetColumnConfigs([]table.ColumnConfig{{Number: 3, Align: text.AlignRight}})
	t.AppendHeader(table.Row{"source", "sent", "answer", "delivery", "became", "who or what", "channel"})
	leads, people := 0, 0
	for _, s := range sent {
		delivery, event := all[s.source()]["deliveries"], all[s.source()][s.view()]
		answer := "–"
		if s.answer != 0 {
			answer = strconv.Itoa(s.answer)
		}
		t.AppendRow(table.Row{s.source(), s.what, answer, delivery.Verdict, s.became(event), event.Content, event.Channel})
		if s.view() == "leads" {
			leads += event.Rows
		}
		if event.Verdict == "unique" {
			people++
		}
	}
	fmt.Fprintln(w, t.Render())
	fmt.Fprintf(w, `
* The samples tell of the same few people: %d leads from %d people, each counted once.
* The leads of hubspot, meta, linkedin and yandex-direct are fetched from the platform, for which a stand-in answers here.
* Only Amazon can sign for aws-ses: its mail comes by raw message delivery here, with the secret of the source.
`, leads, people)
}

var singular = map[string]string{"leads": "lead", "touches": "touch", "costs": "cost", "statuses": "status"}

// became says what is counted of it.
func (s sending) became(event outcome) string {
	switch {
	case event.Rows == 0:
		return "nothing"
	case event.Verdict == "unique":
		return "lead, counted"
	case event.Verdict == "duplicate":
		return "lead, known person"
	case event.Verdict != "": // test, spam, interest, or several
		return "lead, " + event.Verdict
	case event.Rows > 1:
		return strconv.Itoa(event.Rows) + " " + s.view()
	}
	return singular[s.view()]
}
