package forms_test

import (
	"testing"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/forms"
	"github.com/leadgate/leadgate/sources/sourcetest"
)

func form() sourcetest.Options {
	return sourcetest.Options{
		New:        forms.NewForm,
		Config:     ingest.SourceConfig{DefaultRegion: "US", AllowedHosts: []string{"www.example.com"}},
		Dir:        "testdata/form",
		FirstParty: true,
		Open:       true,
	}
}

func jsonLeads() sourcetest.Options {
	return sourcetest.Options{
		New:    forms.NewJSON,
		Config: ingest.SourceConfig{DefaultRegion: "US", Secrets: []string{"json-own-secret"}},
		Dir:    "testdata/json",
	}
}

func typeform() sourcetest.Options {
	return sourcetest.Options{
		New:     forms.NewTypeform,
		Config:  ingest.SourceConfig{DefaultRegion: "US", Secrets: []string{"an-older-secret", "typeform-own-secret"}},
		Dir:     "testdata/typeform",
		Signed:  true,
		Headers: []string{"Typeform-Signature"},
	}
}

func TestForm(t *testing.T)     { sourcetest.Run(t, form()) }
func TestJSON(t *testing.T)     { sourcetest.Run(t, jsonLeads()) }
func TestTypeform(t *testing.T) { sourcetest.Run(t, typeform()) }

func TestTypeform_Vectors(t *testing.T) {
	t.Parallel()
	sourcetest.Vectors(t, forms.NewTypeform, "testdata/typeform/vectors.json")
}

func FuzzForm(f *testing.F)     { sourcetest.Fuzz(f, form()) }
func FuzzJSON(f *testing.F)     { sourcetest.Fuzz(f, jsonLeads()) }
func FuzzTypeform(f *testing.F) { sourcetest.Fuzz(f, typeform()) }

func BenchmarkForm(b *testing.B)     { sourcetest.Bench(b, form(), "urlencoded") }
func BenchmarkFormJSON(b *testing.B) { sourcetest.Bench(b, form(), "json") }
func BenchmarkJSON(b *testing.B)     { sourcetest.Bench(b, jsonLeads(), "flat") }
func BenchmarkTypeform(b *testing.B) { sourcetest.Bench(b, typeform(), "form-response") }
