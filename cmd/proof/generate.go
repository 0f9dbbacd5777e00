package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// chain is sent in order, each delivery after the one before it was accepted.
type chain []*delivery

// generator makes chains of all kinds, the same for the same seed. It is safe
// for concurrent use.
type generator struct {
	mu      sync.Mutex
	random  *rand.Rand
	today   time.Time
	n       int // of the next chain
	persons int
	kinds   []func(g *generator, id string, padding int) chain
}

// seeded is one of the streams of random choices that a seed stands for.
func seeded(seed, stream uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, stream)) //nolint:gosec // to be repeated, not secret
}

func newGenerator(seed uint64, today time.Time) *generator {
	g := &generator{random: seeded(seed, 1), today: today}
	g.kinds = []func(*generator, string, int) chain{
		(*generator).form, (*generator).form, (*generator).form, (*generator).htmlForm, (*generator).htmlForm,
		(*generator).google, (*generator).call, (*generator).call, (*generator).mail, (*generator).hook,
		(*generator).clicks, (*generator).clicks, (*generator).again, (*generator).sale, (*generator).costs,
	}
	return g
}

// next returns the next chain. Leads carry a message of about padding bytes,
// where their way has one.
func (g *generator) next(padding int) chain {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.n++
	// The first of a run come in turn, so that a short one has all kinds.
	kind := g.n - 1
	if kind >= len(g.kinds) {
		kind = g.random.IntN(len(g.kinds))
	}
	return g.kinds[kind](g, fmt.Sprintf("p%d", g.n), padding)
}

// enquiry is a new person who asks; callers hold mu.
func (g *generator) enquiry(id string, padding int) enquiry {
	g.persons++
	return enquiry{
		id: id, person: personOf(g.persons), campaign: fmt.Sprintf("campaign-%d", g.random.IntN(20)),
		gclid: "Proof-" + strings.ToUpper(id), verdict: ingest.UniqueLead, seconds: -1, padding: padding,
	}
}

func (g *generator) form(id string, padding int) chain {
	return chain{jsonForm(g.enquiry(id, padding))}
}

func (g *generator) htmlForm(id string, padding int) chain {
	a := g.enquiry(id, padding)
	if g.random.IntN(8) == 0 {
		a.verdict = ingest.SpamLead
	}
	return chain{urlencodedForm(a)}
}

func (g *generator) google(id string, padding int) chain {
	a := g.enquiry(id, padding)
	if g.random.IntN(8) == 0 {
		a.verdict = ingest.TestLead
	}
	return chain{googleLead(a)}
}

// call is told when it begins, and again when it is over or tagged.
func (g *generator) call(id string, padding int) chain {
	a := g.enquiry(id, padding)
	var states chain
	for range 1 + g.random.IntN(3) {
		a.seconds += 1 + g.random.IntN(200)
		states = append(states, call(a, g.today))
	}
	return states
}

func (g *generator) mail(id string, padding int) chain {
	return chain{mail(g.enquiry(id, padding), g.today)}
}

func (g *generator) hook(id string, padding int) chain { return chain{hook(g.enquiry(id, padding))} }

func (g *generator) clicks(id string, _ int) chain {
	return chain{clickBatch(id, fmt.Sprintf("campaign-%d", g.random.IntN(20)), 1+g.random.IntN(30))}
}

// again is a person who asks twice, the second time by another way.
func (g *generator) again(id string, padding int) chain {
	first := g.enquiry(id, padding)
	second := first
	second.id, second.verdict = id+"-again", ingest.DuplicateLead
	return chain{jsonForm(first), hook(second)}
}

// sale is a lead and what became of it.
func (g *generator) sale(id string, padding int) chain {
	return chain{jsonForm(g.enquiry(id, padding)), status(id, "won", ingest.Micros(1_000_000*int64(1+g.random.IntN(5000))))}
}

// costs is a cost file, and the same days restated.
func (g *generator) costs(id string, _ int) chain {
	rows := 1 + g.random.IntN(8)
	files := chain{costFile(id, g.today, rows, 0)}
	for i := range g.random.IntN(3) {
		files = append(files, costFile(id, g.today, rows, int64(i+1)))
	}
	return files
}
