package main

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest/pending"
)

// A call's recording is fetched once after the call was answered for, and kept.
func TestE2ERecordings(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 10)
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Header.Get("Authorization")
		w.Header().Set("Content-Type", "audio/mpeg")
		fmt.Fprint(w, "ID3 sound")
	}))
	defer provider.Close()
	dir := t.TempDir()
	p := serve(t, dir, fmt.Sprintf(`sources:
  - name: calls
    type: callrail
    secrets: [callrail-key]
    credentials: {token: callrail-token}
    options: {fetch_recordings: true, recording_hosts: [%q], recording_retention: 90d}
`, strings.TrimPrefix(provider.URL, "http://")))
	call := func(duration, status string) {
		t.Helper()
		body := fmt.Sprintf(`{"id":9007199254740993,"resource_id":"CAL019","answered":true,"direction":"inbound","duration":%q,"lead_status":%q,
			"customer_phone_number":"+15125550142","tracking_phone_number":"+15125550101","start_time":"2026-01-05T06:00:03.236-06:00",
			"recording":"%s/calls/9007199254740993/recording"}`, duration, status, provider.URL)
		mac := hmac.New(sha1.New, []byte("callrail-key"))
		mac.Write([]byte(body))
		p.post(http.StatusOK, "/in/calls", body, "Content-Type: application/json\nSignature: "+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	call("187", "")
	p.until("fetched", func() bool { return p.metric(`leadgate_fetch_attempts_total{outcome="fetched",source="calls"} 1`) })
	call("188", "good_lead") // a later state of it
	p.counted()
	p.until("dealt with", func() bool { return p.metric(`leadgate_fetch_pending{source="calls"} 0`) })
	id := p.sql("SELECT lead_id FROM leads")
	path := filepath.Join(dir, "data", "recordings", "calls", id+".mp3")
	if content, err := os.ReadFile(path); err != nil || string(content) != "ID3 sound" {
		t.Errorf("got %q, %v", content, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("got %v, %v", info, err)
	}
	if got := <-asked; got != "Bearer callrail-token" || len(asked) > 0 {
		t.Errorf("asked with %s, and %d times more", got, len(asked))
	}
	p.stop()
}

func TestRecordings_KeptAndRemoved(t *testing.T) {
	t.Parallel()
	s := &Settings{Config: DefaultConfig(), Intakes: nil}
	s.DataDir = t.TempDir()
	old, young := pending.Task{ID: "0a", Source: "calls"}, pending.Task{ID: "0b", Source: "calls"}
	for _, task := range []pending.Task{old, young} {
		if err := s.keepRecording(task, "wav", []byte("sound")); err != nil {
			t.Fatal(err)
		}
	}
	long := time.Now().Add(-100 * 24 * time.Hour)
	if err := os.Chtimes(s.recordingOf(old)+".wav", long, long); err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{"calls", "others"} {
		if err := s.removeRecordings(source, time.Now().Add(-90*24*time.Hour)); err != nil {
			t.Error(err)
		}
	}
	left, err := filepath.Glob(filepath.Join(s.DataDir, "recordings", "calls", "*"))
	if err != nil || len(left) != 1 || left[0] != s.recordingOf(young)+".wav" {
		t.Errorf("left %v, %v", left, err)
	}
}
