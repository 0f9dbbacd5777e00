//go:build upgrade

package main

import (
	"archive/tar"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/leadgate/leadgate/sources/fetch/fetchtest"
)

// upgradeSources are sources besides those of the samples. The windows are
// long, so that what is counted does not depend on when the test runs.
const upgradeSources = `# Made by make.sh, together with the data directory of the same name.
limits: {per_source: "", per_address: ""}
api: {keys: [upgrade-api-key-0123456789]}
journal: {retention: 3650d, segment_bytes: 1MiB, max_bytes: 1GiB}
deliveries: {raw_retention: 3650d}
dedupe: {person_window: 3650d, event_ttl: 3650d}
costs:
  rules:
    - {name: newsletter, workspace: default, source: newsletter, medium: email, per: click, price: "1.50", currency: USD}
    - {name: agency, workspace: second, channel: Paid Search, per: lead, price: "20.00", currency: EUR}
sources:
  - {name: landing, type: form, allowed_hosts: [www.example.com]}
  - {name: clicks, type: click}
  - {name: crm, type: status, secrets: [upgrade-crm-token]}
  - {name: ad-costs, type: cost, secrets: [upgrade-cost-token], currency: USD}
  - {name: survey, type: typeform, secrets: [` + sampleSecret + `]}
  - {name: any, type: json, secrets: [upgrade-json-token], options: {fields: {email: contact.mail}}}
  - {name: second-form, type: form, workspace: second}
  - {name: second-clicks, type: click, workspace: second}
  - name: facebook
    type: meta
    secrets: [` + appSecret + `]
    credentials: {access_token: EAAGoodToken}
    options: {api_url: "` + upgradeMetaURL + `", verify_token: hello, forms: ["990000000000011"]}
`

// upgradeQueries are asked of the old version; a test asks what stands in the
// file. KILLED is when the old version was killed: what is fetched later has
// another id each time.
var upgradeQueries = []string{
	"SELECT delivery_id, source, verdict FROM deliveries WHERE received_at < 'KILLED' ORDER BY ALL",
	"SELECT source, verdict, count() FROM deliveries GROUP BY ALL ORDER BY ALL",
	"SELECT workspace, source, lead_id, external_id, verdict, duplicate_of, channel, utm_campaign FROM leads ORDER BY ALL",
	"SELECT workspace, count(), uniqExact(contact_id) FROM contacts GROUP BY workspace ORDER BY ALL",
	"SELECT workspace, count() FROM submissions GROUP BY workspace ORDER BY ALL",
	"SELECT workspace, touch_id, visitor_id, channel, gclid FROM touches ORDER BY ALL",
	"SELECT workspace, platform, day, campaign, currency, sum(cost), sum(clicks) FROM costs GROUP BY ALL ORDER BY ALL",
	"SELECT workspace, status, value, currency, count() FROM statuses GROUP BY ALL ORDER BY ALL",
}

// upgradeReports are the arguments of the reports.
var upgradeReports = [][]string{
	{"--from", "2026-01-01", "--to", "2030-12-31", "--workspace", "default", "--by", "channel,campaign"},
	{"--from", "2026-01-01", "--to", "2030-12-31", "--workspace", "second", "--by", "channel"},
}

// maker sends deliveries and notes how many were acknowledged.
type maker struct {
	*process
	meta     *fetchtest.Meta
	samples  []*sample
	accepted int
}

// TestMakeUpgrade makes the fixture of one version; see make.sh.
func TestMakeUpgrade(t *testing.T) {
	binary, version := os.Getenv("UPGRADE_BINARY"), os.Getenv("UPGRADE_VERSION")
	if binary == "" || version == "" {
		t.Fatal("run testdata/upgrade/make.sh REVISION")
	}
	base := filepath.Join(upgradeDir, version)
	m := &maker{}
	configuration := upgradeSources
	for _, s := range readSamples(t) {
		// What is to be fetched is asked of our own Meta alone.
		if fetched[s.Kind] == "" && !slices.Contains([]string{"aws-ses", "hubspot", "meta", "linkedin"}, s.Provider) {
			configuration += s.config()
			m.samples = append(m.samples, s)
		}
	}
	if err := os.WriteFile(base+".yaml", []byte(configuration), 0o644); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	meta, metaURL := upgradeMeta(t)
	m.meta, m.process = meta, upgradeProcess(t, dir, base+".yaml", metaURL)
	m.process.binary = binary
	m.start()
	m.first()
	m.drained()
	m.second()
	m.killEngineAndGateway()
	killed := time.Now().UTC().Format(time.DateTime)

	data := filepath.Join(dir, "data")
	if err := pack(base+".tar.gz", data); err != nil {
		t.Fatal(err)
	}
	copied := t.TempDir()
	if err := unpack(base+".tar.gz", filepath.Join(copied, "data")); err != nil {
		t.Fatal(err)
	}
	meta.Change(func(m *fetchtest.Meta) { m.Broken = 0 })
	p := upgradeProcess(t, copied, base+".yaml", metaURL)
	p.binary = binary
	p.start()
	m.process = p
	m.drained()
	p.until("rid of what was to be fetched", func() bool {
		return strings.TrimSpace(p.run("pending", "list", "--source", "facebook", "--format", "json")) == ""
	})
	m.drained()
	p.run("reconcile", "--from", "2026-01-01", "--to", "2099-12-31")
	want := upgradeWant{Accepted: m.accepted}
	for _, query := range upgradeQueries {
		query = strings.Replace(query, "KILLED", killed, 1)
		want.Queries = append(want.Queries, upgradeAnswer{query, p.sql(query)})
	}
	for _, args := range upgradeReports {
		answer := p.cpl(args...)
		want.Reports = append(want.Reports, upgradeReport{args, answer.Rows, answer.Totals})
	}
	p.stop()
	text, err := json.MarshalIndent(want, "", " ")
	if err == nil {
		err = os.WriteFile(base+".json", append(text, '\n'), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// take posts a delivery that must be acknowledged.
func (m *maker) take(path, body, header string) {
	m.t.Helper()
	status, text, err := m.do(http.MethodPost, path, []byte(body), header)
	if err != nil || status != http.StatusOK && status != http.StatusSeeOther {
		m.t.Fatalf("POST %s: %d %s, %v", path, status, text, err)
	}
	m.accepted++
}

const jsonToken = "Content-Type: application/json\nAuthorization: Bearer "

// first is what is counted before the kill.
func (m *maker) first() {
	for i := range 8 {
		medium := []string{"utm_source=google&utm_medium=cpc&utm_campaign=brand&gclid=Own-%d", "utm_source=newsletter&utm_medium=email&utm_campaign=May%d"}[i%2]
		m.take("/in/clicks", fmt.Sprintf(`[{"id":"c%d","visitor_id":"v%d","occurred_at":"2026-01-05T10:%02d:00Z","url":"https://www.example.com/?%s"}]`,
			i, i, i, fmt.Sprintf(medium, i)), jsonHeader)
		m.take("/in/second-clicks", fmt.Sprintf(`{"id":"c%d","visitor_id":"v%d","occurred_at":"2026-01-05T11:%02d:00Z","url":"https://www.example.org/?utm_source=google&utm_medium=cpc"}`,
			i, i, i), jsonHeader)
	}
	m.forms(0, 10)
	m.take("/in/landing", `{"id":"robot","name":"Robot","email":"robot@example.com","_gotcha":"filled"}`, jsonHeader)
	m.take("/in/ad-costs", "date,source,medium,campaign,cost,currency,clicks,impressions\n"+
		"2026-01-05,google,cpc,brand,120.50,USD,40,900\n2026-01-06,google,cpc,brand,99.99,USD,31,800\n", "Content-Type: text/csv\nAuthorization: Bearer upgrade-cost-token")
	m.take("/in/crm", `{"id":"s1","lead_id":"f1","email":"person1@example.com","status":"won","value":"500.00","currency":"USD","occurred_at":"2026-01-07T12:00:00Z"}`, jsonToken+"upgrade-crm-token")
	m.take("/in/crm", `[{"id":"s2","email":"person2@example.com","status":"qualified"},{"id":"s3","email":"person3@example.com","status":"lost","reason":"price"}]`, jsonToken+"upgrade-crm-token")
	m.take("/in/any", `{"id":"j1","contact":{"mail":"json@example.com"}}`, jsonToken+"upgrade-json-token")
	m.unreadable("no-token")
	for _, s := range m.samples {
		m.sample(s)
	}
	m.meta.Change(func(meta *fetchtest.Meta) { meta.Broken = 0 })
	m.announced(0)
	m.until("fetched", func() bool {
		return m.sql("SELECT countIf(email != '') FROM contacts WHERE email = 'kim0@example.com'") == "1"
	})
	m.meta.Change(func(meta *fetchtest.Meta) { meta.Broken = 1 << 20 })
	m.announced(1) // stays to be fetched
}

// second is acknowledged and not counted: the engine does not answer.
func (m *maker) second() {
	m.signalEngine(syscall.SIGSTOP)
	m.forms(8, 16) // some for the second time
	m.take("/in/clicks", `[{"id":"c0","visitor_id":"v0","occurred_at":"2026-01-05T10:00:00Z","url":"https://www.example.com/"},`+
		`{"id":"late","visitor_id":"v15","occurred_at":"2026-01-05T12:00:00Z","url":"https://www.example.com/?utm_source=bing&utm_medium=cpc&utm_campaign=late&msclkid=OwnMs"}]`, jsonHeader)
	// The day again, with another sum.
	m.take("/in/ad-costs", "date,source,medium,campaign,cost,currency,clicks,impressions\n2026-01-06,google,cpc,brand,101.01,USD,33,810\n",
		"Content-Type: text/csv\nAuthorization: Bearer upgrade-cost-token")
	m.until("writing", func() bool {
		found, err := filepath.Glob(filepath.Join(filepath.Dir(m.config), "data", "*", "batch.manifest"))
		return err == nil && len(found) > 0
	})
	m.take("/in/crm", `{"id":"s4","email":"person9@example.com","status":"won","value":"70.00","currency":"USD"}`, jsonToken+"upgrade-crm-token")
	m.unreadable("late")
	for _, s := range m.samples[:len(m.samples)/2] {
		m.sample(s)
	}
	m.forms(16, 20)
	m.announced(2)
	m.announced(3)
}

// forms sends the forms of some people, each once more under another id if it
// divides by five.
func (m *maker) forms(from, to int) {
	for i := from; i < to; i++ {
		body := `{"id":"f%d%s","name":"Test Person","email":"person%d@example.com","visitor_id":"v%d","page_url":"https://www.example.com/?utm_source=google&utm_medium=cpc&utm_campaign=brand","message":"Please call."}`
		m.take("/in/landing", fmt.Sprintf(body, i, "", i, i), jsonHeader)
		m.take("/in/second-form", fmt.Sprintf(body, i, "", i, i), jsonHeader)
		if i%5 == 0 {
			m.take("/in/landing", fmt.Sprintf(body, i, "-again", i, i), jsonHeader)
		}
	}
}

// unreadable sends what its sender signed and nobody can decode.
func (m *maker) unreadable(name string) {
	s := &sample{name: "survey", typ: "typeform", Provider: "typeform", secret: sampleSecret, ContentType: "application/json",
		Body: `{"event_type":"form_response","form_response":{"form_id":"` + name + `"}}`}
	m.sample(s)
}

func (m *maker) sample(s *sample) {
	m.t.Helper()
	status, text := s.send(m.t, m.process)
	switch want, special := notLeads[s.id()]; {
	case status/100 == 2 || status == http.StatusSeeOther:
		m.accepted++
		if special && want == 200 { // a probe, which is answered and not stored
			m.accepted--
		}
	case !special || status != want:
		m.t.Fatalf("%s: %d %s", s.id(), status, text)
	}
}

func (m *maker) announced(i int) {
	m.announce(m.meta.Leads[i])
	m.accepted++
}

// drained waits as counted does; earlier versions have their metrics elsewhere.
func (m *maker) drained() {
	m.t.Helper()
	m.until("counted", func() bool {
		_, text, err := m.admin("/metrics")
		if c, e := m.control(); e == nil && c.AdminURL == "" {
			_, text, err = m.do(http.MethodGet, "/metrics", nil, "")
		}
		return err == nil && strings.Contains(text, "\nleadgate_drain_lag_bytes 0\n")
	})
}

func (m *maker) signalEngine(signal syscall.Signal) {
	m.t.Helper()
	found, err := filepath.Glob(filepath.Join(filepath.Dir(m.config), "data", "*", "runtime.json"))
	if err != nil || len(found) != 1 {
		m.t.Fatalf("the engine's file: %v, %v", found, err)
	}
	text, err := os.ReadFile(found[0])
	var file struct{ PID int }
	if err = cmp.Or(err, json.Unmarshal(text, &file)); err == nil {
		err = syscall.Kill(file.PID, signal)
	}
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *maker) killEngineAndGateway() {
	m.kill()
	time.Sleep(1500 * time.Millisecond) // the engine dies with it, and its second ends
}

// leftOut are files of the running processes.
var leftOut = []string{"control.json", "runtime.json", "lock", "LOCK", "status"}

// pack writes dir as an archive that depends on its content alone.
func pack(archive, dir string) (err error) {
	f, err := os.Create(archive)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z, err := gzip.NewWriterLevel(f, gzip.BestCompression)
	if err != nil {
		return err
	}
	w := tar.NewWriter(z)
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil || slices.Contains(leftOut, entry.Name()) {
			return err
		}
		return packOne(w, path, name)
	})
	return errors.Join(err, w.Close(), z.Close())
}

func packOne(w *tar.Writer, path, name string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	h := &tar.Header{Name: name, Mode: 0o600, Size: info.Size(), Typeflag: tar.TypeReg}
	switch {
	case info.IsDir():
		h.Typeflag, h.Mode, h.Size = tar.TypeDir, 0o700, 0
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(path)
		if err != nil {
			return err
		}
		if filepath.IsAbs(target) { // its own, elsewhere after unpacking
			return fmt.Errorf("%s is an absolute link to %s", name, target)
		}
		h.Typeflag, h.Size, h.Linkname = tar.TypeSymlink, 0, target
	case !info.Mode().IsRegular():
		return nil // sockets
	}
	if err := w.WriteHeader(h); err != nil || h.Typeflag != tar.TypeReg {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	_, err = io.Copy(w, f)
	return err
}
