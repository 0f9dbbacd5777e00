package channel

import (
	"strings"

	"golang.org/x/net/publicsuffix"
)

// clickSource is what a click id says about where its visitor came from.
type clickSource struct{ param, source, medium string }

// paidClicks are the click ids that prove a paid click, and then those which
// platforms put on little else, in order of trust.
var paidClicks = [...]clickSource{
	{"gclid", "google", "cpc"},
	{"gbraid", "google", "cpc"},
	{"wbraid", "google", "cpc"},
	{"msclkid", "bing", "cpc"},
	{"yclid", "yandex", "cpc"},
	{"dclid", "google", "display"},
	{"ttclid", "tiktok", "cpc"},
	{"twclid", "twitter", "cpc"},
	{"li_fat_id", "linkedin", "cpc"},
	{"sccid", "snapchat", "cpc"},
	{"rdt_cid", "reddit", "cpc"},
	{"irclickid", "impact", "affiliate"},
}

// freeClicks are the click ids that platforms put on unpaid links too: they
// name the site when no referrer does, and never prove a paid click.
var freeClicks = [...]clickSource{
	{"ysclid", "yandex", "organic"},
	{"fbclid", "facebook", "referral"},
	{"epik", "pinterest", "referral"},
	{"rb_clickid", "vk", "referral"},
}

// infer fills what the tags leave open. A stated source or medium stands.
func (r *Result) infer(clickIDs map[string]string, referrer, pageURL string) {
	if click, ok := find(paidClicks[:], clickIDs); ok {
		if click.source == "google" && click.medium == "cpc" && lists.ofHost(hostOf(referrer)).name == "youtube" {
			click.source = "youtube"
		}
		r.fill(click.source, click.medium, true)
		return
	}
	if r.Source != "" {
		return // without proof of payment a stated source says all there is
	}
	if source, medium := ofReferrer(referrer, pageURL); source != "" {
		r.fill(source, medium, false)
		return
	}
	if click, ok := find(freeClicks[:], clickIDs); ok {
		r.fill(click.source, click.medium, true)
	}
}

// fill sets source and medium where they are empty.
func (r *Result) fill(source, medium string, inferred bool) {
	if r.Source == "" {
		r.Source = source
	}
	if r.Medium == "" {
		r.Medium = medium
	}
	r.Inferred = inferred
}

func find(known []clickSource, clickIDs map[string]string) (clickSource, bool) {
	if len(clickIDs) == 0 {
		return clickSource{}, false
	}
	for _, click := range known {
		if clickIDs[click.param] != "" {
			return click, true
		}
	}
	return clickSource{}, false
}

// ofReferrer says what source and medium a referrer means; "" where it means
// nothing: no referrer, the page's own site, a payment or sign-in page.
func ofReferrer(referrer, pageURL string) (source, medium string) {
	host := hostOf(referrer)
	if host == "" || sameSite(host, hostOf(pageURL)) {
		return "", ""
	}
	switch site := lists.ofHost(host); site.kind {
	case passage:
		return "", ""
	case search:
		return site.name, "organic"
	case unknown:
		return strings.TrimPrefix(host, "www."), "referral"
	default:
		return site.name, "referral"
	}
}

// hostOf returns the lower-case host of a URL, "" if there is none. It takes
// what browsers and apps send: https://host:port/path, //host, android-app://id,
// and a bare host.
func hostOf(url string) string {
	scheme, rest, found := strings.Cut(url, "//")
	if !found || strings.ContainsAny(scheme, "/?#.") { // a bare host, or nothing of use: about:blank, mailto:
		if rest = url; !strings.Contains(rest, ".") || strings.ContainsAny(rest, ":@ ") {
			return ""
		}
	}
	if end := strings.IndexAny(rest, "/?#\\"); end >= 0 {
		rest = rest[:end]
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = rest[at+1:]
	}
	if strings.HasPrefix(rest, "[") { // an IPv6 address
		if end := strings.IndexByte(rest, ']'); end >= 0 {
			return strings.ToLower(rest[:end+1])
		}
		return ""
	}
	rest, _, _ = strings.Cut(rest, ":")
	if len(rest) > 253 || strings.ContainsAny(rest, " \t\r\n\x00") {
		return "" // no host name is so long, RFC 1035 §2.3.4
	}
	return strings.ToLower(strings.TrimSuffix(rest, "."))
}

// sameSite tells whether two hosts belong to one registrable domain.
func sameSite(a, b string) bool {
	if a == b || b == "" {
		return a == b
	}
	siteA, errA := publicsuffix.EffectiveTLDPlusOne(a)
	siteB, errB := publicsuffix.EffectiveTLDPlusOne(b)
	return errA == nil && errB == nil && siteA == siteB && !isIPv4(a)
}

func isIPv4(host string) bool {
	return host != "" && strings.Trim(host, "0123456789.") == ""
}
