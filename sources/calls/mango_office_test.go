package calls_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/calls"
	"github.com/leadgate/leadgate/sources/sourcetest"
)

func mangoHarness() sourcetest.Options {
	return sourcetest.Options{
		New:    calls.NewMangoOffice,
		Config: ingest.SourceConfig{Name: "calls", Secrets: []string{"othervpbxkey:othersalt", "ownvpbxapikey123:ownsalt456", "saltalone789"}, DefaultRegion: "RU"},
		Dir:    "testdata/mango-office",
		Signed: true,
	}
}

func TestMangoOffice(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, mangoHarness())
}

func TestMangoOffice_SignatureVectors(t *testing.T) {
	t.Parallel()
	sourcetest.Vectors(t, calls.NewMangoOffice, "testdata/mango-office/vectors.json")
}

// The exchange's key is not kept, and what is left means the same.
func TestMangoOffice_KeepsNoKey(t *testing.T) {
	t.Parallel()
	source, err := calls.NewMangoOffice(mangoHarness().Config)
	if err != nil {
		t.Fatal(err)
	}
	d, err := sourcetest.Read("testdata/mango-office/summary/request.http")
	if err != nil {
		t.Fatal(err)
	}
	before, err := source.Decode(d)
	if err != nil {
		t.Fatal(err)
	}
	source.(ingest.Redactor).Redact(d)
	after, err := source.Decode(d)
	if err != nil || !reflect.DeepEqual(before, after) {
		t.Errorf("redacted it means %+v, %v; before %+v", after, err, before)
	}
	if body := string(d.Body); strings.Contains(body, "ownvpbxapikey123") || !strings.HasPrefix(body, "sign=") {
		t.Errorf("what is kept: %s", body)
	}
}

func TestNewMangoOffice_Secrets(t *testing.T) {
	t.Parallel()
	for secret, good := range map[string]bool{
		"ownkey1:ownsalt": true, "ownsalt": true, "ownkey1:own:salt": true, ":ownsalt": false, "ownkey1:": false, "own key:ownsalt": false, "": false,
	} {
		_, err := calls.NewMangoOffice(ingest.SourceConfig{Secrets: []string{"ownsalt", secret}})
		if (err == nil) != good || err != nil && (!strings.Contains(err.Error(), "secrets[1]") || strings.Contains(err.Error(), "own")) {
			t.Errorf("%q: %v", secret, err)
		}
	}
}

func FuzzMangoOffice(f *testing.F)      { sourcetest.Fuzz(f, mangoHarness()) }
func BenchmarkMangoOffice(b *testing.B) { sourcetest.Bench(b, mangoHarness(), "summary") }
