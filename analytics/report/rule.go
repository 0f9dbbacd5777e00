package report

import (
	"slices"
	"strings"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// What a price rule's price is for.
const (
	PerClick = "click" // each measured click (touch)
	PerLead  = "lead"  // each unique lead
	PerSale  = "sale"  // each lead that was won, once, on the day of its first such status
)

// WonStatuses are the statuses that mean a sale, in lower case.
var WonStatuses = []string{"won", "sale", "sold", "customer", "paid"}

// PriceRule gives a price to traffic that no cost is imported for: where a
// cost was imported for the same day, channel, platform and campaign, that
// cost stands and the rule is passed over (a note says so). Of several rules
// with the same Per that match, the first counts.
type PriceRule struct {
	Name string // how notes call it
	// What it is for; empty matches anything. Channel, Source and Medium are
	// compared without regard to case, Workspace and Campaign as they stand
	// (Campaign with the campaign's name or id).
	Workspace, Channel, Source, Medium, Campaign string
	Per                                          string // PerClick, PerLead or PerSale
	Price                                        ingest.Micros
	Currency                                     string // ISO 4217
	// From and To are the first and last day it holds; zero is open. Only
	// their calendar date counts, as a day in the report's zone.
	From, To time.Time
}

// matches tells whether the rule prices what is in a cell.
func (r *PriceRule) matches(workspace string, c cell) bool {
	match := func(want, got string) bool { return want == "" || strings.EqualFold(want, got) }
	return (r.Workspace == "" || r.Workspace == workspace) &&
		match(r.Channel, c.channel) && match(r.Source, c.source) && match(r.Medium, c.medium) &&
		(r.Campaign == "" || r.Campaign == c.campaign || r.Campaign == c.campaignID) &&
		(r.From.IsZero() || day(r.From) <= c.day) && (r.To.IsZero() || c.day <= day(r.To))
}

// checkRules adds what is wrong with the rules of a query.
func (q Query) checkRules(p *problems) {
	for _, r := range q.Rules {
		if !slices.Contains([]string{PerClick, PerLead, PerSale}, r.Per) {
			p.add("rules", "price rule %s: per is not one of click, lead, sale", r.Name)
		}
		if r.Price < 0 {
			p.add("rules", "price rule %s: the price is negative", r.Name)
		}
		if !isCurrency(r.Currency) {
			p.add("rules", "price rule %s: the currency is not an ISO 4217 code such as EUR", r.Name)
		}
	}
}

// pricesSales tells whether sales have to be read at all.
func (q Query) pricesSales() bool {
	return slices.ContainsFunc(q.Rules, func(r PriceRule) bool {
		return r.Per == PerSale && (r.Workspace == "" || r.Workspace == q.Workspace)
	})
}
