package pending

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Inspect returns the tasks in a store's directory, those first that are due
// first, and what is known of its sources. It may be called beside a running
// gateway, and changes nothing. A store that is not there is empty.
func Inspect(dir string) ([]Task, []SourceState, error) {
	file, err := os.Open(filepath.Join(dir, fileName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	} else if err != nil {
		return nil, nil, fmt.Errorf("open pending work: %w", err)
	}
	defer func() { _ = file.Close() }()
	tasks, states := map[string]Task{}, map[string]SourceState{}
	_, err = scan(file, func(l line, _ int64, _ int) {
		switch {
		case l.Task != nil:
			tasks[l.Task.ID] = *l.Task
		case l.Source != nil:
			states[l.Source.Source] = *l.Source
		default:
			delete(tasks, l.Done)
		}
	}, func([]byte) {})
	if err != nil {
		return nil, nil, fmt.Errorf("read pending work: %w", err)
	}
	list := make([]Task, 0, len(tasks))
	for _, t := range tasks {
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b Task) int { return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.ID, b.ID)) })
	known := make([]SourceState, 0, len(states))
	for _, s := range states {
		known = append(known, s)
	}
	slices.SortFunc(known, func(a, b SourceState) int { return cmp.Compare(a.Source, b.Source) })
	return list, known, nil
}
