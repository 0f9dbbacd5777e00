package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/leadgate/leadgate/ingest"
)

// notes says what the figures do not.
func (b *builder) notes(f facts, rows []Row) []string {
	notes := []string{}
	add := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	for _, currency := range slices.Sorted(maps.Keys(b.money)) {
		if currency != b.currency {
			add("Left out: costs of %v %s. The leads and clicks that they bought are counted, so that cpl is too low where they were spent.",
				ingest.Micros(b.money[currency]), currency)
		}
	}
	for _, i := range slices.Sorted(maps.Keys(b.skipped)) {
		rule := b.q.Rules[i]
		add("Price rule %s was passed over for %s: a cost was imported for the same day, channel, platform and campaign.",
			rule.Name, counted(b.skipped[i], rule.Per, rule.Per+"s"))
	}
	if parts := notCounted(f.notCounted); len(parts) > 0 {
		add("Not counted as leads: %s.", strings.Join(parts, ", "))
	}
	if f.quarantined > 0 {
		add("%s in quarantine: see `leadgate quarantine list`.", counted(f.quarantined, "delivery of this range is", "deliveries of this range are"))
	}
	var inferred, leads int64
	for _, l := range f.leads {
		leads += l.n
		if l.inferred {
			inferred += l.n
		}
	}
	if inferred > 0 {
		add("The channel of %d of %s follows from a click id or the platform of an advertisement, without tags that say it.", inferred, counted(leads, "lead", "leads"))
	}
	b.rowNotes(rows, add)
	if b.uncounted > 0 {
		add("%s not counted as clicks: the platform's own clicks of that day are, under another campaign or none.",
			counted(b.uncounted, "touch is", "touches are"))
	}
	if n := f.unmatchedSales; n > 0 {
		add("%s no lead that counts, so no price per sale is added for it.", counted(n, "sale names", "sales name"))
	}
	return notes
}

func (b *builder) rowNotes(rows []Row, add func(string, ...any)) {
	var costless, leadless int64
	for _, r := range rows {
		if r.Cost == nil {
			costless++
		} else if r.Leads == 0 && *r.Cost != 0 {
			leadless++
		}
	}
	if costless > 0 {
		add("%s no known cost.", counted(costless, "row has", "rows have"))
	}
	if leadless > 0 {
		add("%s a cost but no lead.", counted(leadless, "row has", "rows have"))
	}
	if n := len(b.names.shared); n > 0 && slices.Contains(b.q.By, ByCampaignID) {
		add("%s by several campaign ids: clicks and leads tagged with such a name alone have no campaign_id.",
			counted(int64(n), "campaign name is shared", "campaign names are shared"))
	}
}

// notCounted lists the leads that are no conversions, in a fixed order.
func notCounted(byVerdict map[string]int64) []string {
	var parts []string
	for _, v := range []struct {
		verdict   ingest.LeadVerdict
		one, many string
	}{
		{ingest.DuplicateLead, "duplicate", "duplicates"},
		{ingest.TestLead, "test", "tests"},
		{ingest.SpamLead, "spam", "spam"},
		{ingest.InterestLead, "interest without a way to reach the person", "interests without a way to reach the person"},
	} {
		if n := byVerdict[string(v.verdict)]; n > 0 {
			parts = append(parts, counted(n, v.one, v.many))
		}
	}
	return parts
}

func counted(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
