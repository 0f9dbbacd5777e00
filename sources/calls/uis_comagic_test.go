package calls_test

import (
	"testing"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/calls"
	"github.com/leadgate/leadgate/sources/sourcetest"
)

func uisHarness() sourcetest.Options {
	return sourcetest.Options{
		New:     calls.NewUISCoMagic,
		Config:  ingest.SourceConfig{Name: "calls", Secrets: []string{"own-uis-token"}, DefaultRegion: "RU", Location: moscow()},
		Dir:     "testdata/uis-comagic",
		Methods: []string{"GET", "POST"},
		Query:   true,
	}
}

func TestUISCoMagic(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, uisHarness())
}

func FuzzUISCoMagic(f *testing.F)      { sourcetest.Fuzz(f, uisHarness()) }
func BenchmarkUISCoMagic(b *testing.B) { sourcetest.Bench(b, uisHarness(), "finished") }
