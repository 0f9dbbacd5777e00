package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// verdict is a goal and what came of it.
type verdict struct {
	Goal     string `json:"goal"`
	Wanted   string `json:"wanted"`
	Measured string `json:"measured"` // "" if it was not
	Met      bool   `json:"met"`
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}

func (r *results) of(subject string, k kind) (found []measurement) {
	for _, m := range r.Taken {
		if m.Subject == subject && m.Load == string(k) {
			found = append(found, m)
		}
	}
	return found
}

func (r *results) rates(subject string, k kind) []float64 {
	return each(r.of(subject, k), func(m measurement) float64 { return m.Rate })
}

func each[T any](list []T, get func(T) float64) []float64 {
	values := make([]float64, len(list))
	for i := range list {
		values[i] = get(list[i])
	}
	return values
}

// ratios are a's rates over b's, round by round: the machine's moods cancel out.
func (r *results) ratios(a subject, ka kind, b subject, kb kind) (list []float64) {
	for _, m := range r.of(a.name, ka) {
		for _, other := range r.of(b.name, kb) {
			if other.Round == m.Round && other.Rate > 0 {
				list = append(list, m.Rate/other.Rate)
			}
		}
	}
	return list
}

// paced returns a figure of a subject under a fixed rate, by round.
func (r *results) paced(s subject, rate int, get func(measurement) float64) []float64 {
	var list []float64
	for _, m := range r.Paced {
		if m.Subject == s.name && m.Load == fmt.Sprintf("%s, %d a second", s.name, rate) {
			list = append(list, get(m))
		}
	}
	return list
}

// judge holds the results against the goals.
func (r *results) judge() {
	atLeast := func(goal string, least float64, values []float64, unit string) {
		r.verdict(goal, fmt.Sprintf("at least %.4g%s", least, unit), values, unit, func(v float64) bool { return v >= least })
	}
	atMost := func(goal string, most float64, values []float64, unit string) {
		r.verdict(goal, fmt.Sprintf("at most %.4g%s", most, unit), values, unit, func(v float64) bool { return v <= most })
	}
	p99 := func(m measurement) float64 { return m.P99 }
	memory := func(m measurement) float64 { return float64(m.Memory) }
	atLeast("accept a signed webhook, sinks away, over the empty handler", 0.42, r.ratios(alone, webhook, empty, webhook), "")
	atLeast("accept a JSON form, sinks away, over the empty handler", 0.40, r.ratios(alone, jsonForm, empty, jsonForm), "")
	atLeast("accept a JSON form while shipping, over the empty handler", 0.25, r.ratios(shipping, jsonForm, empty, jsonForm), "")
	atMost("CPU of a lead while shipping, gateway alone", 50, each(r.of(shipping.name, jsonForm), func(m measurement) float64 { return m.CPU }), " us")
	atLeast("touches by beacon for each single form, while shipping", 3, r.touches(), "")
	for _, rate := range []int{1000, 5000} {
		atMost(fmt.Sprintf("p99 at %d/s, fsynced, over the empty handler's", rate), 3,
			quotients(r.paced(alone, rate, p99), r.paced(empty, rate, p99)), "")
	}
	atMost("p99 at 1,000/s while shipping", 2, r.paced(shipping, 1000, p99), " ms")
	atMost("from the 200 to the row in the view, 1,000/s, p99", 500, each(r.Seen, func(v visibility) float64 { return v.P99 }), " ms")
	atLeast("Redis and ClickHouse down, over both up", 1, r.ratios(alone, jsonForm, shipping, jsonForm), "")
	atLeast("shared limits, over those of one node", 0.9, r.ratios(shared, jsonForm, shipping, jsonForm), "")
	atLeast("backlog to ClickHouse, over the bare driver", 1, each(r.Drained, func(d drainage) float64 { return d.PerSecond / d.Bare }), "")
	atLeast("JSON forms while shipping, over the OpenTelemetry collector", 10, r.ratios(shipping, jsonForm, collector, otlpLog), "")
	atLeast("JSON forms while shipping, over Benthos (Redpanda Connect)", 12, r.ratios(shipping, jsonForm, connect, jsonForm), "")
	atLeast("JSON forms while shipping, over Telegraf with its disk buffer", 5, r.ratios(shipping, jsonForm, telegraf, jsonForm), "")
	atLeast("JSON forms while shipping, over the script in Go", 100, r.ratios(shipping, jsonForm, script, jsonForm), "")
	atLeast("JSON forms while shipping, over the script in Node", 100, r.ratios(shipping, jsonForm, node, jsonForm), "")
	atMost("memory of the gateway flat out, sinks away", 40, each(r.of(alone.name, jsonForm), memory), " MiB")
	atMost("memory of the gateway while shipping", 128, each(r.of(shipping.name, jsonForm), memory), " MiB")
	atMost("memory of the gateway over a backlog", 128, each(r.Drained, func(d drainage) float64 { return float64(d.Memory) }), " MiB")
	lost := each(r.Taken, func(m measurement) float64 { return ours(m) })
	lost = append(lost, each(r.Drained, func(d drainage) float64 { return float64(max(d.Lost, -d.Lost)) })...)
	if len(lost) > 0 {
		atMost("rows that Leadgate lost or doubled", 0, []float64{slices.Max(lost)}, "")
	}
}

// ours is how many rows of ours are missing or too many.
func ours(m measurement) float64 {
	if !strings.HasPrefix(m.Subject, "Leadgate") || m.Unchecked {
		return 0
	}
	return float64(max(m.Lost, -m.Lost))
}

func (r *results) touches() []float64 {
	list := r.ratios(shipping, beacon, shipping, jsonForm)
	for i := range list {
		list[i] *= 10
	}
	return list
}

func quotients(a, b []float64) (list []float64) {
	for i := range min(len(a), len(b)) {
		if b[i] > 0 {
			list = append(list, a[i]/b[i])
		}
	}
	return list
}

func (r *results) verdict(goal, wanted string, values []float64, unit string, met func(float64) bool) {
	v := verdict{Goal: goal, Wanted: wanted}
	if len(values) > 0 {
		m := median(values)
		v.Measured, v.Met = fmt.Sprintf("%.3g%s (%.3g-%.3g)", m, unit, slices.Min(values), slices.Max(values)), met(m)
	}
	r.Goals = append(r.Goals, v)
}

func machine() string {
	model := ""
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%s/%s, %d processors (%s), %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), model, time.Now().UTC().Format(time.DateOnly))
}

func (r *results) print(w io.Writer) {
	r.printTaken(w)
	r.printGoals(w)
}

func newTable(w io.Writer, header ...any) table.Writer {
	t := table.NewWriter()
	t.SetOutputMirror(w)
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	t.AppendHeader(header)
	return t
}

func (r *results) printTaken(w io.Writer) {
	t := newTable(w, "subject", "load", "a second", "spread", "us CPU each", "us around", "MiB", "p50 ms", "p99 ms", "lost")
	seen := map[string]bool{}
	for _, m := range append(slices.Clone(r.Taken), r.Paced...) {
		if seen[m.Subject+m.Load] {
			continue
		}
		seen[m.Subject+m.Load] = true
		var same []measurement
		for _, other := range append(slices.Clone(r.Taken), r.Paced...) {
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
			lost = fmt.Sprint(slices.Max(each(same, func(m measurement) float64 { return float64(m.Lost) })))
		}
		t.AppendRow(table.Row{m.Subject, strings.TrimPrefix(m.Load, m.Subject+", "), fmt.Sprintf("%.0f", median(rates)),
			fmt.Sprintf("%.0f-%.0f", slices.Min(rates), slices.Max(rates)),
			figure(func(m measurement) float64 { return m.CPU }, "%.1f"), figure(func(m measurement) float64 { return m.Around }, "%.1f"),
			figure(func(m measurement) float64 { return float64(m.Memory) }, "%.0f"),
			figure(func(m measurement) float64 { return m.P50 }, "%.2f"), figure(func(m measurement) float64 { return m.P99 }, "%.2f"), lost})
	}
	t.Render()
}

func (r *results) printGoals(w io.Writer) {
	t := newTable(w, "goal", "wanted", "measured: median (spread)", "")
	for _, v := range r.Goals {
		state := "met"
		switch {
		case v.Measured == "":
			v.Measured, state = "-", "not measured"
		case !v.Met:
			state = "NOT MET"
		}
		t.AppendRow(table.Row{v.Goal, v.Wanted, v.Measured, state})
	}
	t.Render()
}

func (b *bench) write(r *results) error {
	if b.jsonPath == "" {
		return nil
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(b.jsonPath, append(text, '\n'), 0o644) //nolint:gosec // figures are for everybody
}
