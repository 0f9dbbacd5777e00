package main

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/leadgate/leadgate/analytics/clickhouse/clickhousetest"
	"github.com/leadgate/leadgate/sources/fetch/fetchtest"
)

// upgradeDir holds, for each version that is upgraded from, its data_dir with
// its gateway killed in the middle of the work (VERSION.tar.gz), the
// configuration that it ran with (VERSION.yaml), and what that version itself
// counted after it was started again (VERSION.json). make.sh makes them.
const upgradeDir = "testdata/upgrade"

// upgradeWant is what the old version counted. Later versions may have further
// columns and members, but none of these may change.
type upgradeWant struct {
	// Accepted is how many deliveries were answered with 2xx.
	Accepted int             `json:"accepted"`
	Queries  []upgradeAnswer `json:"queries"`
	Reports  []upgradeReport `json:"reports"`
}

type upgradeAnswer struct{ SQL, TSV string }

type upgradeReport struct {
	Args   []string         `json:"args"`
	Rows   []map[string]any `json:"rows"`
	Totals map[string]any   `json:"totals"`
}

// upgradeMeta is the platform that leads of the fixture are fetched from. Its
// configuration names upgradeMetaURL, which stands for where it listens.
func upgradeMeta(t *testing.T) (*fetchtest.Meta, string) {
	t.Helper()
	m := &fetchtest.Meta{Token: "EAAGoodToken", PageSize: 3}
	for i := range 4 {
		m.Leads = append(m.Leads, fetchtest.MetaLead{
			ID: fmt.Sprint(1500000000000001 + i), Form: "990000000000011", Email: fmt.Sprintf("kim%d@example.com", i),
			Created: time.Date(2026, 1, 5, 12, i, 0, 0, time.UTC),
		})
	}
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	return m, server.URL
}

const upgradeMetaURL = "http://127.0.0.1:9"

// upgradeProcess is a gateway, not started, on dir/data with a configuration of
// the fixture as it is, but for addresses of this machine.
func upgradeProcess(t *testing.T, dir, configuration, metaURL string) *process {
	t.Helper()
	text, err := os.ReadFile(configuration)
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(config, []byte(strings.ReplaceAll(string(text), upgradeMetaURL, metaURL)), 0o600); err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	return &process{
		t: t, url: "http://" + address, config: config, library: clickhousetest.Library(t),
		env: []string{"LEADGATE_LISTEN=" + address, "LEADGATE_PUBLIC_URL=http://" + address, "LEADGATE_DATA_DIR=" + filepath.Join(dir, "data")},
	}
}

// The data of every earlier version that is in testdata is taken over: what it
// acknowledged is counted as it would have counted it, whatever was under way
// when it was killed, with the configuration of then.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	archives, err := filepath.Glob(filepath.Join(upgradeDir, "*.tar.gz"))
	if err != nil || len(archives) == 0 {
		t.Fatalf("no data directories in %s (%v)", upgradeDir, err)
	}
	for _, archive := range archives {
		base := strings.TrimSuffix(archive, ".tar.gz")
		t.Run(filepath.Base(base), func(t *testing.T) {
			t.Parallel()
			if info, err := os.Stat(archive); err != nil || info.Size() > 2<<20 {
				t.Errorf("the archive is larger than 2 MiB: %v, %v", info, err)
			}
			var want upgradeWant
			text, err := os.ReadFile(base + ".json")
			if err == nil {
				err = json.Unmarshal(text, &want)
			}
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			if err := unpack(archive, filepath.Join(dir, "data")); err != nil {
				t.Fatal(err)
			}
			_, metaURL := upgradeMeta(t)
			p := upgradeProcess(t, dir, base+".yaml", metaURL)
			p.env = append(p.env, "LEADGATE_ADMIN_LISTEN=127.0.0.1:0")
			p.run("config", "check")
			for _, start := range []string{"first", "second"} {
				p.start()
				p.counted()
				p.until("rid of what was to be fetched", func() bool {
					return strings.TrimSpace(p.run("pending", "list", "--source", "facebook", "--format", "json")) == ""
				})
				p.counted()
				want.check(t, p, start+" start")
				p.run("reconcile", "--from", "2026-01-01", "--to", "2099-12-31") // exits with 1 on a difference
				p.run("journal", "verify")
				p.run("doctor") // exits with 1 on a fault
				p.stop()
			}
		})
	}
}

// check compares the store with what the old version counted.
func (w *upgradeWant) check(t *testing.T, p *process, when string) {
	t.Helper()
	for i, q := range w.Queries {
		got := p.sql(q.SQL)
		if got != q.TSV {
			t.Errorf("%s: %s\ngot\n%s\nwant\n%s", when, q.SQL, got, q.TSV)
		}
		if rows := strings.Count(got, "\n") + 1; i == 0 && rows < w.Accepted {
			t.Errorf("%s: %d deliveries of %d that were acknowledged", when, rows, w.Accepted)
		}
	}
	for _, r := range w.Reports {
		got := p.cpl(r.Args...)
		if len(got.Rows) != len(r.Rows) {
			t.Errorf("%s: report %v: %d rows, want %d", when, r.Args, len(got.Rows), len(r.Rows))
			continue
		}
		for i, row := range r.Rows {
			members(t, fmt.Sprintf("%s: report %v: row %d", when, r.Args, i), got.Rows[i], row)
		}
		members(t, fmt.Sprintf("%s: report %v: totals", when, r.Args), got.Totals, r.Totals)
	}
}

// members holds that got has all that want has.
func members(t *testing.T, what string, got, want map[string]any) {
	t.Helper()
	for key, value := range want {
		switch value := value.(type) {
		case map[string]any:
			has, _ := got[key].(map[string]any)
			members(t, what+": "+key, has, value)
		case float64: // rates may be rounded
			if has, ok := got[key].(float64); !ok || math.Abs(has-value) > 1e-6 {
				t.Errorf("%s: %s is %v, was %v", what, key, got[key], value)
			}
		default:
			if !reflect.DeepEqual(got[key], value) {
				t.Errorf("%s: %s is %v, was %v", what, key, got[key], value)
			}
		}
	}
}

// unpack unpacks an archive of make.sh into a new directory.
func unpack(archive, dir string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := unpackOne(root, h, r); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
	}
}

func unpackOne(root *os.Root, h *tar.Header, content io.Reader) error {
	switch h.Typeflag {
	case tar.TypeDir:
		return root.MkdirAll(h.Name, 0o700)
	case tar.TypeSymlink:
		return root.Symlink(h.Linkname, h.Name)
	case tar.TypeReg:
		f, err := root.OpenFile(h.Name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, content)
		return errors.Join(err, f.Close())
	default:
		return fmt.Errorf("neither file, directory nor link: %c", h.Typeflag)
	}
}
