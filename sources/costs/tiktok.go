package costs

import "strconv"

// tiktokJSON is what TikTok's integrated report answers. Its errors come with
// the status 200 and a code that is not 0. Amounts are decimal texts in the
// advertiser's currency, which is not in the rows unless the metric currency was
// asked for: set the source's. Rows by the hour are counted to their day.
// https://business-api.tiktok.com/portal/docs?id=1740302848100353
var tiktokJSON = &jsonForm{
	rows:  "data.list",
	daily: "the dimension stat_time_day",
	columns: map[string]use{
		"dimensions.stattimeday":  {column: colDate},
		"dimensions.stattimehour": {column: colDate},
		"dimensions.advertiserid": {column: colAccount, rank: 1},
		"metrics.advertiserid":    {column: colAccount},
		"metrics.currency":        {column: colCurrency},
		"metrics.campaignname":    {column: colCampaign},
		"dimensions.campaignid":   {column: colCampaignID, rank: 1},
		"metrics.campaignid":      {column: colCampaignID},
		"metrics.adgroupname":     {column: colAdgroup},
		"dimensions.adgroupid":    {column: colAdgroupID, rank: 1},
		"metrics.adgroupid":       {column: colAdgroupID},
		"metrics.adname":          {column: colAd},
		"dimensions.adid":         {column: colAdID},
		"metrics.spend":           {column: colCost},
		"metrics.clicks":          {column: colClicks},
		"metrics.impressions":     {column: colImpressions},
	},
	around: func(s *surroundings) (bool, error) {
		pages, _ := strconv.Atoi(s.values["data.pageinfo.totalpage"])
		if code := s.values["code"]; code != "" && code != "0" {
			return false, s.refusal("message")
		}
		return pages > 1, nil
	},
}
