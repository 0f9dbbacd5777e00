package report

import (
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// Parameters are read or named as wrong; what is read makes a query or is
// refused, and never panics.
func FuzzParseQuery(f *testing.F) {
	for _, query := range []string{
		"from=2026-01-01&to=2026-01-31&by=channel,campaign&tz=Europe/Berlin", "by=day&by=source&model=linear&lookback=30d",
		"from=2026-02-30", "currency=eur&workspace=w%00", "tz=../../etc/passwd&lookback=99999999999d", "by=,,&format=csv", "nope=1&from=a&from=b",
		"from=0001-01-01&to=9999-12-31&by=day",
	} {
		f.Add(query)
	}
	defaults := Defaults{Now: func() time.Time { return time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC) }}
	f.Fuzz(func(t *testing.T, query string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		q, err := ParseQuery(values, defaults)
		if err == nil {
			var p problems
			if q.filled().check(&p); p.Err() != nil || q.From.After(q.To) {
				t.Errorf("%q was read as %+v, of which %v", query, q, p.Err())
			}
			return
		}
		var invalid *ingest.InvalidError
		if !errors.As(err, &invalid) {
			t.Errorf("%q: %v", query, err)
		}
	})
}
