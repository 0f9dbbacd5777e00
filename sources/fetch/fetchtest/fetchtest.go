// Package fetchtest has stand-ins for platforms on this machine, and what asks
// them as the gateway does.
package fetchtest

import (
	"bytes"
	"io"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// Fetch asks until there is a document or an error, and returns how many
// requests that took.
func Fetch(t *testing.T, f ingest.Fetcher, ref ingest.Reference, answers ...ingest.Response) (ingest.Step, int, error) {
	t.Helper()
	for n := 0; n < 10; n++ {
		step, err := f.Fetch(ref, answers)
		if err != nil || step.Request == nil {
			return step, n, err
		}
		answers = append(answers, Carry(t, f, step.Request))
	}
	t.Fatal("it does not come to an end")
	return ingest.Step{}, 0, nil
}

// List asks for a whole list, and goes on from text alone, as after a restart.
func List(t *testing.T, l interface {
	ingest.Fetcher
	ingest.Lister
}, span ingest.Span) ([]ingest.Listed, error) {
	t.Helper()
	var list []ingest.Listed
	var state []byte
	for range 100 {
		page, err := l.List(span, state, nil)
		if err != nil || page.Next == nil {
			return list, err
		}
		answer := Carry(t, l, page.Next)
		if page, err = l.List(span, state, &answer); err != nil {
			return list, err
		}
		list = append(list, page.Items...)
		if page.Next == nil {
			return list, nil
		}
		state = bytes.Clone(page.State)
	}
	t.Fatal("the list does not come to an end")
	return nil, nil
}

// Carry carries one request, which must be to one of the plan's origins.
func Carry(t *testing.T, f ingest.Fetcher, r *ingest.Request) ingest.Response {
	t.Helper()
	if !slices.ContainsFunc(f.FetchPlan().Origins, func(origin string) bool { return strings.HasPrefix(r.URL, origin+"/") }) {
		t.Fatalf("it asks elsewhere: %s", r.URL)
	}
	for _, secret := range f.FetchPlan().Secrets {
		if secret != "" && strings.Contains(r.URL, secret) {
			t.Errorf("a secret stands in the address %s", r.URL)
		}
	}
	method := r.Method
	if method == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(t.Context(), method, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range r.Header {
		req.Header.Set(key, value)
	}
	answer, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return ingest.Response{Status: answer.StatusCode, Header: textproto.MIMEHeader(answer.Header), Body: body, At: time.Now()}
}
