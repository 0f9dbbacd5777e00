package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/leadgate/leadgate/ingest/pending"
)

// recordingOf is where the recording of a task is kept, but for the extension.
func (s *Settings) recordingOf(t pending.Task) string {
	return filepath.Join(s.DataDir, "recordings", t.Source, t.ID)
}

// hasRecording tells whether a task's file is there: a call is told of several
// times, and its recording fetched once.
func (s *Settings) hasRecording(t pending.Task) bool {
	if intake := s.Intakes[t.Source]; intake == nil || t.Ref.Kind != "recording" {
		return false
	}
	files, err := filepath.Glob(s.recordingOf(t) + ".*")
	return err == nil && slices.ContainsFunc(files, func(path string) bool { return filepath.Ext(path) != ".part" })
}

// keepRecording keeps a file so that after any crash it is whole or not there.
func (s *Settings) keepRecording(t pending.Task, extension string, content []byte) error {
	path := s.recordingOf(t)
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("keep recording: %w", err)
	}
	file, err := os.OpenFile(path+".part", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("keep recording: %w", err)
	}
	_, err = file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(path+".part", path+"."+extension)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("keep recording: %w", err), os.Remove(path+".part"))
	}
	for _, changed := range []string{dir, filepath.Dir(dir), s.DataDir} { // the upper ones may be new
		if err := syncDir(changed); err != nil {
			return fmt.Errorf("keep recording: %w", err)
		}
	}
	return nil
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// expireRecordings removes files that are older than their source keeps them,
// until ctx ends.
func (g *gateway) expireRecordings(ctx context.Context) {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		for name, intake := range g.settings.Intakes {
			if intake.Fetcher == nil {
				continue
			}
			if keep := intake.Fetcher.FetchPlan().KeepFiles; keep > 0 {
				if err := g.settings.removeRecordings(name, g.hooks.now().Add(-keep)); err != nil {
					g.log.Warn("recordings that are too old could not be removed", "source", name, "err", err)
				}
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (s *Settings) removeRecordings(source string, before time.Time) error {
	dir := filepath.Join(s.DataDir, "recordings", source)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, entry := range entries {
		if info, gone := entry.Info(); gone == nil && info.ModTime().Before(before) {
			err = errors.Join(err, os.Remove(filepath.Join(dir, entry.Name())))
		}
	}
	return err
}
