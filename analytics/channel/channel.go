package channel

import (
	"regexp"
	"strings"
)

// The channels, in the order of their rules: the first that matches wins.
const (
	Direct          = "Direct"
	CrossNetwork    = "Cross-network"
	PaidShopping    = "Paid Shopping"
	PaidSearch      = "Paid Search"
	PaidSocial      = "Paid Social"
	PaidVideo       = "Paid Video"
	Display         = "Display"
	PaidOther       = "Paid Other"
	OrganicShopping = "Organic Shopping"
	OrganicSocial   = "Organic Social"
	OrganicVideo    = "Organic Video"
	OrganicSearch   = "Organic Search"
	Referral        = "Referral"
	Email           = "Email"
	Affiliates      = "Affiliates"
	Audio           = "Audio"
	SMS             = "SMS"
	MobilePush      = "Mobile Push"
	Unassigned      = "Unassigned"
)

// All lists the channels in the order of their rules.
var All = [...]string{
	Direct, CrossNetwork, PaidShopping, PaidSearch, PaidSocial, PaidVideo, Display, PaidOther, OrganicShopping,
	OrganicSocial, OrganicVideo, OrganicSearch, Referral, Email, Affiliates, Audio, SMS, MobilePush, Unassigned,
}

// The source and medium of a visit of which nothing is known, as GA4 writes them.
const (
	DirectSource = "(direct)"
	NoMedium     = "(none)"
)

// Result is a channel and the source and medium that it follows from.
type Result struct {
	Channel string
	// Source and Medium are lower case and trimmed; for a visit without tags
	// they are what its click id or referrer says, or "(direct)", "(none)".
	Source, Medium string
	// Inferred tells that a click id stood in for a missing source or medium.
	// What a tag or a referrer says outright is not inferred.
	Inferred bool
}

// paid is PAID of the GA4 rules, for lower-case text: ^(.*cp.*|ppc|retargeting|paid.*)$
// without the time that a regular expression takes. Its dot is no line break.
func paid(medium string) bool {
	return medium == "ppc" || medium == "retargeting" ||
		(strings.Contains(medium, "cp") || strings.HasPrefix(medium, "paid")) && !strings.Contains(medium, "\n")
}

// shopCampaign is SHOP of the GA4 rules, for lower-case text. RE2 runs it in
// time linear in the text, whatever a sender puts into a tag.
var shopCampaign = regexp.MustCompile(`^(.*(([^a-df-z]|^)shop|shopping).*)$`)

func shops(campaign string) bool {
	return strings.Contains(campaign, "shop") && shopCampaign.MatchString(campaign) // hardly any does
}

// Classify says which channel a visit belongs to. The first three arguments
// are the utm tags as sent (any case, "" where absent), clickIDs are by
// canonical parameter name (ingest.ClickIDParams), referrer and pageURL are
// URLs or "". Safe for concurrent use.
func Classify(source, medium, campaign string, clickIDs map[string]string, referrer, pageURL string) Result {
	r := Result{Source: fold(source), Medium: fold(medium)}
	if r.Source == "" || r.Medium == "" {
		r.infer(clickIDs, referrer, pageURL)
	}
	r.Channel = group(r.Source, r.Medium, fold(campaign))
	if r.Source == "" && r.Medium == "" {
		r.Source, r.Medium = DirectSource, NoMedium
	}
	return r
}

// OfAd is Classify for a lead that was given on an advertising platform's own
// form: where neither tags nor a click id say so, the platform was paid by the
// click. An empty platform is none.
func OfAd(platform, source, medium, campaign string, clickIDs map[string]string, referrer, pageURL string) Result {
	r := Result{Source: fold(source), Medium: fold(medium)}
	if platform == "" || r.Source != "" && r.Medium != "" || r.Source != "" && Platform(r.Source) != platform {
		return Classify(source, medium, campaign, clickIDs, referrer, pageURL)
	}
	r.infer(clickIDs, "", "")
	r.fill(platform, "cpc", true)
	r.Channel = group(r.Source, r.Medium, fold(campaign))
	return r
}

// OfCost says which channel money was spent on. A cost without a medium is
// taken as paid by the click, since free traffic costs nothing.
func OfCost(source, medium, campaign string) Result {
	if fold(medium) == "" {
		medium = "cpc"
	}
	return Classify(source, medium, campaign, nil, "", "")
}

func fold(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// group applies the rules of the GA4 default channel grouping to lower-case
// text; the first that matches wins.
func group(source, medium, campaign string) string {
	switch {
	case source == "" && medium == "",
		source == DirectSource && (medium == NoMedium || medium == "(not set)" || medium == ""):
		return Direct
	case strings.Contains(campaign, "cross-network"):
		return CrossNetwork
	}
	kind := lists.ofSource(source).kind
	shop := kind == shopping || shops(campaign)
	if paid(medium) {
		return paidGroup(kind, shop, medium)
	}
	switch medium {
	case "display", "banner", "expandable", "interstitial":
		return Display
	}
	switch {
	case shop:
		return OrganicShopping
	case kind == social || socialMedium(medium):
		return OrganicSocial
	case kind == video || strings.Contains(medium, "video"):
		return OrganicVideo
	case kind == search || medium == "organic":
		return OrganicSearch
	case medium == "referral" || medium == "app" || medium == "link":
		return Referral
	case isEmail(source) || isEmail(medium):
		return Email
	case medium == "affiliate":
		return Affiliates
	case medium == "audio":
		return Audio
	case source == "sms" || medium == "sms":
		return SMS
	case strings.HasSuffix(medium, "push"), strings.Contains(medium, "mobile"),
		strings.Contains(medium, "notification"), source == "firebase":
		return MobilePush
	}
	return Unassigned
}

// paidGroup is group for a medium that means paid.
func paidGroup(kind kind, shop bool, medium string) string {
	switch {
	case shop:
		return PaidShopping
	case kind == search:
		return PaidSearch
	case kind == social:
		return PaidSocial
	case kind == video:
		return PaidVideo
	case medium == "cpm":
		return Display
	}
	return PaidOther
}

func socialMedium(medium string) bool {
	switch medium {
	case "social", "social-network", "social-media", "sm", "social network", "social media":
		return true
	}
	return false
}

func isEmail(s string) bool {
	switch s {
	case "email", "e-mail", "e_mail", "e mail":
		return true
	}
	return false
}
