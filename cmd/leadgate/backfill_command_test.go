package main

import (
	"errors"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest/journal"
)

// Who waits for room where nobody counts would wait for ever.
func TestAlone_DoesNotWaitForAGateway(t *testing.T) {
	t.Parallel()
	log, err := journal.Open(journal.Options{Dir: t.TempDir(), SegmentBytes: 64 << 10, MaxBytes: 256 << 10, MaxRecordBytes: 32 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	}()
	var busy *busyError
	throttled := &busyError{time.Minute, "the platform must not be asked"}
	if err := alone(log, throttled); !errors.As(err, &busy) {
		t.Errorf("with room, a platform's wish is no reason to wait: %v", err)
	}
	for range 4 {
		if err := log.Append(t.Context(), make([]byte, 30<<10)); err != nil {
			t.Fatal(err)
		}
	}
	if err := alone(log, throttled); err == nil || errors.As(err, &busy) {
		t.Errorf("without room: %v", err)
	}
	if err := alone(log, nil); err != nil {
		t.Error(err)
	}
}
