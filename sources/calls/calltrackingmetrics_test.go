package calls_test

import (
	"testing"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/calls"
	"github.com/leadgate/leadgate/sources/sourcetest"
)

func ctmHarness() sourcetest.Options {
	return sourcetest.Options{
		New:     calls.NewCallTrackingMetrics,
		Config:  ingest.SourceConfig{Name: "calls", Secrets: []string{"own-former-secret", "own-ctm-secret"}, DefaultRegion: "US"},
		Dir:     "testdata/calltrackingmetrics",
		Signed:  true,
		Headers: []string{"X-Ctm-Signature", "X-Ctm-Time"},
	}
}

func TestCallTrackingMetrics(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, ctmHarness())
}

func TestCallTrackingMetrics_SignatureVectors(t *testing.T) {
	t.Parallel()
	sourcetest.Vectors(t, calls.NewCallTrackingMetrics, "testdata/calltrackingmetrics/vectors.json")
}

// Its encoder ends the signature with a newline, which some servers pass on.
func TestCallTrackingMetrics_SignatureWithNewline(t *testing.T) {
	t.Parallel()
	source, err := calls.NewCallTrackingMetrics(ctmHarness().Config)
	if err != nil {
		t.Fatal(err)
	}
	d, err := sourcetest.Read("testdata/calltrackingmetrics/end/request.http")
	if err != nil {
		t.Fatal(err)
	}
	d.Header.Set("X-Ctm-Signature", d.Header.Get("X-Ctm-Signature")+"\n")
	if err := source.Verify(d); err != nil {
		t.Error(err)
	}
}

func FuzzCallTrackingMetrics(f *testing.F)      { sourcetest.Fuzz(f, ctmHarness()) }
func BenchmarkCallTrackingMetrics(b *testing.B) { sourcetest.Bench(b, ctmHarness(), "end") }
