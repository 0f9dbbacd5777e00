package drain_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// crashes are the moments at which a run may die, by the hook that dies there.
var crashes = map[string]struct {
	hooks func(r *rig, die func() error)
	// same tells that the batch was frozen: it must come again as it was.
	same bool
}{
	"before the claim": {hooks: func(r *rig, die func() error) {
		r.deduper.onClaim = func(func()) error { return die() }
	}},
	"after the claim, before the freeze": {hooks: func(r *rig, die func() error) {
		r.deduper.onClaim = func(do func()) error { do(); return die() }
	}},
	"after the freeze, before the write": {same: true, hooks: func(r *rig, die func() error) {
		r.sink.onWrite = func(ingest.Batch, func()) error { return die() }
	}},
	"after a write whose answer was lost": {same: true, hooks: func(r *rig, die func() error) {
		r.sink.onWrite = func(_ ingest.Batch, do func()) error { do(); return die() }
	}},
	"after the write, before the commit": {same: true, hooks: func(r *rig, die func() error) {
		r.log.onCommit = func(func()) error { return die() }
	}},
	"after the commit, before it was known": {hooks: func(r *rig, die func() error) {
		r.log.onCommit = func(do func()) error { do(); return die() }
	}},
}

func TestCrash(t *testing.T) {
	for name, crash := range crashes {
		for _, forgets := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/forgets=%v", name, forgets), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t)
					r.lead("a", "ann@example.com")
					r.lead("b", "ann@example.com")
					r.things(thing{Kind: ingest.LeadKind, Key: "call", Mutable: true, Note: "ringing"})
					r.log.append([]byte("garbage"))
					r.send("invalid")
					r.lead("a", "ann@example.com")
					r.things(thing{Kind: ingest.LeadKind, Key: "call", Mutable: true, Note: "answered"}, thing{Kind: ingest.TouchKind, Key: "t"})
					r.crash(func(die func() error) { crash.hooks(r, die) })
					before := r.sink.tries()
					if forgets {
						r.deduper.forget()
					}
					r.lead("later", "ann@example.com")
					r.drained()
					after := r.sink.tries()[len(before):]
					if crash.same {
						if len(after) != 2 || len(before) != 1 || !reflect.DeepEqual(before[0], after[0]) {
							t.Errorf("the frozen batch %v came again as %v", ids(before), ids(after))
						}
					}
					r.countedOnce("a", "b", "call", "t", "later")
					if manifests := r.files("batch.manifest*"); len(manifests) != 0 {
						t.Errorf("left behind: %q", manifests)
					}
				})
			})
		}
	}
}

// countedOnce checks that these events, of which ann sent the leads a, b and
// later, are in the store, once and right.
func (r *rig) countedOnce(keys ...string) {
	r.t.Helper()
	view := r.sink.view()
	if len(view) != len(keys) {
		r.t.Errorf("%d events in the store, want %d", len(view), len(keys))
	}
	for _, key := range keys {
		e, ok := view[key]
		switch {
		case !ok:
			r.t.Errorf("%s is not in the store", key)
		case key == "a" && e.Lead.Verdict != ingest.UniqueLead,
			(key == "b" || key == "later") && (e.Lead.Verdict != ingest.DuplicateLead || e.Lead.DuplicateOf != "a"),
			key == "call" && e.Lead.Person.Name != "answered":
			r.t.Errorf("%s is stored as %+v", key, e.Lead)
		}
	}
}

func (r *rig) files(pattern string) []string {
	r.t.Helper()
	files, err := filepath.Glob(filepath.Join(r.opts.Dir, pattern))
	if err != nil {
		r.t.Fatal(err)
	}
	return files
}

func ids(batches []ingest.Batch) []string {
	var out []string
	for _, b := range batches {
		out = append(out, fmt.Sprintf("%s (%d events)", b.ID, len(b.Events)))
	}
	return out
}

func TestResume_ManifestThatCannotBeUsed(t *testing.T) {
	for name, spoil := range map[string]func(r *rig, file []byte) []byte{
		"empty":     func(_ *rig, file []byte) []byte { return nil },
		"cut short": func(_ *rig, file []byte) []byte { return file[:len(file)/2] },
		"flipped":   func(_ *rig, file []byte) []byte { file[len(file)/2] ^= 1; return file },
		"another":   func(*rig, []byte) []byte { return []byte("leadgate batch 9\n") },
		"source removed": func(r *rig, file []byte) []byte {
			r.opts.Intakes = map[string]*ingest.Intake{"landing": r.opts.Intakes["landing"]}
			return file
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.opts.Intakes["other"] = r.opts.Intakes["landing"]
				r.lead("a", "ann@example.com")
				r.lead("b", "ann@example.com")
				r.sendTo("other", `[{"Kind":"cost","Key":"c"}]`)
				r.crash(func(die func() error) {
					r.sink.onWrite = func(_ ingest.Batch, do func()) error { do(); return die() }
				})
				path := filepath.Join(r.opts.Dir, "batch.manifest")
				file, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, spoil(r, bytes.Clone(file)), 0o600); err != nil {
					t.Fatal(err)
				}
				r.lead("later", "ann@example.com")
				d := r.drained()
				r.countedOnce("a", "b", "c", "later")
				if bad := r.files("batch.manifest.*.bad"); len(bad) != 1 || d.Stat().Aside != 1 {
					t.Errorf("set aside: %q", bad)
				}
			})
		})
	}
}

func TestDeliver_Bisects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		poison := func(b ingest.Batch, do func()) error {
			for _, e := range b.Events {
				if strings.HasPrefix(e.ID, "poison") {
					return fmt.Errorf("insert: %w", &ingest.RejectedError{Err: errors.New(`column email: "ann@example.com" is too long`)})
				}
			}
			do()
			return nil
		}
		var bad []string
		for i := range 40 {
			switch i {
			case 7, 8, 39:
				bad = append(bad, r.lead(fmt.Sprint("poison", i), "ann@example.com"))
			default:
				r.lead(fmt.Sprint(i), "")
			}
		}
		writes := 0
		r.crash(func(die func() error) { // in the midst of it
			r.sink.onWrite = func(b ingest.Batch, do func()) error {
				if writes++; writes == 9 {
					return die()
				}
				return poison(b, do)
			}
		})
		first := r.sink.tries()
		time.Sleep(time.Minute)
		r.sink.onWrite = poison
		d := r.drained()
		again := r.sink.tries()[len(first):]
		for i := range first {
			if first[i].ID != again[i].ID || !reflect.DeepEqual(first[i].Events, again[i].Events) {
				t.Fatalf("part %d is another after the crash", i)
			}
		}
		if got := len(r.sink.view()); got != 37 {
			t.Errorf("%d events stored, want 37", got)
		}
		for i := range r.sent {
			id := fmt.Sprintf("d%03d", i+1)
			got, want := r.sink.outcome(id), ingest.Accepted
			if slices.Contains(bad, id) {
				want = ingest.Quarantined
			}
			if got.Verdict != want || want == ingest.Quarantined && got.Reason != "the store rejected: column email: … is too long" {
				t.Errorf("%s: %s %q, want %s", id, got.Verdict, got.Reason, want)
			}
		}
		if s := d.Stat(); s.Quarantined != 3 || s.Events != 37 || s.Err != "" {
			t.Errorf("stat %+v", s)
		}
		r.sink.onWrite = nil
		r.lead("after", "")
		r.drained()
		if _, ok := r.sink.view()["after"]; !ok {
			t.Error("the poison holds up what comes after")
		}
	})
}

func TestDeliver_RejectedOutcomeIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		id := r.lead("a", "ann@example.com")
		r.sink.onWrite = func(ingest.Batch, func()) error { return &ingest.RejectedError{Err: errors.New("no")} }
		r.drained()
		files := r.files("aside-*.record")
		if len(files) != 1 {
			t.Fatalf("kept %q", files)
		}
		record, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		if d, err := ingest.ParseDelivery(record); err != nil || d.ID != id {
			t.Errorf("kept %v, %v", d, err)
		}
	})
}

// TestCrash_Random lets runs die anywhere, again and again, with or without
// memory, and then counts.
func TestCrash_Random(t *testing.T) {
	var hooks []func(r *rig, die func() error)
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range crashes {
			if !yield(name) {
				return
			}
		}
	}) {
		hooks = append(hooks, crashes[name].hooks)
	}
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 3))
			r := newRig(t)
			r.opts.MaxRows = 4
			if seed%2 == 0 { // written together, too
				r.opts.MaxRows = 9
				joining(r).onCommit = func(do func()) error { return r.sink.hooked(do) }
			}
			sent := map[string]int{}
			for range 30 {
				for range random.IntN(6) {
					n := random.IntN(40)
					key := fmt.Sprint("lead", n)
					sent[key]++
					r.things(thing{
						Kind: ingest.LeadKind, Key: key, Mutable: n%4 == 0, Email: fmt.Sprintf("p%d@example.com", n%7),
						Note: fmt.Sprint(random.IntN(2)),
					})
				}
				if r.log.Committed() != r.end() && random.IntN(3) > 0 {
					r.crash(func(die func() error) { hooks[random.IntN(len(hooks))](r, die) })
				}
				if random.IntN(4) == 0 {
					r.deduper.forget()
				}
			}
			r.drained()
			view := r.sink.view()
			if len(view) != len(sent) {
				t.Errorf("seed %d: %d leads, want %d", seed, len(view), len(sent))
			}
			unique := map[string]string{}
			for id, e := range view {
				if e.Lead.Verdict != ingest.UniqueLead {
					continue
				}
				if other, ok := unique[e.Lead.Person.Email]; ok {
					t.Errorf("seed %d: %s and %s are one person", seed, id, other)
				}
				unique[e.Lead.Person.Email] = id
			}
			if bad := r.files("*.bad"); len(bad) > 0 {
				t.Errorf("seed %d: set aside %q", seed, bad)
			}
			for i := range r.sent {
				if r.sink.outcome(fmt.Sprintf("d%03d", i+1)).Delivery == nil {
					t.Errorf("seed %d: no outcome of delivery %d", seed, i+1)
				}
			}
		})
		if t.Failed() {
			return
		}
	}
}

// end is where the journal ends.
func (r *rig) end() ingest.Position {
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	if len(r.log.records) == 0 {
		return ingest.Position{}
	}
	return r.log.records[len(r.log.records)-1].Next
}
