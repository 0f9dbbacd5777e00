package sourcetest

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/textproto"
	"os"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// vector is one signed delivery whose genuineness is known beforehand.
type vector struct {
	ID, Secret, URL, Method, Body string
	Headers                       map[string]string
	Clock                         int64 // seconds since 1970; 0 where the scheme has no time
	Expected, Why                 string
}

// Vectors checks a source's Verify against the published and computed
// signatures in a JSON file.
func Vectors(t *testing.T, construct func(ingest.SourceConfig) (ingest.Source, error), path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(text, &vectors); err != nil || len(vectors) == 0 {
		t.Fatalf("%s: %d vectors, %v", path, len(vectors), err)
	}
	for _, v := range vectors {
		source, err := construct(withDefaults(ingest.SourceConfig{Secrets: []string{v.Secret}}))
		if err != nil {
			t.Errorf("%s: %v", v.ID, err)
			continue
		}
		d := &ingest.Delivery{
			ID: v.ID, Method: cmp.Or(v.Method, "POST"), URL: v.URL, Body: []byte(v.Body),
			Header: textproto.MIMEHeader{}, ReceivedAt: time.Unix(v.Clock, 0).UTC(),
		}
		for name, value := range v.Headers {
			d.Header.Set(name, value)
		}
		err = source.Verify(d)
		if got := err == nil; got != (v.Expected == "valid") {
			t.Errorf("%s (%s): %s expected, got %v", v.ID, v.Why, v.Expected, err)
		}
		if err != nil && !errors.Is(err, ingest.ErrUnverified) {
			t.Errorf("%s: %v is not ErrUnverified", v.ID, err)
		}
	}
}
