package costs

// ownColumns are those of Leadgate's own form: the header is
// date,source,medium,campaign,cost,currency,clicks,impressions in any order. The
// names of Google Analytics' cost data import are read as well, those of
// Universal Analytics (ga:adCost) too. There a user names the columns as they
// like: options.mapping says how.
// https://support.google.com/analytics/answer/10071305
var ownColumns = columnsFrom([]names{
	{colDate, 0, "date, day"},
	{colPlatform, 0, "platform"},
	{colSource, 0, "source, utm source, campaign source"},
	{colMedium, 0, "medium, utm medium, campaign medium"},
	{colAccount, 0, "account, account id"},
	{colCampaign, 0, "campaign, campaign name, utm campaign"},
	{colCampaignID, 0, "campaign id, utm id"},
	{colAdgroup, 0, "adgroup, ad group, adset, ad set"},
	{colAdgroupID, 0, "adgroup id, ad group id, adset id, ad set id"},
	{colAd, 0, "ad, ad name, utm content, ad content"},
	{colAdID, 0, "ad id, creative id"},
	{colKeyword, 0, "keyword, utm term, term"},
	{colCost, 0, "cost, spend, amount spent, ad cost, adcost"},
	{colCurrency, 0, "currency, currency code"},
	{colClicks, 0, "clicks, ad clicks, adclicks"},
	{colImpressions, 0, "impressions, impr"},
})

// ownJSON is the same as an object, an array of objects, or objects one after the
// other. What is sent may be a part of a day, so it replaces no more than its own
// rows, unless options.replace says otherwise.
var ownJSON = &jsonForm{columns: pathsFrom(ownColumns), around: func(*surroundings) (bool, error) { return true, nil }}
