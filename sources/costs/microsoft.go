package costs

import (
	"errors"
	"strconv"
	"strings"
)

// microsoftColumns are Microsoft Advertising's reports as CSV: above the header
// a block that says what the report is, below the rows a line of copyright.
// Amounts are in units, dates month first where they are not ISO. Rows by the
// hour (2026-01-04|13) are counted to their day.
// https://learn.microsoft.com/advertising/guides/reports
var microsoftColumns = columnsFrom([]names{
	{colDate, 1, "timeperiod, time period, gregoriandate, gregorian date"},
	{colDate, 0, "day, date"},
	{colPeriod, 0, "week, month, quarter, year, hourofday, hour of day, dayofweek, day of week"},
	{colAccount, 2, "accountid, account id"},
	{colAccount, 1, "accountnumber, account number"},
	{colAccount, 0, "accountname, account name, account"},
	{colCampaign, 0, "campaignname, campaign name, campaign"},
	{colCampaignID, 0, "campaignid, campaign id"},
	{colAdgroup, 0, "adgroupname, ad group name, adgroup, ad group"},
	{colAdgroupID, 0, "adgroupid, ad group id"},
	{colAd, 0, "adtitle, ad title, ad name, ad"},
	{colAdID, 0, "adid, ad id"},
	{colKeyword, 0, "keyword"},
	{colCost, 0, "spend, cost"},
	{colCurrency, 0, "currencycode, currency code, currency"},
	{colClicks, 0, "clicks"},
	{colImpressions, 0, "impressions, impr"},
})

// microsoftNote reads a line of the block: without it a week that is told by its
// first day would pass for that day.
func microsoftNote(text string) (int, error) {
	name, value, _ := strings.Cut(text, ":")
	switch value = strings.TrimSpace(value); strings.ToLower(name) {
	case "report aggregation":
		switch strings.ToLower(value) {
		case "daily", "hourly", "":
		default:
			return -1, errors.New("the report's aggregation is not by day; make it with the aggregation Daily")
		}
	case "rows":
		if n, err := strconv.Atoi(value); err == nil && n >= 0 {
			return n, nil
		}
	}
	return -1, nil
}
