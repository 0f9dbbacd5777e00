package webhooks_test

import (
	"testing"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/sourcetest"
	"github.com/leadgate/leadgate/sources/webhooks"
)

func standard() sourcetest.Options {
	return sourcetest.Options{
		New: webhooks.NewStandard,
		Config: ingest.SourceConfig{Secrets: []string{
			"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whpk_cL0Ccoushk+gAe8ix6Jy9e8WsyuSZyqAbsQvBuLL3pY=",
		}},
		Dir:     "testdata/standard-webhooks",
		Signed:  true,
		Timed:   true,
		Headers: []string{"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"},
	}
}

func TestStandard(t *testing.T) { sourcetest.Run(t, standard()) }

func TestStandard_Vectors(t *testing.T) {
	t.Parallel()
	sourcetest.Vectors(t, webhooks.NewStandard, "testdata/standard-webhooks/vectors.json")
	sourcetest.Vectors(t, webhooks.NewStandard, "testdata/standard-webhooks/vectors-v1a.json")
}

func FuzzStandard(f *testing.F) { sourcetest.Fuzz(f, standard()) }

func BenchmarkStandard(b *testing.B) { sourcetest.Bench(b, standard(), "lead") }
