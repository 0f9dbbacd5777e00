package calls

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fetch"
)

// recordingOptions are options of every type of this room.
type recordingOptions struct {
	// FetchRecordings keeps recordings in files beside the journal.
	FetchRecordings bool `json:"fetch_recordings"`
	// Hosts are those that recordings are fetched from, as in api.twilio.com. What
	// else a webhook or an answer names is left alone.
	Hosts []string `json:"recording_hosts"`
	// Retention is for how long the files are kept, as in 90d; empty is for ever.
	Retention string `json:"recording_retention"`
}

// Recordings fetches the recordings of calls. Its credentials are user and
// password, or token: they go to the host that the webhook named, not to those
// that it sends on to.
type Recordings struct {
	plan          ingest.FetchPlan
	origins       map[string]string // by host
	authorization string
}

var recordingKeys = []string{"fetch_recordings", "recording_hosts", "recording_retention"}

// TakeRecordings takes the options about recordings out of a configuration, and
// returns what fetches them, nil if they are not to be fetched.
func TakeRecordings(config *ingest.SourceConfig) (*Recordings, error) {
	own := ingest.SourceConfig{Options: map[string]any{}}
	config.Options = maps.Clone(config.Options)
	for _, key := range recordingKeys {
		if value, ok := config.Options[key]; ok {
			own.Options[key] = value
			delete(config.Options, key)
		}
	}
	var o recordingOptions
	if err := own.DecodeOptions(&o); err != nil {
		return nil, err
	}
	if !o.FetchRecordings {
		return nil, nil //nolint:nilnil // not asked for
	}
	r := &Recordings{origins: map[string]string{}}
	if err := r.credentials(config); err != nil {
		return nil, err
	}
	if len(o.Hosts) == 0 {
		return nil, errors.New("options.recording_hosts: at least one host is needed to fetch recordings from, such as api.twilio.com")
	}
	for _, host := range o.Hosts {
		origin, err := originOf(host)
		if err != nil {
			return nil, err
		}
		r.origins[strings.ToLower(host)] = origin
		r.plan.Origins = append(r.plan.Origins, origin)
	}
	r.plan.Parallel = 2
	if o.Retention != "" {
		keep, err := model.ParseDuration(o.Retention)
		if err != nil || time.Duration(keep) < time.Hour {
			return nil, fmt.Errorf("options.recording_retention: not a duration such as 90d (got %s)", o.Retention)
		}
		r.plan.KeepFiles = time.Duration(keep)
	}
	return r, nil
}

func (r *Recordings) credentials(config *ingest.SourceConfig) error {
	if err := config.CheckCredentials("user", "password", "token"); err != nil {
		return err
	}
	user, password, token := config.Credentials["user"], config.Credentials["password"], config.Credentials["token"]
	switch {
	case token != "" && user != "":
		return errors.New("credentials: either token, or user and password")
	case token != "":
		r.authorization = "Bearer " + token
	case user != "":
		r.authorization = "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	}
	r.plan.Secrets = append(r.plan.Secrets, password, token)
	return nil
}

// originOf returns the origin of a host. This very machine is asked without TLS.
func originOf(host string) (string, error) {
	u, err := url.Parse("https://" + host)
	if err != nil || u.Host == "" || u.Host != host || u.Port() == "" && strings.Contains(host, ":") {
		return "", fmt.Errorf("options.recording_hosts: not a host such as api.twilio.com (got %s)", host)
	}
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil && addr.IsLoopback() {
		return "http://" + host, nil
	}
	return "https://" + strings.ToLower(host), nil
}

// FetchPlan implements ingest.Fetcher.
func (r *Recordings) FetchPlan() ingest.FetchPlan { return r.plan }

const recordingReference = "recording"

// Refer has an event's recording fetched, if it tells of one at a host that may be
// asked.
func (r *Recordings) Refer(e *ingest.Event) {
	link := ""
	switch {
	case e.Fetch != nil:
	case e.Lead != nil && e.Lead.Call != nil:
		link = e.Lead.Call.RecordingURL
	case e.Status != nil && e.Status.Status == recordingReference:
		link = e.Status.Reason
	}
	if link == "" {
		return
	}
	if address, ok := r.allowed(link); ok {
		e.Fetch = &ingest.Reference{
			Kind: recordingReference, ID: path.Base(address.Path), Args: map[string]string{"url": address.String()},
		}
	}
}

// allowed returns an address at a host that may be asked, by TLS.
func (r *Recordings) allowed(link string) (*url.URL, bool) {
	address, err := url.Parse(link)
	if err != nil || address.User != nil {
		return nil, false
	}
	origin, ok := r.origins[strings.ToLower(address.Host)]
	if !ok || address.Scheme != "https" && address.Scheme != "http" {
		return nil, false
	}
	scheme, host, _ := strings.Cut(origin, "://")
	address.Scheme, address.Host, address.Fragment = scheme, host, ""
	return address, true
}

// largestRecording is in bytes: some hours of telephone.
const largestRecording = 64 << 20

// Fetch implements ingest.Fetcher: the recording, where providers may send on to
// another address, by status or in JSON.
func (r *Recordings) Fetch(ref ingest.Reference, answers []ingest.Response) (ingest.Step, error) {
	first, ok := r.allowed(ref.Args["url"])
	if !ok {
		return ingest.Step{}, &ingest.FetchError{Problem: ingest.Missing, Text: "the recording is at a host that options.recording_hosts does not name"}
	}
	if len(answers) == 0 {
		return r.ask(first, first), nil
	}
	last := answers[len(answers)-1]
	switch last.Status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return r.elsewhere(first, last.Header.Get("Location"))
	case http.StatusOK:
	default:
		return ingest.Step{}, fetch.Status(last, "")
	}
	kind, _, _ := mime.ParseMediaType(last.Header.Get("Content-Type"))
	if kind == "application/json" {
		var body struct {
			URL string `json:"url"`
		}
		_ = json.Unmarshal(last.Body, &body) // checked as an address
		return r.elsewhere(first, body.URL)
	}
	extension, ok := recordingFiles[kind]
	switch {
	case !ok && strings.HasPrefix(kind, "audio/"), kind == "application/octet-stream", kind == "binary/octet-stream":
		extension = "audio"
	case !ok, len(last.Body) == 0:
		return ingest.Step{}, fetch.Unreadable("a recording")
	}
	return ingest.Step{Document: last.Body, File: extension}, nil
}

var recordingFiles = map[string]string{
	"audio/mpeg": "mp3", "audio/mp3": "mp3", "audio/wav": "wav", "audio/x-wav": "wav", "audio/wave": "wav", "audio/ogg": "ogg",
	"audio/mp4": "m4a", "audio/x-m4a": "m4a", "audio/aac": "aac", "audio/webm": "webm", "video/mp4": "mp4",
}

func (r *Recordings) elsewhere(first *url.URL, link string) (ingest.Step, error) {
	relative, err := first.Parse(link)
	if err == nil && link != "" {
		if next, ok := r.allowed(relative.String()); ok {
			return r.ask(first, next), nil
		}
	}
	return ingest.Step{}, &ingest.FetchError{Problem: ingest.Missing, Text: "the provider sends on to a host that options.recording_hosts does not name"}
}

func (r *Recordings) ask(first, address *url.URL) ingest.Step {
	header := map[string]string{"Accept": "audio/*, application/json;q=0.5, */*;q=0.1"}
	if r.authorization != "" && address.Host == first.Host {
		header["Authorization"] = r.authorization
	}
	return ingest.Step{Request: &ingest.Request{URL: address.String(), Header: header, MaxBody: largestRecording}}
}
