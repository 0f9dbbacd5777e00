package webhooks_test

import (
	"strings"
	"testing"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/sourcetest"
	"github.com/leadgate/leadgate/sources/webhooks"
)

func cloudEvents() sourcetest.Options {
	return sourcetest.Options{
		New:    webhooks.NewCloudEvents,
		Config: ingest.SourceConfig{Secrets: []string{"an-older-secret", "cloudevents-own-secret"}},
		Dir:    "testdata/cloudevents",
	}
}

func TestCloudEvents(t *testing.T) { sourcetest.Run(t, cloudEvents()) }

func FuzzCloudEvents(f *testing.F) { sourcetest.Fuzz(f, cloudEvents()) }

func BenchmarkCloudEvents(b *testing.B) { sourcetest.Bench(b, cloudEvents(), "structured") }

// The same id of two sources is two events, and so are all pairs that would
// read alike when run together.
func TestCloudEvents_KeyIsSourceAndID(t *testing.T) {
	t.Parallel()
	source, err := webhooks.NewCloudEvents(ingest.SourceConfig{Secrets: []string{"own-secret"}})
	if err != nil {
		t.Fatal(err)
	}
	keys := make(map[string]bool)
	for _, pair := range [][2]string{{"/a", "1"}, {"/b", "1"}, {"/a", "2"}, {"/a1", ""}, {"/a", "/1"}, {"/a/", "1"}, {"/a b", "c"}, {"/a", "b c"}} {
		events, err := source.Decode(&ingest.Delivery{Body: []byte(
			`{"specversion":"1.0","type":"t","id":"` + pair[1] + `","source":"` + pair[0] + `","data":{"email":"kim.lee@example.com"}}`)})
		if pair[1] == "" {
			if err == nil {
				t.Error("an event without an id is taken")
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		keys[events[0].Key] = true
	}
	if len(keys) != 7 {
		t.Errorf("%d keys: %v", len(keys), keys)
	}
}

func TestNewCloudEvents_Refuses(t *testing.T) {
	t.Parallel()
	for want, options := range map[string]map[string]any{
		"rate_per_minute": {"rate_per_minute": -1},
		"allow_ips[0]":    {"allow_ips": []any{"x"}},
		"no_such":         {"no_such": true},
	} {
		_, err := webhooks.NewCloudEvents(ingest.SourceConfig{Secrets: []string{"own-secret"}, Options: options})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", options, err)
		}
	}
	if _, err := webhooks.NewCloudEvents(ingest.SourceConfig{Options: map[string]any{"insecure": true}}); err != nil {
		t.Error(err)
	}
}
