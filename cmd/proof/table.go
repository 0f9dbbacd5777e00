package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// outcome is one row of the table.
type outcome struct {
	Fault string `json:"fault"`
	Seed  uint64 `json:"seed"`
	Runs  int    `json:"runs"` // how often the fault was injected
	result
	Seconds float64 `json:"seconds"`
	Err     string  `json:"error,omitempty"`
	Dir     string  `json:"dir,omitempty"` // what is kept of it
}

func (o *outcome) passed() bool { return o.Err == "" && o.Runs > 0 && o.good() }

func (o *outcome) verdict() string {
	switch {
	case o.Err != "":
		return "FAILED"
	case o.Runs == 0:
		return "NOT INJECTED"
	case !o.good():
		return "BROKEN"
	}
	return "held"
}

// printTable writes the outcomes, their sum, and what is wrong.
func printTable(out io.Writer, outcomes []outcome) {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header, t.Style().Format.Footer = text.FormatDefault, text.FormatDefault
	var columns []table.ColumnConfig
	for n := 2; n <= 7; n++ {
		columns = append(columns, table.ColumnConfig{Number: n, Align: text.AlignRight, AlignFooter: text.AlignRight})
	}
	t.SetColumnConfigs(columns)
	t.AppendHeader(table.Row{"fault", "runs", "accepted", "rows", "lost", "doubled", "wrong", "verdict"})
	var sum outcome
	failed := 0
	for i := range outcomes {
		o := &outcomes[i]
		t.AppendRow(table.Row{o.Fault, o.Runs, o.Accepted, o.Rows, o.Lost, o.Doubled, o.Wrong, o.verdict()})
		sum.Runs += o.Runs
		sum.Accepted += o.Accepted
		sum.Rows += o.Rows
		sum.Lost += o.Lost
		sum.Doubled += o.Doubled
		sum.Wrong += o.Wrong
		if !o.passed() {
			failed++
		}
	}
	verdict := "all held"
	if failed > 0 {
		verdict = fmt.Sprintf("%d did not hold", failed)
	}
	t.AppendFooter(table.Row{"all", sum.Runs, sum.Accepted, sum.Rows, sum.Lost, sum.Doubled, sum.Wrong, verdict})
	fmt.Fprintln(out, t.Render())
	for i := range outcomes {
		if o := &outcomes[i]; !o.passed() {
			fmt.Fprintf(out, "\n%s (seed %d, kept in %s): %s\n", o.Fault, o.Seed, o.Dir, o.verdict())
			if o.Err != "" {
				fmt.Fprintln(out, "  "+strings.ReplaceAll(o.Err, "\n", "\n  "))
			}
			for _, problem := range o.Problems {
				fmt.Fprintln(out, "  "+problem)
			}
		}
	}
}

func writeJSON(path string, outcomes []outcome) error {
	text, err := json.MarshalIndent(outcomes, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o600)
}
