package webhooks_test

import (
	"testing"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/sourcetest"
	"github.com/leadgate/leadgate/sources/webhooks"
)

func githubStyle() sourcetest.Options {
	return sourcetest.Options{
		New:    webhooks.NewGitHubStyle,
		Config: ingest.SourceConfig{Secrets: []string{"an-older-secret", "github-own-secret"}},
		Dir:    "testdata/github-style",
		Signed: true,
	}
}

func TestGitHubStyle(t *testing.T) { sourcetest.Run(t, githubStyle()) }

func TestGitHubStyle_Vectors(t *testing.T) {
	t.Parallel()
	sourcetest.Vectors(t, webhooks.NewGitHubStyle, "testdata/github-style/vectors.json")
}

func FuzzGitHubStyle(f *testing.F) { sourcetest.Fuzz(f, githubStyle()) }

func BenchmarkGitHubStyle(b *testing.B) { sourcetest.Bench(b, githubStyle(), "lead") }
