package calls_test

import (
	"encoding/json"
	"errors"
	"net/textproto"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/calls"
	"github.com/leadgate/leadgate/sources/sourcetest"
)

func harness() sourcetest.Options {
	return sourcetest.Options{
		New:     calls.NewCallRail,
		Config:  config(),
		Dir:     "testdata/callrail",
		Signed:  true,
		Headers: []string{"Signature"},
	}
}

func config() ingest.SourceConfig {
	return ingest.SourceConfig{
		Name: "calls", Secrets: []string{"own-former-key", "own-company-signing-key"}, DefaultRegion: "US", Location: time.UTC,
	}
}

func TestCallRail(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, harness())
}

// With a tolerance, deliveries outside of it are refused on both sides.
func TestCallRail_Tolerance(t *testing.T) {
	t.Parallel()
	o := harness()
	o.Dir, o.Timed = "testdata/callrail-timed", true
	o.Config.Options = map[string]any{"tolerance": "30m"}
	sourcetest.Run(t, o)
}

func TestCallRail_SignatureVectors(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/callrail-signatures.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		ID, Secret, URL, Body, Expected, Why string
		Headers                              map[string]string
	}
	if err := json.Unmarshal(text, &vectors); err != nil || len(vectors) == 0 {
		t.Fatal("no vectors", err)
	}
	for _, v := range vectors {
		c := config()
		c.Secrets = []string{v.Secret}
		source, err := calls.NewCallRail(c)
		if err != nil {
			t.Fatal(err)
		}
		d := &ingest.Delivery{ReceivedAt: time.Unix(1767614400, 0), URL: v.URL, Body: []byte(v.Body), Header: textproto.MIMEHeader{}}
		for name, value := range v.Headers {
			d.Header.Set(name, value)
		}
		if err := source.Verify(d); (err == nil) != (v.Expected == "valid") || err != nil && !errors.Is(err, ingest.ErrUnverified) {
			t.Errorf("%s (%s): got %v, want %s", v.ID, v.Why, err, v.Expected)
		}
	}
}

// Everything that is said about one call is one event, and the later delivery
// replaces the earlier.
func TestCallRail_UpdateIsANewerVersion(t *testing.T) {
	t.Parallel()
	source, err := calls.NewCallRail(config())
	if err != nil {
		t.Fatal(err)
	}
	keys := make(map[string]bool)
	for _, name := range []string{"pre-call", "post-call", "call-modified"} {
		d, err := sourcetest.Read("testdata/callrail/" + name + "/request.http")
		if err != nil {
			t.Fatal(err)
		}
		events, err := source.Decode(d)
		if err != nil || len(events) != 1 {
			t.Fatal(name, len(events), err)
		}
		if !events[0].Mutable || events[0].Version != 0 {
			t.Errorf("%s: mutable %v, version %d; want a version from the time of receipt", name, events[0].Mutable, events[0].Version)
		}
		keys[events[0].Key] = true
	}
	if len(keys) != 1 {
		t.Errorf("one call has %d keys: %v", len(keys), keys)
	}
}

func TestNewCallRail_Refuses(t *testing.T) {
	t.Parallel()
	f := func(key string, value any) {
		t.Helper()
		c := config()
		c.Options = map[string]any{key: value}
		if _, err := calls.NewCallRail(c); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v: got %v, want an error that names it", key, value, err)
		}
	}
	f("tolerance", "a day")
	f("tolerance", "-1h")
	f("min_duration", -1)
	f("min_durations", 30)
}

func FuzzCallRail(f *testing.F)      { sourcetest.Fuzz(f, harness()) }
func BenchmarkCallRail(b *testing.B) { sourcetest.Bench(b, harness(), "post-call") }
