package sourcetest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/leadgate/leadgate/ingest"
)

// relation is what relation.json says: the other case, by its folder.
type relation struct {
	DuplicateOf string `json:"duplicate_of"`
	UpdateOf    string `json:"update_of"`
}

// checkRelation reports a case that does not count as what it says it is: a
// duplicate or an update has the ids of the other case, and an update is a later
// state that replaces the earlier.
func (c *testCase) checkRelation(o Options, dir string) []string {
	text, err := os.ReadFile(filepath.Join(dir, "relation.json"))
	if os.IsNotExist(err) {
		return nil
	}
	var r relation
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil || (r.DuplicateOf == "") == (r.UpdateOf == "") {
		return []string{fmt.Sprintf("relation.json must name one of duplicate_of and update_of (%v)", err)}
	}
	other, err := load(o, filepath.Join(filepath.Dir(dir), r.DuplicateOf+r.UpdateOf))
	if err != nil {
		return []string{err.Error()}
	}
	before, err := other.intake.Decode(other.delivery)
	if err != nil || len(before) == 0 {
		return []string{fmt.Sprintf("the other case means nothing: %v", err)}
	}
	after, err := c.intake.Decode(c.delivery)
	if err != nil {
		return []string{fmt.Sprintf("it means nothing: %v", err)}
	}
	return compareStates(before, after, r.UpdateOf != "")
}

func compareStates(before, after []ingest.Event, update bool) (problems []string) {
	ids := func(events []ingest.Event) []string {
		list := make([]string, len(events))
		for i := range events {
			list[i] = events[i].ID
		}
		slices.Sort(list)
		return list
	}
	if !slices.Equal(ids(before), ids(after)) {
		problems = append(problems, "its events have other ids than those of the other case")
	}
	for i := range after {
		switch e := &after[i]; {
		case !update:
		case !e.Mutable:
			problems = append(problems, "an update is of an event that cannot be replaced")
		case e.Version <= before[0].Version:
			problems = append(problems, "an update does not rank behind the state before")
		}
	}
	return problems
}
