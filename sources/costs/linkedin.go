package costs

import (
	"fmt"
	"strconv"
	"strings"
)

// linkedinJSON is what LinkedIn's adAnalytics answers. What a row is about it
// says in URNs, without a name. Amounts are decimal texts with many decimals,
// which are rounded to millionths: costInUsd where the source's currency is USD
// or there is no other, else costInLocalCurrency in the source's currency.
// https://learn.microsoft.com/linkedin/marketing/integrations/ads-reporting/ads-reporting
var linkedinJSON = &jsonForm{
	rows:  "elements",
	daily: "timeGranularity=DAILY",
	columns: map[string]use{
		"costinlocalcurrency": {column: colCost},
		"costinusd":           {column: colCostUSD},
		"clicks":              {column: colClicks},
		"impressions":         {column: colImpressions},
	},
	more: []string{
		"pivotvalues[]", "pivotvalue", "daterange.start.year", "daterange.start.month", "daterange.start.day",
		"daterange.end.year", "daterange.end.month", "daterange.end.day",
	},
	fill: func(values map[string]string, set func(column, string)) {
		for _, end := range [...]struct {
			column
			path string
		}{{colStart, "daterange.start."}, {colEnd, "daterange.end."}} {
			if day := isoDay(values[end.path+"year"], values[end.path+"month"], values[end.path+"day"]); day != "" {
				set(end.column, day)
			}
		}
		urns := values["pivotvalues[]"] + "\n" + values["pivotvalue"]
		for urn := range strings.SplitSeq(urns, "\n") {
			kind, id, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(urn), "urn:li:"), ":")
			if c, ok := linkedinURNs[kind]; ok && id != "" {
				set(c, id)
			}
			if kind == "sponsoredCampaignGroup" && !strings.Contains(urns, ":sponsoredCampaign:") {
				set(colCampaignID, id)
			}
		}
	},
	around: func(s *surroundings) (bool, error) {
		if status, err := strconv.Atoi(s.values["status"]); err == nil && status >= 400 {
			return false, s.refusal("message")
		}
		links := s.values["paging.links.rel"]
		start := s.values["paging.start"]
		return strings.Contains(links, "next") || strings.Contains(links, "prev") || start != "" && start != "0", nil
	},
}

// linkedinURNs are what rows can be about, besides groups of campaigns: these
// stand for the campaign where a report goes no further down.
var linkedinURNs = map[string]column{
	"sponsoredAccount": colAccount, "sponsoredCampaign": colCampaignID, "sponsoredCreative": colAdID,
}

// isoDay makes a day of three numbers, "" if they are none.
func isoDay(year, month, day string) string {
	y, err1 := strconv.Atoi(year)
	m, err2 := strconv.Atoi(month)
	d, err3 := strconv.Atoi(day)
	if err1 != nil || err2 != nil || err3 != nil {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", y, m, d)
}
