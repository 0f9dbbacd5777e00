package ads_test

import (
	"testing"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/ads"
	"github.com/leadgate/leadgate/sources/sourcetest"
)

func snapchatHarness() sourcetest.Options {
	return sourcetest.Options{
		New: ads.NewSnapchat, Dir: "testdata/snapchat",
		Config: ingest.SourceConfig{
			Name: "snapchat", Secrets: []string{"own-former-secret", "snap-own-hmac-secret"}, DefaultRegion: "US",
		},
	}
}

func TestSnapchat(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, snapchatHarness())
}

func TestSnapchat_Vectors(t *testing.T) {
	t.Parallel()
	sourcetest.Vectors(t, ads.NewSnapchat, "testdata/snapchat/vectors.json")
}

func FuzzSnapchat(f *testing.F)      { sourcetest.Fuzz(f, snapchatHarness()) }
func BenchmarkSnapchat(b *testing.B) { sourcetest.Bench(b, snapchatHarness(), "lead") }
