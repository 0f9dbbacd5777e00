package pending

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/leadgate/leadgate/ingest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)

func announced(id string) ingest.Event {
	return ingest.Event{
		ID: id, Kind: ingest.LeadKind, Key: "key-" + id, Source: "ads", DeliveryID: "D" + id,
		Fetch: &ingest.Reference{Kind: "lead", ID: id, Args: map[string]string{"form_id": "7"}, Again: true},
	}
}

func open(t *testing.T, dir string, change ...func(*StoreOptions)) *Store {
	t.Helper()
	opts := StoreOptions{Dir: dir, Now: func() time.Time { return noon }}
	for _, c := range change {
		c(&opts)
	}
	s, err := Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func save(t *testing.T, s *Store, ids ...string) {
	t.Helper()
	events := make([]ingest.Event, len(ids))
	for i, id := range ids {
		events[i] = announced(id)
	}
	if err := s.Save(events); err != nil {
		t.Fatal(err)
	}
}

func take(t *testing.T, s *Store, at time.Time) Task {
	t.Helper()
	task, ok, next := s.Take("ads", at)
	if !ok {
		t.Fatalf("nothing is due, the next at %v", next)
	}
	return task
}

func left(t *testing.T, dir string) []string {
	t.Helper()
	tasks, _, err := Inspect(dir)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, task := range tasks {
		ids = append(ids, task.ID)
	}
	slices.Sort(ids)
	return ids
}

func TestStore_KeepsTasksOverRestarts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	save(t, s, "a", "b", "c")
	save(t, s, "a") // again
	if stat := s.Stats()["ads"]; stat.Tasks != 3 || !stat.Oldest.Equal(noon) {
		t.Errorf("got %+v", stat)
	}
	first := take(t, s, noon)
	if first.Key != "key-"+first.ID || first.Ref.Args["form_id"] != "7" || first.Ref.Again || first.Delivery != "D"+first.ID {
		t.Errorf("got %+v", first)
	}
	if err := s.Done(first); err != nil {
		t.Fatal(err)
	}
	second := take(t, s, noon)
	second.Attempts, second.Due, second.Text = 3, noon.Add(time.Minute), "not there"
	if err := s.Retry(second); err != nil {
		t.Fatal(err)
	}
	if err := s.SetState(SourceState{Source: "ads", Refused: noon, Text: "expired"}); err != nil {
		t.Fatal(err)
	}
	// No Close: as after kill -9.
	again := open(t, dir)
	third := take(t, again, noon)
	if _, ok, next := again.Take("ads", noon); ok || !next.Equal(noon.Add(time.Minute)) {
		t.Errorf("the next is due at %v, %v", next, ok)
	}
	retried := take(t, again, noon.Add(time.Minute))
	if retried.ID != second.ID || retried.Attempts != 3 || retried.Text != "not there" {
		t.Errorf("got %+v", retried)
	}
	if third.ID == first.ID || third.ID == second.ID {
		t.Errorf("%s comes twice", third.ID)
	}
	if state := again.State("ads"); !state.Refused.Equal(noon) || state.Text != "expired" {
		t.Errorf("got %+v", state)
	}
}

// What is announced anew while it is asked for must be asked for again.
func TestStore_SavedWhileTaken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	save(t, s, "a")
	task := take(t, s, noon)
	save(t, s, "a")
	if _, ok, _ := s.Take("ads", noon); ok {
		t.Error("it is had by two at once")
	}
	if err := s.Done(task); err != nil {
		t.Fatal(err)
	}
	task = take(t, s, noon)
	if err := s.Done(task); err != nil {
		t.Fatal(err)
	}
	if ids := left(t, dir); len(ids) > 0 {
		t.Errorf("left: %v", ids)
	}
}

func TestStore_Bounded(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), func(o *StoreOptions) { o.MaxTasks = 2 })
	save(t, s, "a", "b")
	if err := s.Save([]ingest.Event{announced("c")}); !errors.Is(err, ErrFull) {
		t.Errorf("got %v", err)
	}
	save(t, s, "b", "a") // no more than there are
	if err := s.Done(take(t, s, noon)); err != nil {
		t.Fatal(err)
	}
	save(t, s, "c")
}

// Cut anywhere, the file loses nothing that was acknowledged before; a flipped
// bit costs one line.
func TestStore_SurvivesDamage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	var ends []int64
	for _, id := range []string{"a", "b", "c", "d"} {
		save(t, s, id)
		ends = append(ends, s.size)
	}
	whole, err := os.ReadFile(s.path())
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(whole) + 1 {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, fileName), whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		want := 0
		for _, end := range ends {
			if int64(cut) >= end {
				want++
			}
		}
		s := open(t, dir)
		if got := s.Stats()["ads"].Tasks; got != want {
			t.Fatalf("cut at %d: %d tasks, want %d", cut, got, want)
		}
		if cut%9 != 0 {
			continue
		}
		save(t, s, "new")
		if ids := left(t, dir); len(ids) != want+1 {
			t.Fatalf("cut at %d, then saved: %v", cut, ids)
		}
	}
	for range 100 {
		damaged := bytes.Clone(whole)
		damaged[rand.IntN(len(damaged))] ^= 1 << rand.IntN(8)
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, fileName), damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		s := open(t, dir)
		if got := s.Stats()["ads"].Tasks; got < len(ends)-2 { // a line's end joins two
			t.Fatalf("%d tasks are left", got)
		}
		if got := open(t, dir); got.size != s.size {
			t.Fatal("opening again finds damage again")
		}
	}
}

// Against a model, with restarts and rewriting in between.
func TestStore_LikeAMap(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(1, 2))
	s := open(t, dir)
	model := map[string]bool{}
	for step := range 3000 {
		switch id := fmt.Sprintf("%02d", random.IntN(60)); random.IntN(8) {
		case 0, 1, 2:
			save(t, s, id)
			model[id] = true
		case 3, 4, 5:
			if task, ok, _ := s.Take("ads", noon.Add(time.Hour)); ok {
				if err := s.Done(task); err != nil {
					t.Fatal(err)
				}
				delete(model, task.ID)
			}
		case 6:
			if task, ok, _ := s.Take("ads", noon.Add(time.Hour)); ok {
				task.Attempts, task.Due = task.Attempts+1, noon.Add(time.Duration(random.IntN(60))*time.Minute)
				if err := s.Retry(task); err != nil {
					t.Fatal(err)
				}
			}
		case 7:
			s.mu.Lock()
			err := s.rewrite()
			s.mu.Unlock()
			if err != nil {
				t.Fatal(err)
			}
			if random.IntN(4) == 0 {
				s = open(t, dir)
			}
		}
		if got := s.Stats()["ads"].Tasks; got != len(model) {
			t.Fatalf("step %d: %d tasks, want %d", step, got, len(model))
		}
	}
	for _, id := range left(t, dir) {
		if !model[id] {
			t.Errorf("%s should be gone", id)
		}
	}
}

func TestStore_FileStaysSmall(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	events := make([]ingest.Event, 500)
	for range 40 {
		for i := range events {
			events[i] = announced(fmt.Sprint(i))
		}
		if err := s.Save(events); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(s.path())
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > 3*leastGarbage {
		t.Errorf("%d bytes for 500 tasks", info.Size())
	}
	if ids := left(t, dir); len(ids) != 500 {
		t.Errorf("%d are left", len(ids))
	}
}

// A write that fails is told, and what comes after goes to a file written anew.
func TestStore_MendsItself(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	save(t, s, "a", "b")
	file := s.file
	readOnly, err := os.Open(s.path())
	if err != nil {
		t.Fatal(err)
	}
	s.file = readOnly
	if err := s.Save([]ingest.Event{announced("c")}); err == nil {
		t.Fatal("a write that failed is no error")
	}
	save(t, s, "c")
	if ids := left(t, dir); !slices.Equal(ids, []string{"a", "b", "c"}) {
		t.Errorf("left: %v", ids)
	}
	if err := file.Close(); err != nil {
		t.Error(err)
	}
}

// A disk that takes nothing must not have a platform asked without a pause.
func TestStore_RestsWhatCannotBeNoted(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	save(t, s, "a")
	file, dir := s.file, s.opts.Dir
	readOnly, err := os.Open(s.path())
	if err != nil {
		t.Fatal(err)
	}
	s.file, s.opts.Dir = readOnly, filepath.Join(dir, "gone")
	for _, c := range []struct {
		note func(Task) error
		rest time.Duration
	}{
		{func(task Task) error { task.Due = noon.Add(time.Hour); return s.Retry(task) }, time.Hour},
		{s.Done, notWritten},
	} {
		if err := c.note(take(t, s, noon.Add(24*time.Hour))); err == nil {
			t.Fatal("what is not on disk is noted")
		}
		if _, ok, next := s.Take("ads", noon); ok || !next.Equal(noon.Add(c.rest)) {
			t.Errorf("due: %t, the next at %v", ok, next)
		}
	}
	s.opts.Dir = dir
	if err := s.Done(take(t, s, noon.Add(notWritten))); err != nil {
		t.Fatal(err)
	}
	if ids := left(t, dir); len(ids) != 0 {
		t.Errorf("left: %v", ids)
	}
	if err := file.Close(); err != nil {
		t.Error(err)
	}
}
