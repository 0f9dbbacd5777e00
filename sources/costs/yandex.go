package costs

import (
	"strconv"
	"strings"
)

// yandexDirectColumns are Yandex Direct's reports as its API sends them: tabs
// between cells that are not quoted, a title above the header and a line "Total
// rows: 2" below the rows, unless these were switched off. Amounts are in micros,
// or in units if the request said returnMoneyInMicros: false: then they have
// decimals. Whole numbers that would be less than a hundredth are refused, for
// they may be units; options.money says which. The currency is the source's.
// https://yandex.com/dev/direct/doc/reports/report-format.html
var yandexDirectColumns = columnsFrom([]names{
	{colDate, 0, "date"},
	{colPeriod, 0, "week, month, quarter, year"},
	{colAccount, 0, "clientlogin"},
	{colCampaign, 0, "campaignname"},
	{colCampaignID, 0, "campaignid"},
	{colAdgroup, 0, "adgroupname"},
	{colAdgroupID, 0, "adgroupid"},
	{colAdID, 0, "adid"},
	{colKeyword, 2, "keyword"},
	{colKeyword, 1, "criterion"},
	{colKeyword, 0, "criteria"},
	{colCost, 0, "cost"},
	{colCurrency, 0, "currency"},
	{colClicks, 0, "clicks"},
	{colImpressions, 0, "impressions"},
})

// yandexDirectJSON is what the API answers instead of a report if it cannot make
// one.
var yandexDirectJSON = &jsonForm{
	rows: "\x00", // none
	around: func(s *surroundings) (bool, error) {
		return false, s.failed("error.errordetail", "error.errorstring", "error.errorcode")
	},
}

func yandexDirectNote(text string) (int, error) {
	if count, ok := strings.CutPrefix(text, "Total rows:"); ok {
		if n, err := strconv.Atoi(strings.TrimSpace(count)); err == nil && n >= 0 {
			return n, nil
		}
	}
	return -1, nil
}

// yandexMetricaColumns are the file of expenses that Yandex Metrica takes.
// Amounts are in units, without VAT, with a point for decimals. A date may be a
// range there ("2026-01-01/2026-01-31"), which is refused here: what was spent on
// which of its days is not known.
// https://yandex.com/support/metrica/en/ad/data-format
var yandexMetricaColumns = columnsFrom([]names{
	{colDate, 0, "date"},
	{colSource, 0, "utmsource, utm source"},
	{colMedium, 0, "utmmedium, utm medium"},
	{colCampaign, 0, "utmcampaign, utm campaign"},
	{colKeyword, 0, "utmterm, utm term"},
	{colAd, 0, "utmcontent, utm content"},
	{colCost, 0, "expenses"},
	{colCurrency, 0, "currency"},
	{colClicks, 0, "clicks"},
})
