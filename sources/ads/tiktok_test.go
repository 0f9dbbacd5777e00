package ads_test

import (
	"testing"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/ads"
	"github.com/leadgate/leadgate/sources/sourcetest"
)

func tiktokHarness() sourcetest.Options {
	return sourcetest.Options{
		New: ads.NewTikTok, Dir: "testdata/tiktok",
		Config: ingest.SourceConfig{
			Name: "tiktok", Secrets: []string{"own-client-secret", "own-unguessable-url-token"}, DefaultRegion: "US",
		},
	}
}

func TestTikTok(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, tiktokHarness())
}

func TestTikTok_Vectors(t *testing.T) {
	t.Parallel()
	sourcetest.Vectors(t, ads.NewTikTok, "testdata/tiktok/vectors.json")
}

func FuzzTikTok(f *testing.F)      { sourcetest.Fuzz(f, tiktokHarness()) }
func BenchmarkTikTok(b *testing.B) { sourcetest.Bench(b, tiktokHarness(), "lead") }
