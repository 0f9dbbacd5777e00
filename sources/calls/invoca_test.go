package calls_test

import (
	"testing"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/calls"
	"github.com/leadgate/leadgate/sources/sourcetest"
)

func invocaHarness() sourcetest.Options {
	return sourcetest.Options{
		New:     calls.NewInvoca,
		Config:  ingest.SourceConfig{Name: "calls", Secrets: []string{"own-invoca-token"}, DefaultRegion: "US"},
		Dir:     "testdata/invoca",
		Methods: []string{"GET", "POST"},
		Query:   true,
	}
}

func TestInvoca(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, invocaHarness())
}

func FuzzInvoca(f *testing.F)      { sourcetest.Fuzz(f, invocaHarness()) }
func BenchmarkInvoca(b *testing.B) { sourcetest.Bench(b, invocaHarness(), "call") }
