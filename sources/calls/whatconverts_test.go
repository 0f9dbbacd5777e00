package calls_test

import (
	"testing"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/calls"
	"github.com/leadgate/leadgate/sources/sourcetest"
)

func whatConvertsHarness() sourcetest.Options {
	return sourcetest.Options{
		New:    calls.NewWhatConverts,
		Config: ingest.SourceConfig{Name: "calls", Secrets: []string{"own-whatconverts-token"}, DefaultRegion: "US"},
		Dir:    "testdata/whatconverts",
	}
}

func TestWhatConverts(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, whatConvertsHarness())
}

func FuzzWhatConverts(f *testing.F)      { sourcetest.Fuzz(f, whatConvertsHarness()) }
func BenchmarkWhatConverts(b *testing.B) { sourcetest.Bench(b, whatConvertsHarness(), "completed") }
