package calls_test

import (
	"testing"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/calls"
	"github.com/leadgate/leadgate/sources/sourcetest"
)

func ringbaHarness() sourcetest.Options {
	return sourcetest.Options{
		New:     calls.NewRingba,
		Config:  ingest.SourceConfig{Name: "calls", Secrets: []string{"own"}, DefaultRegion: "US", Location: chicago()},
		Dir:     "testdata/ringba",
		Methods: []string{"GET", "POST"},
		Query:   true,
	}
}

func TestRingba(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, ringbaHarness())
}

func FuzzRingba(f *testing.F)      { sourcetest.Fuzz(f, ringbaHarness()) }
func BenchmarkRingba(b *testing.B) { sourcetest.Bench(b, ringbaHarness(), "completed") }
