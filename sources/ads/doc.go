// Package ads reads the leads that advertising platforms send from forms
// inside their own advertisements.
//
// Its law: the platform's ids of campaign, ad group and ad are kept as text,
// digit for digit, so that leads and costs meet, with their names as attributes
// (campaign_name, ad_name …); and what the platform does not say, such as utm
// parameters, is not invented here.
package ads

import "github.com/leadgate/leadgate/ingest"

// paidOn returns the platform if the lead names an advertisement of it, and ""
// if not: such forms are shown without one, too.
func paidOn(platform string, lead *ingest.Lead) string {
	if lead.AdID == "" && lead.AdgroupID == "" && lead.CampaignID == "" {
		return ""
	}
	return platform
}
