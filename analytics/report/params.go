package report

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// Params lists the parameters of a report, as a URL and a command line name
// them. By may be given several times or as a list with commas.
var Params = []string{"from", "to", "by", "model", "lookback", "tz", "currency", "workspace", "format"}

// Defaults stand in for parameters that are not given.
type Defaults struct {
	Workspace string         // DefaultWorkspace if empty
	TZ        *time.Location // UTC if nil
	Lookback  time.Duration  // DefaultLookback if 0
	Currency  string
	Rules     []PriceRule
	// Now tells what today is, for the default range: the last 30 days with
	// today. It must not be nil where from or to may be missing.
	Now func() time.Time
}

// defaultDays is the length of the range when it is not given.
const defaultDays = 30

type problems struct{ ingest.InvalidError }

func (p *problems) add(param, format string, args ...any) { p.Add(param, format, args...) }

// ParseQuery reads a query from parameters. It fails with an
// *ingest.InvalidError that names each parameter which is wrong.
func ParseQuery(params url.Values, defaults Defaults) (Query, error) {
	var p problems
	one := func(name string) string {
		if len(params[name]) > 1 {
			p.add(name, "given more than once")
		}
		return strings.TrimSpace(params.Get(name))
	}
	for name := range params {
		if !slices.Contains(Params, name) {
			p.add(name, "unknown parameter; there are %s", strings.Join(Params, ", "))
		}
	}
	q := Query{
		Workspace: one("workspace"), Model: one("model"), Currency: strings.ToUpper(one("currency")),
		TZ: defaults.TZ, Lookback: defaults.Lookback, Rules: defaults.Rules,
	}
	if q.Workspace == "" {
		q.Workspace = defaults.Workspace
	}
	if q.Currency == "" {
		q.Currency = defaults.Currency
	}
	if text := one("tz"); text != "" {
		q.TZ = parseZone(text, &p)
	}
	if text := one("lookback"); text != "" {
		q.Lookback = parseLookback(text, &p)
	}
	for _, list := range params["by"] {
		for key := range strings.SplitSeq(list, ",") {
			if key = strings.TrimSpace(key); key != "" {
				q.By = append(q.By, key)
			}
		}
	}
	if text := one("format"); text != "" && !slices.Contains(Formats, Format(text)) {
		p.add("format", "unknown format; there are table, csv, json")
	}
	q = q.filled()
	q.parseRange(one("from"), one("to"), defaults, &p)
	q.check(&p)
	if len(p.Fields) > 0 {
		return Query{}, &p.InvalidError
	}
	return q, nil
}

// parseRange sets From and To. A missing end is today; a missing start makes
// the range 30 days long.
func (q *Query) parseRange(from, to string, defaults Defaults, p *problems) {
	read := func(param, text string) time.Time {
		t, err := time.Parse(time.DateOnly, text)
		if err != nil {
			p.add(param, "not a date such as 2026-01-31")
		}
		return t
	}
	if from != "" {
		q.From = read("from", from)
	}
	if to != "" {
		q.To = read("to", to)
	} else if defaults.Now != nil {
		if q.To = read("to", day(defaults.Now().In(q.TZ))); q.From.After(q.To) {
			p.add("from", "lies in the future, and to is missing")
		}
	}
	if from == "" && (to != "" || !q.To.IsZero()) {
		q.From = q.To.AddDate(0, 0, 1-defaultDays)
	}
}

func parseZone(name string, p *problems) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		p.add("tz", "no such zone in the IANA database; write it like Europe/Berlin")
		return time.UTC
	}
	return zone
}

func parseLookback(text string, p *problems) time.Duration {
	d, err := ParseLookback(text)
	if err != nil {
		p.add("lookback", "%v", err)
		return DefaultLookback
	}
	return d
}

// ParseLookback reads a span of time such as 30d or 12h.
func ParseLookback(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n uint64
		if n, err = strconv.ParseUint(days, 10, 12); err == nil {
			d = time.Duration(n) * 24 * time.Hour
		}
	}
	if err != nil || d < time.Second || d > maxLookback {
		return 0, fmt.Errorf("not a span of time such as 30d or 12h, from 1s to 3660d")
	}
	return d, nil
}

// Format is how a report is written.
type Format string

// The formats of reports.
const (
	Table Format = "table"
	CSV   Format = "csv"
	JSON  Format = "json"
)

// Formats lists the formats.
var Formats = []Format{Table, CSV, JSON}

// FormatOf returns the format that the parameters ask for, else fallback.
// ParseQuery has checked it.
func FormatOf(params url.Values, fallback Format) Format {
	if text := strings.TrimSpace(params.Get("format")); text != "" {
		return Format(text)
	}
	return fallback
}
