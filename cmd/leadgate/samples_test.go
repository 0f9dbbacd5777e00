package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/leadgate/leadgate/analytics/clickhouse"
	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/ingest/drain"
	"github.com/leadgate/leadgate/sources"
	"github.com/leadgate/leadgate/sources/sender"
)

// sample is a delivery as its provider sends it, and what it means.
type sample struct {
	Provider, Kind, Body, Method, URL string

	ContentType  string `json:"content_type"`
	AssumeRegion string `json:"assume_region"`
	Expect       map[string]any

	name, typ, secret string
	options           string // flow YAML
}

func readSamples(t *testing.T) []*sample {
	t.Helper()
	var file struct {
		Samples []*sample `json:"sample_payloads"`
	}
	readVectors(t, &file)
	if len(file.Samples) < 40 {
		t.Fatalf("%d samples", len(file.Samples))
	}
	for i, s := range file.Samples {
		s.name, s.typ, s.secret, s.options = fmt.Sprintf("s%02d", i), s.Provider, sampleSecret, "{}"
		if strings.HasPrefix(s.Kind, "cost: ") || s.Provider == "yandex-metrica" {
			s.typ, s.options = "cost", "{format: "+s.Provider+"}"
			continue
		}
		switch s.Provider {
		case "html-form":
			s.typ, s.secret = "form", ""
		case "vk":
			s.secret = "ownVkSecret"
		case "google-ads":
			var body struct {
				Key string `json:"google_key"`
			}
			_ = json.Unmarshal([]byte(s.Body), &body)
			s.secret = body.Key
		case "ringba":
			s.secret = "own" // key= in its address
		case "mango-office":
			s.secret = "ownkey:ownsalt"
			form, _ := url.ParseQuery(s.Body)
			s.Body = form.Get("json")
		case "mailgun":
			s.Body = withoutFields(s.Body, "timestamp", "token", "signature")
			delete(s.Expect, "occurred_at") // which the timestamp told
		case "gravity-forms":
			s.options = `{fields: {email: "2"}}`
		}
	}
	return file.Samples
}

// sampleSecret suits every type: Standard Webhooks wants base64.
const sampleSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func withoutFields(form string, names ...string) string {
	return strings.Join(slices.DeleteFunc(strings.Split(form, "&"), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return slices.Contains(names, name)
	}), "&")
}

// fetched are the samples that nobody sends: a platform answers them when it is
// asked. The reference is what was asked for.
var fetched = map[string]string{
	"Graph lead (GET /<version>/<leadgen_id>?fields=...)": `{"Kind":"lead","ID":"1500000000000001"}`,
	"leadFormResponses entity":                            `{"Kind":"lead","ID":"1f2e3d4c-5b6a-4798-8a9b-0c1d2e3f4a5b-7"}`,
}

// notLeads are the samples that mean no event, and what they are answered.
var notLeads = map[string]int{
	"tilda probe": 200,
	"yandex-metrica offline conversions upload CSV (outgoing)": 422, // what one sends to it, not what it costs
}

func (s *sample) id() string { return s.Provider + " " + s.Kind }

func (s *sample) config() string {
	secrets := "[]"
	if s.secret != "" {
		secrets = fmt.Sprintf("[%q]", s.secret)
	}
	region := s.AssumeRegion
	if region == "" {
		region = "US"
	}
	return fmt.Sprintf("  - {name: %s, type: %s, workspace: %s, secrets: %s, default_region: %s, options: %s}\n",
		s.name, s.typ, s.name, secrets, region, s.options)
}

// send posts the sample, freshly signed, to a running gateway.
func (s *sample) send(t *testing.T, p *process) (status int, text string) {
	t.Helper()
	method, address := "POST", p.url+"/in/"+s.name
	if s.Method != "" {
		method = s.Method
	}
	if _, query, ok := strings.Cut(s.URL, "?"); ok {
		address += "?" + query
	}
	d := &ingest.Delivery{
		ID: s.name, Method: method, URL: address, Body: []byte(s.Body), ReceivedAt: time.Now(),
		Header: textproto.MIMEHeader{"Content-Type": {s.ContentType}},
	}
	if s.ContentType == "" {
		d.Header.Del("Content-Type")
	}
	if s.secret != "" && s.Provider != "ringba" {
		sender.Sign(s.typ, d, s.secret)
	}
	var header strings.Builder
	for name := range d.Header {
		fmt.Fprintf(&header, "%s: %s\n", name, d.Header.Get(name))
	}
	status, text, err := p.do(method, strings.TrimPrefix(d.URL, p.url), d.Body, header.String())
	if err != nil {
		t.Fatalf("%s: %v", s.id(), err)
	}
	return status, text
}

// Every sample payload comes through the real door and is in the views what it
// is expected to be.
func TestIntegration_Samples(t *testing.T) {
	t.Parallel()
	samples := readSamples(t)
	config := "limits: {per_address: \"\"}\nsources:\n"
	sent := samples[:0:0]
	for _, s := range samples {
		if fetched[s.Kind] == "" && s.Provider != "aws-ses" { // see TestSamples_Decoded
			config += s.config()
			sent = append(sent, s)
		}
	}
	p := serve(t, t.TempDir(), config)
	for _, s := range sent {
		status, text := s.send(t, p)
		want, none := notLeads[s.id()]
		if !none {
			want = 200
		}
		if status != want && (status/100 != 2 || want != 200) && (status != 303 || want != 200) {
			t.Errorf("%s: answered %d %s, want %d", s.id(), status, text, want)
		}
	}
	p.counted()
	rows := make(map[string][]map[string]any)
	for _, query := range []string{
		"SELECT * FROM leads LEFT JOIN contacts USING (workspace, contact_id) LEFT JOIN submissions USING (workspace, lead_id) ORDER BY workspace, external_id",
		"SELECT * FROM costs ORDER BY workspace, day, campaign_id", "SELECT * FROM touches",
	} {
		var answer struct{ Data []map[string]any }
		if err := json.Unmarshal([]byte(p.run("sql", query, "--format", "JSON")), &answer); err != nil {
			t.Fatal(err)
		}
		for _, row := range answer.Data {
			name := fmt.Sprint(row["workspace"])
			rows[name] = append(rows[name], row)
		}
	}
	for _, s := range sent {
		if _, none := notLeads[s.id()]; none {
			if len(rows[s.name]) > 0 {
				t.Errorf("%s: became %v", s.id(), rows[s.name])
			}
			continue
		}
		s.check(t, rows[s.name])
	}
}

// What no stranger can send to a test (a platform's answers, what only Amazon
// can sign) is decoded as the drain does it.
func TestSamples_Decoded(t *testing.T) {
	t.Parallel()
	done := 0
	for _, s := range readSamples(t) {
		reference := fetched[s.Kind]
		if reference == "" && s.Provider != "aws-ses" {
			continue
		}
		c := ingest.SourceConfig{Name: s.name, Type: s.typ, Workspace: s.name, Secrets: []string{s.secret}, DefaultRegion: "US"}
		d := &ingest.Delivery{
			ID: "01JGTESTDELIVERY0000000000", Source: s.name, Method: "POST", ReceivedAt: time.Date(2026, 1, 5, 12, 0, 10, 0, time.UTC),
			Header: textproto.MIMEHeader{"Content-Type": {s.ContentType}}, Body: []byte(s.Body),
		}
		switch {
		case reference != "":
			d.Method = ingest.Fetched
			d.Header.Set(ingest.ReferenceHeader, reference)
			if s.Provider == "linkedin" {
				d.Body = []byte(`{"response":` + s.Body + `,"form":null}`)
			}
		default:
			c.Options = map[string]any{"topics": []string{"arn:aws:sns:eu-west-1:111122223333:lead-mail"}}
			c.Certificates = oneCertificate{}
		}
		intake, err := sources.New(c)
		if err != nil {
			t.Fatal(err)
		}
		outcome, events := drain.Dry(ingest.AppendDelivery(nil, d), map[string]*ingest.Intake{s.name: intake})
		if outcome.Verdict != ingest.Accepted {
			t.Errorf("%s: %s: %s", s.id(), outcome.Verdict, outcome.Reason)
		}
		var rows []map[string]any
		for i := range events {
			row, err := clickhouse.Describe(events[i])
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(row) // as SQL's answer is
			if err != nil {
				t.Fatal(err)
			}
			row = nil
			if err := json.Unmarshal(text, &row); err != nil {
				t.Fatal(err)
			}
			rows = append(rows, row)
		}
		s.check(t, rows)
		done++
	}
	if done != 3 {
		t.Errorf("%d samples", done)
	}
}

// check holds rows of the views against what the sample is expected to mean.
func (s *sample) check(t *testing.T, rows []map[string]any) {
	t.Helper()
	expected := []any{any(s.Expect)}
	for _, list := range []string{"leads", "rows"} {
		if several, ok := s.Expect[list].([]any); ok {
			expected = several
		}
	}
	if len(rows) != len(expected) {
		t.Errorf("%s: %d rows, want %d: %v", s.id(), len(rows), len(expected), rows)
		return
	}
	for i := range rows {
		for key, want := range expected[i].(map[string]any) {
			if problem := s.differs(rows[i], key, want); problem != "" {
				t.Errorf("%s: %s: %s\n%v", s.id(), key, problem, rows[i])
			}
		}
	}
}

// columnOf are expectations under another name than that of their column.
var columnOf = map[string]string{
	"duration": "call_duration", "talk_time": "call_talk_time", "answered": "call_answered", "date": "day",
	"source": "tag_source", "medium": "tag_medium", "adset": "adgroup", "adset_id": "adgroup_id",
}

// saidElsewhere are expectations that are no column, and why they need none.
var saidElsewhere = map[string]string{
	"redirect": "an answer's, see the tests of the form", "answer": "the status was checked", "events": "they are one lead",
	"needs_fetch": "see the tests of fetching", "dedupe_key": "a version, see the tests of the type",
	"is_test": "see differs", "spam": "see differs", "occurred_at_raw": "its zone is the source's", "link_clicks": "clicks were chosen",
	"literal_macros_dropped": "nothing is there", "needs_form_definition": "an attribute, told by the type's cases",
	"status": "of a call that is over", "action": "not in the views",
}

func (s *sample) differs(row map[string]any, key string, want any) string {
	switch key {
	case "is_test":
		if got := row["verdict"] == "test"; got != want {
			return fmt.Sprintf("the verdict is %v", row["verdict"])
		}
	case "spam":
		if got := row["verdict"] == "spam"; got != want {
			return fmt.Sprintf("the verdict is %v", row["verdict"])
		}
	}
	if saidElsewhere[key] != "" || want == nil {
		return ""
	}
	column := key
	if renamed := columnOf[key]; renamed != "" && (s.typ == "cost" || !strings.HasSuffix(renamed, "_source") && !strings.HasSuffix(renamed, "_medium")) {
		column = renamed
	}
	got, ok := row[column]
	if !ok {
		return saidAnywhere(row, want)
	}
	if same(column, got, want) {
		return ""
	}
	if column == "phone" && strings.HasSuffix(fmt.Sprint(got), fmt.Sprint(want)) { // as typed; we keep E.164
		return ""
	}
	if column == "page_url" { // the tagging has columns of its own
		base, _, _ := strings.Cut(fmt.Sprint(want), "?")
		if strings.HasPrefix(fmt.Sprint(got), base) {
			return ""
		}
	}
	return fmt.Sprintf("got %v, want %v", got, want)
}

// saidAnywhere looks for what has no column of its own in the attributes and
// the answers.
func saidAnywhere(row map[string]any, want any) string {
	switch want := want.(type) {
	case []any:
		for _, element := range want {
			if problem := saidAnywhere(row, element); problem != "" {
				return problem
			}
		}
		return ""
	case map[string]any:
		for _, element := range want {
			if problem := saidAnywhere(row, element); problem != "" {
				return problem
			}
		}
		return ""
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(row); err != nil {
		return err.Error()
	}
	if !strings.Contains(text.String(), fmt.Sprint(want)) {
		return fmt.Sprintf("%v is nowhere", want)
	}
	return ""
}

func same(column string, got, want any) bool {
	a, b := strings.TrimSpace(fmt.Sprint(got)), strings.TrimSpace(fmt.Sprint(want))
	switch column {
	case "occurred_at":
		return moment(a).Equal(moment(b)) && !moment(b).IsZero()
	case "cost":
		got, gotErr := decimal.NewFromString(a)
		want, wantErr := decimal.NewFromString(b)
		return gotErr == nil && wantErr == nil && got.Equal(want)
	}
	return a == b
}

func moment(text string) time.Time {
	for _, layout := range []string{time.RFC3339Nano, time.DateTime + ".999999"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t
		}
	}
	return time.Time{}
}
