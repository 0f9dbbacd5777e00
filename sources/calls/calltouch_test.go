package calls_test

import (
	"testing"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/calls"
	"github.com/leadgate/leadgate/sources/sourcetest"
)

func calltouchHarness() sourcetest.Options {
	return sourcetest.Options{
		New:     calls.NewCalltouch,
		Config:  ingest.SourceConfig{Name: "calls", Secrets: []string{"own-calltouch-token"}, DefaultRegion: "RU", Location: moscow()},
		Dir:     "testdata/calltouch",
		Methods: []string{"GET", "POST"},
		Query:   true,
	}
}

func TestCalltouch(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, calltouchHarness())
}

func FuzzCalltouch(f *testing.F)      { sourcetest.Fuzz(f, calltouchHarness()) }
func BenchmarkCalltouch(b *testing.B) { sourcetest.Bench(b, calltouchHarness(), "completed") }
