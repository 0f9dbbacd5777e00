package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// verdict is a goal and what came of it.
type verdict struct {
	Goal     string `json:"goal"`
	Wanted   string `json:"wanted"`
	Measured string `json:"measured"`      // "" if it was not
	CPU      string `json:"cpu,omitempty"` // of a delivery, beside a ratio of rates
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
	r.ratio("accept a signed webhook, sinks away, over the empty handler", 0.42, alone, webhook, empty, webhook)
	r.ratio("accept a JSON form, sinks away, over the empty handler", 0.40, alone, jsonForm, empty, jsonForm)
	r.ratio("accept a JSON form while shipping, over the empty handler", 0.25, shipping, jsonForm, empty, jsonForm)
	r.atMost("CPU of a lead while shipping, gateway alone", 50, each(r.of(shipping.name, jsonForm), func(m measurement) float64 { return m.CPU }), " us")
	r.atLeast("touches by beacon for each single form, while shipping", 3, r.touches(), "")
	p99 := func(m measurement) float64 { return m.P99 }
	for _, rate := range []int{1000, 5000} {
		r.atMost(fmt.Sprintf("p99 at %d/s, fsynced, over the empty handler's", rate), 3,
			quotients(r.paced(alone, rate, p99), r.paced(empty, rate, p99)), "")
	}
	r.atMost("p99 at 1,000/s while shipping", 2, r.paced(shipping, 1000, p99), " ms")
	r.atMost("from the 200 to the row in the view, 1,000/s, p99", 500, each(r.Seen, func(v visibility) float64 { return v.P99 }), " ms")
	r.ratio("Redis and ClickHouse down, over both up", 1, alone, jsonForm, shipping, jsonForm)
	r.ratio("shared limits, over those of one node", 0.9, shared, jsonForm, shipping, jsonForm)
	r.atLeast("backlog to ClickHouse, over the bare driver", 1, each(r.Drained, func(d drainage) float64 { return d.PerSecond / d.Bare }), "")
	r.ratio("JSON forms while shipping, over the OpenTelemetry collector", 10, shipping, jsonForm, collector, otlpLog)
	r.ratio("JSON forms while shipping, over Benthos (Redpanda Connect)", 12, shipping, jsonForm, connect, jsonForm)
	r.ratio("JSON forms while shipping, over Telegraf with its disk buffer", 5, shipping, jsonForm, telegraf, jsonForm)
	r.ratio("JSON forms while shipping, over the script in Go", 100, shipping, jsonForm, script, jsonForm)
	r.ratio("JSON forms while shipping, over the script in Node", 100, shipping, jsonForm, node, jsonForm)
	memory := func(m measurement) float64 { return float64(m.Memory) }
	r.atMost("memory of the gateway flat out, sinks away", 40, each(r.of(alone.name, jsonForm), memory), " MiB")
	r.atMost("memory of the gateway while shipping", 128, each(r.of(shipping.name, jsonForm), memory), " MiB")
	r.atMost("memory of the gateway over a backlog", 128, each(r.Drained, func(d drainage) float64 { return float64(d.Memory) }), " MiB")
	r.atMost("p99 of a form while 5,000 hostile connections are open", 100, each(r.Flooded, func(v flooded) float64 { return v.P99 }), " ms")
	r.atMost("memory of the gateway meanwhile", 400, each(r.Flooded, func(v flooded) float64 { return float64(v.Memory) }), " MiB")
	r.atMost("forms that were refused meanwhile", 0, each(r.Flooded, func(v flooded) float64 { return float64(v.Refused) }), "")
	lost := each(r.Taken, ours)
	lost = append(lost, each(r.Drained, func(d drainage) float64 { return float64(max(d.Lost, -d.Lost)) })...)
	if len(lost) > 0 {
		r.atMost("rows that Leadgate lost or doubled", 0, []float64{slices.Max(lost)}, "")
	}
}

// judgeGrowth does so for those of growth.
func (r *results) judgeGrowth() {
	acceptCPU, shipCPU := func(g grown) float64 { return g.AcceptCPU }, func(g grown) float64 { return g.ShipCPU }
	r.atMost("CPU of accepting, largest journal over smallest", flat, spread(r.Grown, acceptCPU), "")
	r.atMost("CPU of shipping, largest journal over smallest", flat, spread(r.Grown, shipCPU), "")
	ready := func(get func(grown) float64) (list []float64) {
		for _, g := range r.Grown {
			if g.Bytes >= crashBytes {
				return []float64{get(g)}
			}
		}
		return nil
	}
	r.atMost("ready after kill -9, 4 GB of journal, sinks away", 5, ready(func(g grown) float64 { return g.Ready }), " s")
	r.atMost("ready after kill -9, 4 GB of journal, sinks up", 5, ready(func(g grown) float64 { return g.ReadyUp }), " s")
	r.atMost("CPU of a lead, most dedupe keys over fewest", flat, spread(r.Keyed, func(k keyed) float64 { return k.CPU }), "")
	r.atMost("Redis' CPU of a lead, most dedupe keys over fewest", flat, spread(r.Keyed, func(k keyed) float64 { return k.RedisCPU }), "")
	r.atLeast("intake while metrics and reports are asked for, over left alone", 0.95,
		each(r.Observed, func(o observed) float64 { return o.Asked / o.Quiet }), "")
	r.atLeast("new deliveries while a backlog drains, over no backlog", 0.9,
		each(r.Crowded, func(c crowded) float64 { return c.Rate / c.QuietRate }), "")
	r.atMost("their p99 at 1,000/s, over no backlog", 1.1, each(r.Crowded, func(c crowded) float64 { return c.P99 / c.QuietP99 }), "")
}

// flat is what a cost may rise by over all sizes and still be called flat: the
// clock of CPU time and the machine are no steadier. crashBytes is the journal
// of which the goal of starting speaks.
const (
	flat       = 1.2
	crashBytes = 4 << 30
)

// spread is the last of the figures over the first.
func spread[T any](list []T, get func(T) float64) []float64 {
	var values []float64
	for _, v := range each(list, get) {
		if v > 0 {
			values = append(values, v)
		}
	}
	if len(values) < 2 {
		return nil
	}
	return []float64{values[len(values)-1] / values[0]}
}

func (r *results) atLeast(goal string, least float64, values []float64, unit string) {
	r.verdict(goal, fmt.Sprintf("at least %.4g%s", least, unit), values, unit, func(v float64) bool { return v >= least })
}

func (r *results) atMost(goal string, most float64, values []float64, unit string) {
	r.verdict(goal, fmt.Sprintf("at most %.4g%s", most, unit), values, unit, func(v float64) bool { return v <= most })
}

// ratio is a goal of two rates. Beside it stands what a delivery cost each of the
// two processes, the steadier figure.
func (r *results) ratio(goal string, least float64, a subject, ka kind, b subject, kb kind) {
	r.atLeast(goal, least, r.ratios(a, ka, b, kb), "")
	cpu := func(s subject, k kind) float64 {
		return median(each(r.of(s.name, k), func(m measurement) float64 { return m.CPU }))
	}
	if v := &r.Goals[len(r.Goals)-1]; v.Measured != "" {
		v.CPU = fmt.Sprintf("%.1f / %.1f us", cpu(a, ka), cpu(b, kb))
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
