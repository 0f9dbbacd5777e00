package ads_test

import (
	"testing"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/ads"
	"github.com/leadgate/leadgate/sources/sourcetest"
)

func metaHarness() sourcetest.Options {
	return sourcetest.Options{
		New: ads.NewMeta, Dir: "testdata/meta", Signed: true, Headers: []string{"X-Hub-Signature-256"},
		Config: ingest.SourceConfig{
			Name: "meta", Secrets: []string{"own-former-app-secret", "7c1f0d9e5b3a4862a1d0c9f8e7b6a594"}, DefaultRegion: "US",
			Options: map[string]any{"verify_token": "own-verify-token"},
		},
	}
}

func TestMeta(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, metaHarness())
}

func TestMeta_Vectors(t *testing.T) {
	t.Parallel()
	sourcetest.Vectors(t, ads.NewMeta, "testdata/meta/vectors.json")
}

func FuzzMeta(f *testing.F)      { sourcetest.Fuzz(f, metaHarness()) }
func BenchmarkMeta(b *testing.B) { sourcetest.Bench(b, metaHarness(), "lead") }
