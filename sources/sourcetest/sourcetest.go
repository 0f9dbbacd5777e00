// Package sourcetest is the harness that every source runs: golden cases,
// purity, refusal of what is forged or stale, and a fuzz target.
//
// Its law: a source gets its tests by giving its fixtures. A case is a folder
// with request.http, a raw HTTP request whose Date is the time of receipt,
// want.json, what it must mean (rewritten by go test -update), and where the
// case needs them options.json, the source's options, and relation.json, which
// names the case that this one is a duplicate or an update of:
// {"duplicate_of": "lead"}, {"update_of": "call"}.
package sourcetest

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/intake"
)

var update = flag.Bool("update", false, "rewrite the want.json of golden cases")

// Options describe a source to the harness.
type Options struct {
	// New constructs it; Config is what the cases are decoded with.
	New    func(ingest.SourceConfig) (ingest.Source, error)
	Config ingest.SourceConfig
	// Dir holds the cases, one folder each.
	Dir string
	// FirstParty and Methods are as in the registry.
	FirstParty bool
	Methods    []string

	// What the scheme protects, and so what must be refused:
	Signed  bool     // a flipped byte of the body
	Headers []string // a delivery without, or with another value of, any of these
	Query   bool     // a delivery without its query
	Timed   bool     // a delivery received an hour late or early
	// Open sources may be configured without a secret; all others must not.
	Open bool
}

// Run runs every case in o.Dir and every check that o asks for.
func Run(t *testing.T, o Options) {
	t.Helper()
	for _, problem := range checkConfig(o) {
		t.Error(problem)
	}
	for _, dir := range cases(t, o.Dir) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			c, err := load(o, dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, problem := range append(c.check(), c.checkRelation(o, dir)...) {
				t.Error(problem)
			}
			if err := c.golden(filepath.Join(dir, "want.json"), *update); err != nil {
				t.Error(err)
			}
		})
	}
}

func cases(t testing.TB, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*", "request.http"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no cases in %s (%v)", dir, err)
	}
	for i, path := range found {
		found[i] = filepath.Dir(path)
	}
	return found
}

// testCase is one recorded delivery and the intake it goes through.
type testCase struct {
	Options
	intake   *ingest.Intake
	delivery *ingest.Delivery
}

func load(o Options, dir string) (*testCase, error) {
	o.Config = withDefaults(o.Config)
	text, err := os.ReadFile(filepath.Join(dir, "options.json"))
	if err == nil {
		o.Config.Options = nil
		err = json.Unmarshal(text, &o.Config.Options)
	}
	if err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("options.json: %w", err)
	}
	d, err := Read(filepath.Join(dir, "request.http"))
	if err != nil {
		return nil, err
	}
	return newCase(o, d)
}

func newCase(o Options, d *ingest.Delivery) (*testCase, error) {
	o.Config = withDefaults(o.Config)
	source, err := o.New(o.Config)
	if err != nil {
		return nil, fmt.Errorf("new source: %w", err)
	}
	d.Source = o.Config.Name
	in := intake.Wrap(source, o.Config, intake.Options{FirstParty: o.FirstParty, Methods: o.Methods})
	return &testCase{Options: o, intake: in, delivery: d}, nil
}

func withDefaults(c ingest.SourceConfig) ingest.SourceConfig {
	if c.Name == "" {
		c.Name = "test"
	}
	if c.Workspace == "" {
		c.Workspace = "default"
	}
	if c.Location == nil {
		c.Location = time.UTC
	}
	return c
}

// Fuzz decodes whatever the fuzzer finds, starting from the cases' bodies: a
// decoder must not panic, must answer twice the same, and must not keep the
// body's memory. The content type is that of each case.
func Fuzz(f *testing.F, o Options) {
	f.Helper()
	seeds := make([]*testCase, 0, 8)
	for _, dir := range cases(f, o.Dir) {
		c, err := load(o, dir)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(len(seeds)), c.delivery.Body)
		seeds = append(seeds, c)
	}
	f.Fuzz(func(t *testing.T, seed uint8, body []byte) {
		c := *seeds[int(seed)%len(seeds)]
		c.delivery = clone(c.delivery)
		c.delivery.Body = body
		for _, problem := range c.checkDecode() {
			t.Error(problem)
		}
	})
}

// Bench measures decoding of one case, by the name of its folder.
func Bench(b *testing.B, o Options, name string) {
	b.Helper()
	c, err := load(o, filepath.Join(o.Dir, name))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(c.delivery.Body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.intake.Decode(c.delivery); err != nil {
			b.Fatal(err)
		}
	}
}

func clone(d *ingest.Delivery) *ingest.Delivery {
	copied := *d
	copied.Body = bytes.Clone(d.Body)
	copied.Header = maps.Clone(d.Header)
	for name, values := range copied.Header {
		copied.Header[name] = slices.Clone(values)
	}
	return &copied
}
