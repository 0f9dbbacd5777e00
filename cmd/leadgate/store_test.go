package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// An engine that dies as soon as it answers, while its tables are made, does
// not end the gateway: serve waits until it is ready.
func TestIntegration_EngineDiesAtTheStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	killed := make(chan error, 1)
	go func() { killed <- killEngine(filepath.Join(dir, "data", "clickhouse", "runtime.json")) }()
	serve(t, dir, "sources:\n  - {name: form, type: form}\n")
	if err := <-killed; err != nil {
		t.Fatal(err)
	}
}

// killEngine kills the engine that a file is about, once there is one.
func killEngine(path string) error {
	var engine struct{ PID int }
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		text, err := os.ReadFile(path)
		if err == nil {
			if err := json.Unmarshal(text, &engine); err != nil {
				return err
			}
			return syscall.Kill(engine.PID, syscall.SIGKILL)
		}
		if time.Now().After(end) {
			return err
		}
	}
}
