package costs

import "strings"

// googleColumns are reports of the Google Ads pages, downloaded as CSV, in
// several languages. Amounts are in units of the currency.
// https://support.google.com/google-ads/answer/2404176
var googleColumns = columnsFrom([]names{
	{colDate, 0, "day, tag, jour, día, dia, день, giorno, datum, date"},
	{colPeriod, 0, "week, month, quarter, year, woche, monat, quartal, jahr, semaine, mois, trimestre, année, " +
		"semana, mes, año, неделя, месяц, квартал, год"},
	{colAccount, 1, "customer id, kundennummer, kunden-id, numéro client, id client, n° client, id de cliente, " +
		"id del cliente, идентификатор клиента"},
	{colAccount, 0, "account, account name, konto, kontoname, compte, nom du compte, cuenta, nombre de la cuenta, " +
		"аккаунт, название аккаунта"},
	{colCampaign, 0, "campaign, campaign name, kampagne, kampagnenname, campagne, nom de la campagne, campaña, " +
		"nombre de la campaña, кампания, название кампании"},
	{colCampaignID, 0, "campaign id, kampagnen-id, kampagnen id, id de campagne, id de la campagne, id campagne, " +
		"id de campaña, id de la campaña, идентификатор кампании, id кампании"},
	{colAdgroup, 0, "ad group, ad group name, anzeigengruppe, groupe d'annonces, grupo de anuncios, группа объявлений"},
	{colAdgroupID, 0, "ad group id, anzeigengruppen-id, id du groupe d'annonces, id de groupe d'annonces, " +
		"id de grupo de anuncios, id del grupo de anuncios, идентификатор группы объявлений, id группы объявлений"},
	{colAd, 0, "ad name, anzeigenname, nom de l'annonce, nombre del anuncio, название объявления"},
	{colAdID, 0, "ad id, anzeigen-id, id de l'annonce, id d'annonce, id de anuncio, id del anuncio, " +
		"идентификатор объявления, id объявления"},
	{colKeyword, 1, "search keyword, suchkeyword, mot clé du réseau de recherche, mot clé pour le réseau de recherche, " +
		"palabra clave de búsqueda, поисковое ключевое слово"},
	{colKeyword, 0, "keyword, suchbegriff, mot clé, mot-clé, palabra clave, ключевое слово"},
	{colCost, 0, "cost, kosten, coût, coste, costo, costes, расходы, стоимость"},
	{colCurrency, 0, "currency code, currency, währungscode, währung, code de devise, code de la devise, devise, " +
		"code devise, código de moneda, código de la moneda, moneda, divisa, код валюты, валюта"},
	{colClicks, 0, "clicks, klicks, clics, clic, клики"},
	{colImpressions, 0, "impr, impressions, impressionen, impresiones, показы"},
})

// googleJSON is what the API answers to a query: of searchStream an array, which
// is the whole answer, of search an object, which is a page of it. Amounts are in
// micros, and whole numbers are texts.
// https://developers.google.com/google-ads/api/rest/common/search
var googleJSON = &jsonForm{
	rows:  "results",
	money: inMicros,
	columns: map[string]use{
		"segments.date":                 {column: colDate},
		"segments.week":                 {column: colPeriod},
		"segments.month":                {column: colPeriod},
		"segments.quarter":              {column: colPeriod},
		"segments.year":                 {column: colPeriod},
		"customer.id":                   {column: colAccount, rank: 2},
		"customer.resourcename":         {column: colAccount, rank: 1},
		"campaign.resourcename":         {column: colAccount},
		"customer.currencycode":         {column: colCurrency},
		"campaign.name":                 {column: colCampaign},
		"campaign.id":                   {column: colCampaignID},
		"adgroup.name":                  {column: colAdgroup},
		"adgroup.id":                    {column: colAdgroupID},
		"adgroupad.ad.name":             {column: colAd},
		"adgroupad.ad.id":               {column: colAdID},
		"adgroupcriterion.keyword.text": {column: colKeyword, rank: 1},
		"segments.keyword.info.text":    {column: colKeyword},
		"metrics.costmicros":            {column: colCost},
		"metrics.clicks":                {column: colClicks},
		"metrics.impressions":           {column: colImpressions},
	},
	cell: func(path, text string) string {
		if strings.HasSuffix(path, ".resourcename") { // customers/1234567890/campaigns/20000000002
			text, _, _ = strings.Cut(strings.TrimPrefix(text, "customers/"), "/")
		}
		return text
	},
	promised: "fieldmask",
	around: func(s *surroundings) (bool, error) {
		return !s.array, s.failed("error.message", "error.status")
	},
}
