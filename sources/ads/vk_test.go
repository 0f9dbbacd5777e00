package ads_test

import (
	"testing"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/ads"
	"github.com/leadgate/leadgate/sources/sourcetest"
)

func vkHarness() sourcetest.Options {
	return sourcetest.Options{
		New: ads.NewVK, Dir: "testdata/vk",
		Config: ingest.SourceConfig{
			Name: "vk", Secrets: []string{"ownFormerVkSecret", "ownVkSecret"}, DefaultRegion: "RU",
			Options: map[string]any{"confirmation": "a1b2c3d4"},
		},
	}
}

func TestVK(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, vkHarness())
}

func TestVK_Vectors(t *testing.T) {
	t.Parallel()
	sourcetest.Vectors(t, ads.NewVK, "testdata/vk/vectors.json")
}

func FuzzVK(f *testing.F)      { sourcetest.Fuzz(f, vkHarness()) }
func BenchmarkVK(b *testing.B) { sourcetest.Bench(b, vkHarness(), "lead") }

// The secret goes before anything is kept; all other bytes stay.
func TestVK_Redact(t *testing.T) {
	t.Parallel()
	source, err := ads.NewVK(vkHarness().Config)
	if err != nil {
		t.Fatal(err)
	}
	d := &ingest.Delivery{Body: []byte(`{"type":"x", "object":{"secret":"own"}, "secret": "ownVkSecret" ,"v":5.199}`)}
	source.(ingest.Redactor).Redact(d)
	if want := `{"type":"x", "object":{"secret":"own"} ,"v":5.199}`; string(d.Body) != want {
		t.Errorf("got %s", d.Body)
	}
}
