package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// tables are everything that was found out, for people.
func (r *results) tables() (all []table.Writer) {
	for _, t := range []table.Writer{r.takenTable(), r.specialTable(), r.grownTable(), r.keyedTable(), r.observedTable(), r.crowdedTable(), r.goalTable()} {
		if t.Length() > 0 {
			all = append(all, t)
		}
	}
	return all
}

func (r *results) print(w io.Writer) {
	for _, t := range r.tables() {
		fmt.Fprintln(w, t.Render())
	}
}

func newTable(header ...any) table.Writer {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	t.AppendHeader(header)
	return t
}

func (r *results) takenTable() table.Writer {
	t := newTable("subject", "load", "a second", "spread", "us CPU each", "us around", "s behind", "MiB", "p50 ms", "p99 ms", "unsent", "lost")
	all := append(slices.Clone(r.Taken), r.Paced...)
	seen := map[string]bool{}
	for _, m := range all {
		if seen[m.Subject+m.Load] {
			continue
		}
		seen[m.Subject+m.Load] = true
		var same []measurement
		for _, other := range all {
			if other.Subject == m.Subject && other.Load == m.Load {
				same = append(same, other)
			}
		}
		figure := func(get func(measurement) float64, format string) string {
			v := median(each(same, get))
			if v == 0 {
				return ""
			}
			return fmt.Sprintf(format, v)
		}
		rates := each(same, func(m measurement) float64 { return m.Rate })
		lost := "not counted"
		if !m.Unchecked {
			lost = fmt.Sprint(slices.MaxFunc(each(same, func(m measurement) float64 { return float64(m.Lost) }), farther))
		}
		t.AppendRow(table.Row{
			m.Subject, strings.TrimPrefix(m.Load, m.Subject+", "), fmt.Sprintf("%.0f", median(rates)),
			fmt.Sprintf("%.0f-%.0f", slices.Min(rates), slices.Max(rates)),
			figure(func(m measurement) float64 { return m.CPU }, "%.1f"), figure(func(m measurement) float64 { return m.Around }, "%.1f"),
			figure(func(m measurement) float64 { return m.Behind }, "%.1f"),
			figure(func(m measurement) float64 { return float64(m.Memory) }, "%.0f"),
			figure(func(m measurement) float64 { return m.P50 }, "%.2f"), figure(func(m measurement) float64 { return m.P99 }, "%.2f"),
			figure(func(m measurement) float64 { return float64(m.Unsent) }, "%.0f"), lost,
		})
	}
	return t
}

// farther compares by the distance from zero.
func farther(a, b float64) int { return int(max(a, -a) - max(b, -b)) }

// specialTable has what is no plain load.
func (r *results) specialTable() table.Writer {
	t := newTable("also measured", "median", "spread")
	add := func(what string, values []float64, format string) {
		if len(values) > 0 {
			t.AppendRow(table.Row{what, fmt.Sprintf(format, median(values)), fmt.Sprintf(format+"-"+format, slices.Min(values), slices.Max(values))})
		}
	}
	add("ms from the 200 to the row in the view, p50, 1,000/s", each(r.Seen, func(v visibility) float64 { return v.P50 }), "%.0f")
	add("ms from the 200 to the row in the view, p99, 1,000/s", each(r.Seen, func(v visibility) float64 { return v.P99 }), "%.0f")
	add("leads that were not seen there", each(r.Seen, func(v visibility) float64 { return float64(v.Missed) }), "%.0f")
	add("backlog, deliveries a second to ClickHouse", each(r.Drained, func(d drainage) float64 { return d.PerSecond }), "%.0f")
	add("backlog, s until the first were there", each(r.Drained, func(d drainage) float64 { return d.Noticed }), "%.1f")
	add("the bare driver with the same rows", each(r.Drained, func(d drainage) float64 { return d.Bare }), "%.0f")
	add("backlog, MiB of the gateway", each(r.Drained, func(d drainage) float64 { return float64(d.Memory) }), "%.0f")
	add("forms beside hostile connections, p50 ms", each(r.Flooded, func(v flooded) float64 { return v.P50 }), "%.1f")
	add("forms beside hostile connections, p99 ms", each(r.Flooded, func(v flooded) float64 { return v.P99 }), "%.1f")
	add("forms before them, p99 ms", each(r.Flooded, func(v flooded) float64 { return v.QuietP99 }), "%.1f")
	add("hostile connections, MiB of the gateway", each(r.Flooded, func(v flooded) float64 { return float64(v.Memory) }), "%.0f")
	add("backlog, p99 ms of 200 new deliveries a second", each(r.Drained, func(d drainage) float64 { return d.Meanwhile }), "%.1f")
	return t
}

func (r *results) grownTable() table.Writer {
	t := newTable("journalled", "MB", "accepted/s", "us CPU each", "MiB", "ready s, sinks away", "sinks up", "shipped/s", "us CPU each", "MiB")
	for _, g := range r.Grown {
		shipped, cpu := "", ""
		if g.Shipped > 0 {
			shipped, cpu = fmt.Sprintf("%.0f", g.Shipped), fmt.Sprintf("%.1f", g.ShipCPU)
		}
		t.AppendRow(table.Row{
			g.Journalled, g.Bytes / 1e6, fmt.Sprintf("%.0f", g.Accepted), fmt.Sprintf("%.1f", g.AcceptCPU), g.Memory,
			fmt.Sprintf("%.2f", g.Ready), fmt.Sprintf("%.2f", g.ReadyUp), shipped, cpu, g.ShipMemory,
		})
	}
	return t
}

func (r *results) keyedTable() table.Writer {
	t := newTable("keys in Redis", "leads", "bytes a key", "bytes a lead", "shipping, accepted/s", "us CPU each", "us of Redis", "lost")
	for _, k := range r.Keyed {
		t.AppendRow(table.Row{
			k.Keys, k.Leads, fmt.Sprintf("%.0f", k.PerKey), fmt.Sprintf("%.0f", k.PerLead),
			fmt.Sprintf("%.0f", k.Rate), fmt.Sprintf("%.1f", k.CPU), fmt.Sprintf("%.1f", k.RedisCPU), k.Lost,
		})
	}
	return t
}

func (r *results) observedTable() table.Writer {
	t := newTable("round", "left alone, accepted/s", "us CPU each", "asked, accepted/s", "us CPU each", "scrapes", "reports")
	for _, o := range r.Observed {
		t.AppendRow(table.Row{
			o.Round, fmt.Sprintf("%.0f", o.Quiet), fmt.Sprintf("%.1f", o.QuietCPU),
			fmt.Sprintf("%.0f", o.Asked), fmt.Sprintf("%.1f", o.AskedCPU), o.Scrapes, o.Reports,
		})
	}
	return t
}

func (r *results) crowdedTable() table.Writer {
	t := newTable("round", "waiting", "MB left", "no backlog, accepted/s", "draining, accepted/s", "p99 ms at 1,000/s", "draining", "MiB")
	for _, c := range r.Crowded {
		t.AppendRow(table.Row{
			c.Round, c.Waiting, fmt.Sprintf("%.0f", c.Left/1e6), fmt.Sprintf("%.0f", c.QuietRate), fmt.Sprintf("%.0f", c.Rate),
			fmt.Sprintf("%.2f", c.QuietP99), fmt.Sprintf("%.2f", c.P99), c.Memory,
		})
	}
	return t
}

func (r *results) goalTable() table.Writer {
	t := newTable("goal", "wanted", "measured: median (spread)", "CPU each", "")
	for _, v := range r.Goals {
		state := "met"
		switch {
		case v.Measured == "":
			v.Measured, state = "-", "not measured"
		case !v.Met:
			state = "NOT MET"
		}
		t.AppendRow(table.Row{v.Goal, v.Wanted, v.Measured, v.CPU, state})
	}
	return t
}

// write keeps the results where they are wanted.
func (b *bench) write(r *results) error {
	if b.jsonPath != "" {
		text, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(b.jsonPath, append(text, '\n'), 0o644); err != nil { //nolint:gosec // figures are for everybody
			return err
		}
	}
	if b.markdown == "" {
		return nil
	}
	var page bytes.Buffer
	fmt.Fprintf(&page, "%s\n", r.Machine)
	for _, t := range r.tables() {
		fmt.Fprintf(&page, "\n%s\n", t.RenderMarkdown())
	}
	return os.WriteFile(b.markdown, page.Bytes(), 0o644) //nolint:gosec // figures are for everybody
}
