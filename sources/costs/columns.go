package costs

import (
	"fmt"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// column is what a column of a cost file says.
type column int

const (
	colDate column = iota
	colStart
	colEnd
	colPeriod
	colPlatform
	colSource
	colMedium
	colAccount
	colCampaign
	colCampaignID
	colAdgroup
	colAdgroupID
	colAd
	colAdID
	colKeyword
	colCost
	colCurrency
	colClicks
	colImpressions
	columnCount
)

// columnNames are the names of Leadgate's own format, which refusals use.
var columnNames = [columnCount]string{
	"date", "start", "end", "period", "platform", "source", "medium", "account", "campaign", "campaign_id",
	"adgroup", "adgroup_id", "ad", "ad_id", "keyword", "cost", "currency", "clicks", "impressions",
}

// use is a column under one of its names. Where a file has several columns
// for one thing the higher rank wins.
type use struct {
	column column
	rank   int
}

// format is one kind of cost file.
type format struct {
	platform, source, medium string
	columns                  map[string]use
	// own is Leadgate's own form: names are checked for slips of the pen, and
	// an empty cost is a fault.
	own bool
	// summaryUnnamed: the row of totals is known by its empty names only.
	summaryUnnamed bool
}

var formats = map[string]*format{
	// The header is date,source,medium,campaign,cost,currency,clicks,impressions
	// in any order; the names of GA4's cost data import are read as well:
	// https://support.google.com/analytics/answer/10071305
	"csv": {own: true, columns: columnsFrom([]names{
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
	})},
	// Reports of the Google Ads pages, downloaded as CSV:
	// https://support.google.com/google-ads/answer/2404176
	"google-ads-csv": {platform: "google", source: "google", medium: "cpc", columns: columnsFrom([]names{
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
	})},
	// Exports of Meta Ads Manager (Facebook, Instagram):
	// https://www.facebook.com/business/help/205131579539987
	"meta-csv": {platform: "facebook", source: "facebook", medium: "paid_social", summaryUnnamed: true, columns: columnsFrom([]names{
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
	})},
}

// names are the headers of one column, separated by commas, as headerName
// returns them.
type names struct {
	column column
	rank   int
	list   string
}

func columnsFrom(list []names) map[string]use {
	columns := make(map[string]use)
	for _, n := range list {
		for name := range strings.SplitSeq(n.list, ", ") {
			columns[name] = use{n.column, n.rank}
		}
	}
	return columns
}

var headerMarks = strings.NewReplacer("_", " ", "’", "'", "\u00a0", " ", "\u202f", " ", "ё", "е", "*", "")

// headerName returns a header cell in the form of the tables above.
func headerName(cell string) string {
	name := headerMarks.Replace(strings.ToLower(norm.NFC.String(cell)))
	return strings.TrimPrefix(strings.TrimSuffix(strings.Join(strings.Fields(name), " "), "."), "ga:")
}

// find returns what a header cell names, and the currency that stands behind
// the name of a cost column, as in "Amount spent (USD)".
func (f *format) find(cell string) (u use, currency string, ok bool) {
	name := headerName(cell)
	if u, ok = f.columns[name]; ok {
		return u, "", true
	}
	base, code, _ := strings.Cut(strings.TrimSuffix(name, ")"), " (")
	if u, ok = f.columns[base]; ok && u.column == colCost && knownCurrency(strings.ToUpper(code)) {
		return u, strings.ToUpper(code), true
	}
	return use{}, "", false
}

// misspelt returns a remark on a header cell of Leadgate's own format that is
// almost the name of a column which the file lacks: to leave out "curency"
// silently would be to count in another currency.
func (f *format) misspelt(header []string, t *table) string {
	if !f.own {
		return ""
	}
	for i, cell := range header {
		if _, _, known := f.find(cell); known {
			continue
		}
		name := strings.ReplaceAll(headerName(cell), " ", "_")
		for c, right := range columnNames {
			if len(right) >= 5 && column(c) > colPeriod && t.column[c] < 0 &&
				almost(name, right) {
				return fmt.Sprintf("column %d is almost named %s; name it so, or otherwise", i+1, right)
			}
		}
	}
	return ""
}

// almost tells whether a differs from b by one letter added, left out,
// replaced, or swapped with its neighbour.
func almost(a, b string) bool {
	if a == b {
		return false
	}
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	a, b = a[i:], b[i:]
	switch {
	case len(a) == len(b) && len(a) >= 2 && a[0] == b[1] && a[1] == b[0] && a[2:] == b[2:]:
		return true
	case len(a) == len(b):
		return a[1:] == b[1:]
	case len(a) == len(b)+1:
		return a[1:] == b
	case len(a)+1 == len(b):
		return a == b[1:]
	}
	return false
}
