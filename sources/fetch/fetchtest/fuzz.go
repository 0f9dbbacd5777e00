package fetchtest

import (
	"errors"
	"net/textproto"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/leadgate/leadgate/ingest"
)

// Fuzz feeds a source what no platform should answer: it must not panic, say only
// errors that say what to do, and ask nobody but its platform.
func Fuzz(f *testing.F, source ingest.Fetcher, ref ingest.Reference, seeds ...string) {
	for _, status := range []int{200, 302, 400, 401, 429, 503} {
		for _, seed := range append(seeds, "", "null", "[]", "{}", `{"error":null}`, `{"error":{"code":"x"}}`, "<html>") {
			f.Add(status, []byte(seed), "60", uint8(1))
		}
	}
	origins := source.FetchPlan().Origins
	judge := func(t *testing.T, request *ingest.Request, err error) {
		var failure *ingest.FetchError
		if errors.As(err, &failure) {
			text := ingest.PlatformText(failure.Text, source.FetchPlan().Secrets...)
			if failure.Problem == "" || failure.After < 0 || failure.After > 31*24*time.Hour || !utf8.ValidString(text) || strings.Contains(text, "\n") {
				t.Errorf("%+v", failure)
			}
			return
		}
		if err != nil || request == nil {
			return
		}
		for _, origin := range origins {
			if strings.HasPrefix(request.URL, origin+"/") {
				return
			}
		}
		t.Errorf("it asks %s", request.URL)
	}
	f.Fuzz(func(t *testing.T, status int, body []byte, field string, n uint8) {
		answer := ingest.Response{Status: status, Body: body, At: time.Now(), Header: textproto.MIMEHeader{}}
		for _, name := range []string{
			"Retry-After", "Location", "X-App-Usage", "X-Business-Use-Case-Usage", "Units", "X-Hubspot-Ratelimit-Interval-Milliseconds", "Content-Type",
		} {
			answer.Header.Set(name, field)
		}
		var answers []ingest.Response
		for range n%3 + 1 {
			answers = append(answers, answer)
		}
		step, err := source.Fetch(ref, answers)
		judge(t, step.Request, err)
		if lister, ok := source.(ingest.Lister); ok {
			span := ingest.Span{From: time.Unix(1767614400, 0), To: time.Unix(1767700800, 0)}
			page, err := lister.List(span, nil, &answer)
			judge(t, page.Next, err)
			for _, item := range page.Items {
				step, err := source.Fetch(item.Ref, item.Answers)
				judge(t, step.Request, err)
			}
			if page.State != nil {
				next, err := lister.List(span, page.State, nil)
				if err != nil || next.Next == nil {
					t.Errorf("it cannot go on from %s: %v", page.State, err)
				}
			}
			_, _ = lister.List(span, body, nil) // a state is its own, but came through a client
		}
	})
}
