package report

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The keys that a report can be broken down by.
const (
	ByChannel    = "channel"
	BySource     = "source"
	ByMedium     = "medium"
	ByCampaign   = "campaign"
	ByCampaignID = "campaign_id"
	ByDay        = "day"
	ByWeek       = "week"  // ISO 8601: 2026-W05
	ByMonth      = "month" // 2026-01
)

// Keys lists the keys of Query.By: those that costs, clicks and leads all have.
var Keys = []string{ByChannel, BySource, ByMedium, ByCampaign, ByCampaignID, ByDay, ByWeek, ByMonth}

// LastTouch gives a conversion to the latest touch before it.
const LastTouch = "last-touch"

// Models lists the attribution models that reports know.
var Models = []string{LastTouch}

// DefaultLookback is how far back from a conversion a touch may lie.
const DefaultLookback = 30 * 24 * time.Hour

// maxLookback keeps a slip of the finger from reading all of history.
const maxLookback = 10 * 366 * 24 * time.Hour

// DefaultWorkspace is the workspace of who does not name one.
const DefaultWorkspace = "default"

// Query says what is asked. Its zero values, From and To apart, mean: the
// default workspace, by channel, last-touch, a lookback of 30 days, UTC, and
// whatever single currency there is.
type Query struct {
	Workspace string
	// From and To are the first and the last day, both included; only their
	// calendar date counts, as a day in TZ.
	From, To time.Time
	// By are the keys of the rows, of Keys, in the order of the columns.
	By    []string
	Model string
	// Lookback runs back from each conversion, not from the report's range.
	Lookback time.Duration
	// TZ is the zone in which conversions and clicks fall on a day. It must be
	// of the IANA database. Costs stand on the day of their own account.
	TZ *time.Location
	// Currency (ISO 4217) chooses among several; money in others is left out.
	Currency string
	// Rules give a price to what no cost was imported for.
	Rules []PriceRule
}

// filled returns q with defaults in place of zero values.
func (q Query) filled() Query {
	if q.Workspace == "" {
		q.Workspace = DefaultWorkspace
	}
	if len(q.By) == 0 {
		q.By = []string{ByChannel}
	}
	if q.Model == "" {
		q.Model = LastTouch
	}
	if q.Lookback == 0 {
		q.Lookback = DefaultLookback
	}
	if q.TZ == nil {
		q.TZ = time.UTC
	}
	q.Currency = strings.ToUpper(q.Currency)
	return q
}

// check adds what is wrong with a filled query, by parameter.
func (q Query) check(p *problems) {
	switch {
	case q.From.IsZero():
		p.add("from", "missing")
	case q.To.IsZero():
		p.add("to", "missing")
	case day(q.To) < day(q.From):
		p.add("to", "lies before from")
	}
	for i, key := range q.By {
		if !slices.Contains(Keys, key) {
			p.add("by", "unknown key; there are %s", strings.Join(Keys, ", "))
		} else if slices.Contains(q.By[:i], key) {
			p.add("by", "%s stands twice", key)
		}
	}
	if !slices.Contains(Models, q.Model) {
		p.add("model", "unknown model; there is %s", strings.Join(Models, ", "))
	}
	if q.Lookback < 0 || q.Lookback > maxLookback {
		p.add("lookback", "must be between 1s and 3660d")
	}
	if name := q.TZ.String(); name == "Local" || name == "" {
		p.add("tz", "name a zone of the IANA database, such as Europe/Berlin")
	} else if _, err := time.LoadLocation(name); err != nil {
		p.add("tz", "no such zone in the IANA database; write it like Europe/Berlin")
	}
	if q.Currency != "" && !isCurrency(q.Currency) {
		p.add("currency", "not an ISO 4217 code such as EUR")
	}
}

func isCurrency(code string) bool {
	return len(code) == 3 && strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

func day(t time.Time) string { return t.Format(time.DateOnly) }

// durationText writes whole days as 30d, anything else as Go does.
func durationText(d time.Duration) string {
	if days := d / (24 * time.Hour); d > 0 && d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", days)
	}
	return d.String()
}

// CurrencyError refuses to add money of different currencies.
type CurrencyError struct{ Currencies []string }

func (e *CurrencyError) Error() string {
	return fmt.Sprintf("the costs are in %s, and different currencies are not added: choose one with --currency %s",
		strings.Join(e.Currencies, ", "), e.Currencies[0])
}
