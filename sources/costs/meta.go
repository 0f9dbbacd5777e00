package costs

// metaColumns are exports of Meta Ads Manager (Facebook, Instagram), in several
// languages.
// https://www.facebook.com/business/help/205131579539987
var metaColumns = columnsFrom([]names{
	{colDate, 0, "day, date, tag, jour, día, dia, день"},
	{colStart, 0, "reporting starts, reporting start, berichtsstart, berichtsbeginn, auswertungsbeginn, " +
		"début des rapports, début du rapport, inicio del informe, comienzo del informe, inicio de los informes, " +
		"дата начала отчетности, начало отчетности, дата начала отчета"},
	{colEnd, 0, "reporting ends, reporting end, berichtsende, auswertungsende, fin des rapports, fin du rapport, " +
		"fin del informe, finalización del informe, fin de los informes, " +
		"дата окончания отчетности, окончание отчетности, дата окончания отчета"},
	{colPeriod, 0, "week, month, woche, monat, semaine, mois, semana, mes, неделя, месяц"},
	{colAccount, 1, "account id, konto-id, werbekonto-id, id du compte, id de la cuenta, " +
		"идентификатор аккаунта, id аккаунта"},
	{colAccount, 0, "account name, kontoname, nom du compte, nombre de la cuenta, название аккаунта, имя аккаунта"},
	{colCampaign, 0, "campaign name, campaign, kampagnenname, name der kampagne, nom de la campagne, " +
		"nombre de la campaña, название кампании"},
	{colCampaignID, 0, "campaign id, kampagnen-id, id der kampagne, id de la campagne, id de campagne, " +
		"id de la campaña, id de campaña, идентификатор кампании, id кампании"},
	{colAdgroup, 0, "ad set name, adset name, ad set, anzeigengruppenname, name der anzeigengruppe, " +
		"nom de l'ensemble de publicités, nom de l'ensemble publicitaire, nombre del conjunto de anuncios, " +
		"название группы объявлений"},
	{colAdgroupID, 0, "ad set id, adset id, anzeigengruppen-id, id de l'ensemble de publicités, " +
		"id de l'ensemble publicitaire, id del conjunto de anuncios, идентификатор группы объявлений, id группы объявлений"},
	{colAd, 0, "ad name, ad, anzeigenname, name der werbeanzeige, name der anzeige, nom de la publicité, " +
		"nombre del anuncio, название объявления"},
	{colAdID, 0, "ad id, anzeigen-id, id der werbeanzeige, id de la publicité, id del anuncio, " +
		"идентификатор объявления, id объявления"},
	{colCost, 0, "amount spent, spend, ausgegebener betrag, montant dépensé, importe gastado, cantidad gastada, " +
		"потраченная сумма, сумма затрат, расходы"},
	{colCurrency, 0, "currency, währung, devise, divisa, moneda, валюта"},
	{colClicks, 1, "link clicks, link-klicks, linkklicks, clics sur un lien, clics sur le lien, clics sur lien, " +
		"clics en el enlace, clics en enlaces, клики по ссылке, клики по ссылкам"},
	{colClicks, 0, "clicks (all), clicks, klicks (alle), clics (tous), clics (todos), клики (все)"},
	{colImpressions, 0, "impressions, impressionen, impresiones, показы"},
})

// metaJSON is what the Insights API answers. A row is about one day only with
// time_increment=1; all numbers are texts. An answer that names a next or a
// previous page is a part of one.
// https://developers.facebook.com/docs/marketing-api/reference/ads-insights
var metaJSON = &jsonForm{
	rows:  "data",
	daily: "time_increment=1",
	columns: map[string]use{
		"datestart":        {column: colStart},
		"datestop":         {column: colEnd},
		"accountid":        {column: colAccount, rank: 1},
		"accountname":      {column: colAccount},
		"accountcurrency":  {column: colCurrency},
		"campaignname":     {column: colCampaign},
		"campaignid":       {column: colCampaignID},
		"adsetname":        {column: colAdgroup},
		"adsetid":          {column: colAdgroupID},
		"adname":           {column: colAd},
		"adid":             {column: colAdID},
		"spend":            {column: colCost},
		"clicks":           {column: colClicks, rank: 1},
		"inlinelinkclicks": {column: colClicks},
		"impressions":      {column: colImpressions},
	},
	around: func(s *surroundings) (bool, error) {
		return s.values["paging.next"] != "" || s.values["paging.previous"] != "", s.failed("error.message", "error.type")
	},
}
