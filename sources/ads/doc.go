// Package ads reads the leads that advertising platforms send from forms
// inside their own advertisements.
//
// Its law: the platform's ids of campaign, ad group and ad are kept as text,
// digit for digit, so that leads and costs meet, with their names as attributes
// (campaign_name, ad_name …); and what the platform does not say, such as utm
// parameters, is not invented here.
package ads
