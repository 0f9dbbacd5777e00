package mail_test

import (
	"encoding/json"
	"errors"
	"net/textproto"
	"os"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/mail"
	"github.com/leadgate/leadgate/sources/sourcetest"
)

func harness() sourcetest.Options {
	return sourcetest.Options{
		New:     mail.NewPostmark,
		Config:  config(),
		Dir:     "testdata/postmark",
		Headers: []string{"Authorization"},
	}
}

func config() ingest.SourceConfig {
	return ingest.SourceConfig{
		Name: "mail", Secrets: []string{"own-password-alone", "hook:own-pass"}, DefaultRegion: "US", Location: time.UTC,
	}
}

func TestPostmark(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, harness())
}

func TestPostmark_SignatureVectors(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/postmark-signatures.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		ID, Secret, URL, Body, Expected, Why string
		Headers                              map[string]string
	}
	if err := json.Unmarshal(text, &vectors); err != nil || len(vectors) == 0 {
		t.Fatal("no vectors", err)
	}
	for _, v := range vectors {
		c := config()
		c.Secrets = []string{v.Secret}
		source, err := mail.NewPostmark(c)
		if err != nil {
			t.Fatal(err)
		}
		d := &ingest.Delivery{URL: v.URL, Body: []byte(v.Body), Header: textproto.MIMEHeader{}}
		for name, value := range v.Headers {
			d.Header.Set(name, value)
		}
		if err := source.Verify(d); (err == nil) != (v.Expected == "valid") || err != nil && !errors.Is(err, ingest.ErrUnverified) {
			t.Errorf("%s (%s): got %v, want %s", v.ID, v.Why, err, v.Expected)
		}
	}
}

func FuzzPostmark(f *testing.F)      { sourcetest.Fuzz(f, harness()) }
func BenchmarkPostmark(b *testing.B) { sourcetest.Bench(b, harness(), "notification") }
