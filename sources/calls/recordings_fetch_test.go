package calls_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/calls"
	"github.com/leadgate/leadgate/sources/fetch/fetchtest"
)

func recordings(t *testing.T, credentials map[string]string, hosts ...string) *calls.Recordings {
	t.Helper()
	config := ingest.SourceConfig{Credentials: credentials, Options: map[string]any{
		"fetch_recordings": true, "recording_hosts": hosts, "recording_retention": "90d", "min_duration": 5,
	}}
	r, err := calls.TakeRecordings(&config)
	if err != nil {
		t.Fatal(err)
	}
	if len(config.Options) != 1 || r.FetchPlan().KeepFiles != 90*24*time.Hour {
		t.Errorf("left for the type: %v", config.Options)
	}
	return r
}

func called(link string) *ingest.Event {
	return &ingest.Event{Lead: &ingest.Lead{Call: &ingest.Call{RecordingURL: link}}}
}

func TestRecordings_Fetch(t *testing.T) {
	t.Parallel()
	var other *httptest.Server
	var authorized []string
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		authorized = append(authorized, user+":"+password)
		switch {
		case user != "AC1" || password != "sesame":
			http.Error(w, "who are you", http.StatusUnauthorized)
		case r.URL.Path == "/RE1.mp3":
			w.Header().Set("Content-Type", "audio/mpeg")
			fmt.Fprint(w, "ID3 sound")
		case r.URL.Path == "/RE2":
			http.Redirect(w, r, other.URL+"/stored.wav?signed=1", http.StatusFound)
		case r.URL.Path == "/RE3.json":
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			fmt.Fprint(w, `{"url":"/RE1.mp3"}`)
		case r.URL.Path == "/RE4":
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data", http.StatusFound)
		case r.URL.Path == "/RE5":
			fmt.Fprint(w, "<html>log in</html>")
		default:
			http.NotFound(w, r)
		}
	})
	provider := httptest.NewServer(mux)
	defer provider.Close()
	other = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Error("credentials are shown to another host")
		}
		w.Header().Set("Content-Type", "audio/x-wav")
		fmt.Fprint(w, "RIFF sound")
	}))
	defer other.Close()
	host := strings.TrimPrefix(provider.URL, "http://")
	r := recordings(t, map[string]string{"user": "AC1", "password": "sesame"}, host, strings.TrimPrefix(other.URL, "http://"))
	stranger := recordings(t, nil, host)
	for link, c := range map[string]struct {
		r       *calls.Recordings
		file    string
		sound   string
		problem ingest.FetchProblem
	}{
		"/RE1.mp3":  {r, "mp3", "ID3 sound", ""},
		"/RE2":      {r, "wav", "RIFF sound", ""},
		"/RE3.json": {r, "mp3", "ID3 sound", ""},
		"/RE4":      {r, "", "", ingest.Missing},
		"/RE5":      {r, "", "", ingest.Unavailable},
		"/RE6":      {r, "", "", ingest.Missing},
		"/RE1.mp3?": {stranger, "", "", ingest.TokenRefused},
	} {
		e := called(provider.URL + link)
		c.r.Refer(e)
		if e.Fetch == nil {
			t.Errorf("%s is not fetched", link)
			continue
		}
		step, _, err := fetchtest.Fetch(t, c.r, *e.Fetch)
		var failure *ingest.FetchError
		switch {
		case c.problem == "" && (err != nil || step.File != c.file || string(step.Document) != c.sound):
			t.Errorf("%s: %s %q, %v", link, step.File, step.Document, err)
		case c.problem != "" && (!errors.As(err, &failure) || failure.Problem != c.problem):
			t.Errorf("%s: %v", link, err)
		}
	}
}

// Whatever a webhook names, only the configured hosts are asked, by TLS.
func TestRecordings_OnlyFromAllowedHosts(t *testing.T) {
	t.Parallel()
	r := recordings(t, nil, "api.twilio.com")
	for _, link := range []string{
		"", "http://169.254.169.254/", "https://api.twilio.com.example.net/x", "https://user:p@api.twilio.com/x", "file:///etc/passwd",
		"https://api.twilio.com:8443/x", "//api.twilio.com/x", "https://example.net/?https://api.twilio.com", "%",
	} {
		e := called(link)
		if r.Refer(e); e.Fetch != nil {
			t.Errorf("%s is fetched", link)
		}
	}
	e := called("http://API.twilio.com/2010/RE1#x")
	r.Refer(e)
	if e.Fetch == nil || e.Fetch.Args["url"] != "https://api.twilio.com/2010/RE1" || e.Fetch.ID != "RE1" {
		t.Errorf("got %+v", e.Fetch)
	}
	told := &ingest.Event{Status: &ingest.Status{Status: "recording", Reason: "https://api.twilio.com/RE2"}}
	if r.Refer(told); told.Fetch == nil {
		t.Error("a recording that is told of by itself is not fetched")
	}
	for name, options := range map[string]map[string]any{
		"no hosts":      {"fetch_recordings": true},
		"an address":    {"fetch_recordings": true, "recording_hosts": []string{"https://api.twilio.com/"}},
		"no retention":  {"fetch_recordings": true, "recording_hosts": []string{"a.example"}, "recording_retention": "long"},
		"not a boolean": {"fetch_recordings": "yes"},
	} {
		if _, err := calls.TakeRecordings(&ingest.SourceConfig{Options: options}); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	config := ingest.SourceConfig{Options: map[string]any{"min_duration": 5}}
	if r, err := calls.TakeRecordings(&config); r != nil || err != nil || len(config.Options) != 1 {
		t.Errorf("not asked for: %v, %v", r, err)
	}
}

func FuzzRecordings(f *testing.F) {
	config := ingest.SourceConfig{Options: map[string]any{"fetch_recordings": true, "recording_hosts": []string{"api.twilio.com"}}}
	r, err := calls.TakeRecordings(&config)
	if err != nil {
		f.Fatal(err)
	}
	e := called("https://api.twilio.com/RE1")
	r.Refer(e)
	fetchtest.Fuzz(f, r, *e.Fetch, `{"url":"//elsewhere.example/x"}`, `{"url":"/x"}`)
}
