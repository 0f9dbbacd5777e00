package main

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// The subjects, by the names that the tables have.
var (
	empty     = subject{name: "empty fiber handler", start: small("empty")}
	decoding  = subject{name: "fiber, decodes JSON", start: small("decode")}
	script    = subject{name: "script: SETNX, one-row insert (Go)", store: true, start: small("insert")}
	batcher   = subject{name: "script: channel and batcher (Go)", store: true, start: small("channel")}
	direct    = subject{name: "one row straight to ClickHouse's HTTP", most: writers, store: true, start: straight}
	node      = subject{name: "script: SETNX, one-row insert (Node)", store: true, start: nodeScript}
	collector = subject{name: "OpenTelemetry collector, fsyncing queue", pipe: "otelcol", store: true, start: startCollector}
	connect   = subject{name: "Benthos 4.27 (now Redpanda Connect), dedupe, insert", pipe: "benthos", store: true, start: startBenthos}
	telegraf  = subject{name: "Telegraf, disk buffer", pipe: "telegraf", store: true, start: startTelegraf("disk")}
	forgetful = subject{name: "Telegraf, memory buffer", pipe: "telegraf", store: true, start: startTelegraf("memory")}
	alone     = subject{name: "Leadgate, Redis and ClickHouse down", start: gateway(gatewayOptions{})}
	shipping  = subject{name: "Leadgate, shipping", store: true, start: gateway(gatewayOptions{})}
	shared    = subject{name: "Leadgate, shipping, shared limits", store: true, start: gateway(gatewayOptions{shared: true})}
)

func small(name string) func(context.Context, *site) error {
	return func(ctx context.Context, s *site) error { return s.helper(ctx, name) }
}

// trial is a subject under a kind of load, as fast as it goes.
type trial struct {
	subject subject
	kind    kind
}

// trials are measured in turn, in each round.
var trials = []trial{
	{empty, jsonForm}, {empty, webhook}, {decoding, jsonForm},
	{alone, webhook}, {alone, jsonForm}, {alone, htmlForm},
	{shipping, jsonForm}, {shipping, webhook}, {shipping, beacon}, {shared, jsonForm},
	{batcher, jsonForm}, {script, jsonForm}, {direct, jsonForm}, {node, jsonForm},
	{collector, otlpLog}, {connect, jsonForm}, {telegraf, jsonForm}, {forgetful, jsonForm},
}

// pace is a subject under a load that does not wait for it.
type pace struct {
	subject subject
	rate    int
	share   float64 // of the subject's own measured maximum, instead of a rate
}

var paces = []pace{
	{empty, 1000, 0}, {alone, 1000, 0}, {shipping, 1000, 0}, {empty, 5000, 0}, {alone, 5000, 0}, {shipping, 5000, 0},
	{alone, 0, 0.25}, {alone, 0, 0.5}, {alone, 0, 0.8}, {shipping, 0, 0.25}, {shipping, 0, 0.5}, {shipping, 0, 0.8},
}

// results are everything that one run found out.
type results struct {
	Machine string        `json:"machine"`
	Taken   []measurement `json:"measurements"`
	Paced   []measurement `json:"paced"`
	Seen    []visibility  `json:"visible"`
	Drained []drainage    `json:"backlog"`
	Flooded []flooded     `json:"flood,omitempty"`

	Grown    []grown    `json:"journal_growth,omitempty"`
	Keyed    []keyed    `json:"dedupe_growth,omitempty"`
	Observed []observed `json:"asked,omitempty"`
	Crowded  []crowded  `json:"beside_backlog,omitempty"`

	Goals []verdict `json:"goals"`
}

// run takes every measurement of every round, in turn, and prints.
func (b *bench) run(ctx context.Context) error {
	r := &results{Machine: machine()}
	fmt.Println(r.Machine)
	steps, judge := b.steps(r), r.judge
	if b.growth {
		steps, judge = b.growthSteps(r), r.judgeGrowth
	}
	bar := progress(len(steps) * b.rounds)
	for round := 1; round <= b.rounds; round++ {
		for _, step := range steps {
			bar.Describe(fmt.Sprintf("round %d: %s", round, step.name))
			if err := step.do(ctx, round); err != nil {
				return fmt.Errorf("%s: %w", step.name, err)
			}
			_ = bar.Add(1)
		}
	}
	_ = bar.Finish()
	judge()
	r.print(os.Stdout)
	return b.write(r)
}

type step struct {
	name string
	do   func(ctx context.Context, round int) error
}

// chosen are steps of which those are left out whose name is not wanted.
type chosen struct {
	only  *regexp.Regexp
	steps []step
}

func (c *chosen) add(name string, do func(ctx context.Context, round int) error) {
	if c.only.MatchString(name) {
		c.steps = append(c.steps, step{name, do})
	}
}

// growthSteps take long for the larger sizes, which have their turn once.
func (b *bench) growthSteps(r *results) []step {
	c := chosen{only: b.only}
	for _, n := range b.journalled {
		c.add(fmt.Sprintf("journal of %d", n), func(ctx context.Context, round int) error {
			if round > 1 {
				return nil
			}
			g, err := b.growJournal(ctx, n)
			r.Grown = append(r.Grown, g)
			return err
		})
	}
	for _, n := range b.keys {
		c.add(fmt.Sprintf("%d dedupe keys", n), func(ctx context.Context, round int) error {
			if round > 1 {
				return nil
			}
			k, err := b.growKeys(ctx, n)
			r.Keyed = append(r.Keyed, k)
			return err
		})
	}
	c.add("asked", func(ctx context.Context, round int) error {
		o, err := b.observe(ctx, round)
		r.Observed = append(r.Observed, o)
		return err
	})
	c.add("beside a backlog", func(ctx context.Context, round int) error {
		beside, err := b.crowd(ctx, round)
		r.Crowded = append(r.Crowded, beside)
		return err
	})
	return c.steps
}

// steps are what one round does.
func (b *bench) steps(r *results) []step {
	c := chosen{only: b.only}
	for _, t := range trials {
		name := t.subject.name + ", " + string(t.kind)
		if t.subject.pipe != "" && b.only.MatchString(name) && !b.built(t.subject.pipe) {
			fmt.Fprintf(os.Stderr, "%s: left out: there is no %s, make bench builds it\n", name, b.pipe(t.subject.pipe))
			continue
		}
		c.add(name, func(ctx context.Context, round int) error {
			m, err := b.measure(ctx, t.subject, load{kind: t.kind, connections: b.connections, time: b.time}, round)
			r.Taken = append(r.Taken, m)
			return err
		})
	}
	for _, p := range paces {
		name := fmt.Sprintf("%s, %d a second", p.subject.name, p.rate)
		if p.share > 0 {
			name = fmt.Sprintf("%s, at %.0f %% of its most", p.subject.name, 100*p.share)
		}
		c.add(name, func(ctx context.Context, round int) error {
			rate := p.rate
			if p.share > 0 {
				rate = int(p.share * median(r.rates(p.subject.name, jsonForm)))
			}
			if rate == 0 {
				return nil // its most was not asked for
			}
			m, err := b.measure(ctx, p.subject, load{kind: jsonForm, connections: b.connections, time: b.time, rate: rate}, round)
			m.Load = name
			r.Paced = append(r.Paced, m)
			return err
		})
	}
	c.add("visible after the 200", func(ctx context.Context, round int) error {
		v, err := b.visible(ctx, round)
		r.Seen = append(r.Seen, v)
		return err
	})
	c.add("backlog", func(ctx context.Context, round int) error {
		d, err := b.drainBacklog(ctx, round)
		r.Drained = append(r.Drained, d)
		return err
	})
	c.add("hostile connections", func(ctx context.Context, round int) error {
		v, err := b.flooded(ctx, round)
		r.Flooded = append(r.Flooded, v)
		return err
	})
	return c.steps
}

// progress is a bar on a terminal, and nothing elsewhere.
func progress(steps int) *progressbar.ProgressBar {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return progressbar.DefaultSilent(int64(steps))
	}
	return progressbar.NewOptions(steps, progressbar.OptionSetWriter(os.Stderr), progressbar.OptionShowCount(),
		progressbar.OptionSetElapsedTime(true), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond))
}
